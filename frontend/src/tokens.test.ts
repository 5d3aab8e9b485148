import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("the dark colours are the same, whether the system or a person chose them", () => {
  const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
  const [chosen, system] = [/\[data-theme="dark"\] \{([^}]*)\}/, /:not\(\[data-theme\]\) \{([^}]*)\}/].map((block) => block.exec(css)?.[1]?.replace(/\s+/g, " "));
  expect(chosen).toBeDefined();
  expect(system).toBe(chosen);
});
