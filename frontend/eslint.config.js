import { readdirSync } from "node:fs";
import imports from "eslint-plugin-import-x";
import hooks from "eslint-plugin-react-hooks";
import typescript from "typescript-eslint";

const features = readdirSync("src/features");

// api, lib → state, ui → features → app; a feature never sees another one.
const zones = [
  { target: "./src/lib", from: ["./src/api", "./src/state", "./src/ui", "./src/features", "./src/app"] },
  { target: "./src/api", from: ["./src/state", "./src/ui", "./src/features", "./src/app"] },
  { target: "./src/state", from: ["./src/ui", "./src/features", "./src/app"] },
  { target: "./src/ui", from: ["./src/state", "./src/features", "./src/app"] },
  { target: "./src/features", from: "./src/app" },
  ...features.map((name) => ({
    target: `./src/features/${name}`,
    from: "./src/features",
    except: [`./${name}`],
  })),
];

export default typescript.config(
  { ignores: ["dist", "node_modules", "src/api/generated"] },
  ...typescript.configs.strictTypeChecked.map((config) => ({ ...config, files: ["src/**/*.{ts,tsx}"] })),
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "import-x": imports, "react-hooks": hooks },
    languageOptions: { parserOptions: { project: "./tsconfig.json" } },
    settings: {
      "import-x/resolver": { node: { extensions: [".ts", ".tsx"] } },
      "import-x/extensions": [".ts", ".tsx"],
    },
    rules: {
      ...hooks.configs.recommended.rules,
      "import-x/no-restricted-paths": ["error", { zones }],
      "import-x/no-cycle": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
);
