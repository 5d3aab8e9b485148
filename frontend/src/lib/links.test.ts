import { describe, expect, it } from "vitest";
import { splitLinks } from "./links";

const hrefs = (text: string): string[] => splitLinks(text).flatMap((part) => (part.kind === "link" ? [part.href] : []));

describe("links", () => {
  it.each([
    ["see https://example.org/a?b=c#d.", "https://example.org/a?b=c#d"],
    ["(https://example.org/x_(y))", "https://example.org/x_(y)"],
    ["www.example.org!", "https://www.example.org/"],
    ["write to ann@example.org, please", "mailto:ann@example.org"],
    ["HTTP://EXAMPLE.ORG", "http://example.org/"],
  ])("are found in %j", (text, href) => expect(hrefs(text)).toEqual([href]));

  it.each(["javascript:alert(1)", "data:text/html,x", "https://", "file:///etc/passwd", "a.b@c", "http:// space"])("are not made of %j", (text) => expect(hrefs(text)).toEqual([]));

  it.each(["a https://x.org b www.y.org c", "no links", "", "https://x.org", "<https://x.org> \"https://y.org\""])("lose nothing of %j", (text) => {
    expect(splitLinks(text).map((part) => part.text).join("")).toBe(text);
  });

  it("stay quick on long hostile text", () => {
    const began = performance.now();
    for (const text of ["a@".repeat(4_000), "https://".repeat(1_000), "www.".repeat(2_000), "https://x/" + ")".repeat(7_000), "a.".repeat(4_000), "a".repeat(8_000)]) splitLinks(text);
    expect(performance.now() - began).toBeLessThan(1_500);
  });
});
