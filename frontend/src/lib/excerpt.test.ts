import { describe, expect, it } from "vitest";
import { excerptOf } from "./excerpt";
import { codePoints } from "./text";

const shown = (content: string, ...highlights: [number, number][]): string =>
  excerptOf(content, highlights)
    .map(({ text, marked }) => (marked ? `[${text}]` : text))
    .join("");

describe("an excerpt", () => {
  it("marks every match of a short message", () => {
    expect(shown("lunch at noon, lunch!", [0, 5], [15, 20])).toBe("[lunch] at noon, [lunch]!");
  });

  it("counts emoji as the server does: by code points", () => {
    expect(shown("🚢🚢 ferry 👩‍🚀 ferry", [3, 8], [13, 18])).toBe("🚢🚢 [ferry] 👩‍🚀 [ferry]");
  });

  it("is one line", () => {
    expect(shown("first\n\n  second\tthird", [9, 15])).toBe("first [second] third");
  });

  it("begins some words before a match far inside, and ends some words after it", () => {
    const content = `${"before ".repeat(100)}match${" after".repeat(100)}`;
    const line = shown(content, [700, 705]);
    expect(line).toMatch(/^… (before ){4,8}\[match\]( after){20,40}/u);
    expect(line).toMatch(/…$/u);
  });

  it("never cuts what people see as one character", () => {
    const family = "👩‍👩‍👧";
    const content = `${family.repeat(60)}match${family.repeat(60)}`;
    const start = codePoints(family) * 60;
    const pieces = excerptOf(content, [[start, start + 5]]);
    for (const { text, marked } of pieces) if (!marked && !text.startsWith("…")) expect(text.replaceAll(family, "")).toBe("");
    expect(pieces.find(({ marked }) => marked)?.text).toBe("match");
  });

  it("marks what is there of a match that ends elsewhere", () => {
    expect(shown("short", [2, 400], [500, 600])).toBe("sh[ort]");
    expect(shown("short")).toBe("short");
    expect(shown("", [0, 4])).toBe("");
  });
});
