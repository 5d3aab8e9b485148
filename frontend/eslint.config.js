import hooks from "eslint-plugin-react-hooks";
import typescript from "typescript-eslint";

// lib → api → state, ui → features → app: a folder sees only those before it, and a feature never another one.
// (All imports are relative; eslint's own rule is enough, and needs no resolver with native parts.)
const hidden = {
  lib: ["api", "state", "ui", "features", "app"],
  api: ["state", "ui", "features", "app"],
  state: ["ui", "features", "app"],
  ui: ["state", "features", "app"],
  features: ["features", "app"],
};

const boundaries = Object.entries(hidden).map(([folder, unseen]) => ({
  files: [`src/${folder}/**/*.{ts,tsx}`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          { regex: `^(\\.\\./)+(${unseen.join("|")})(/|$)`, message: `${folder} comes before ${unseen.join(", ")}.` },
          // From src/features/x, `../y` is another feature.
          ...(folder === "features" ? [{ regex: "^\\.\\./[^.]", message: "Features never import each other." }] : []),
        ],
      },
    ],
  },
}));

export default typescript.config(
  { ignores: ["dist", "node_modules", "src/api/generated"] },
  ...typescript.configs.strictTypeChecked.map((config) => ({ ...config, files: ["src/**/*.{ts,tsx}"] })),
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "react-hooks": hooks },
    languageOptions: { parserOptions: { project: "./tsconfig.json" } },
    rules: {
      ...hooks.configs.recommended.rules,
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  ...boundaries,
);
