import { describe, expect, it } from "vitest";
import { cleanContent, codePoints, initialsOf, isEmojiOnly, oneLine } from "./text";

describe("text", () => {
  it("is measured in code points", () => {
    expect(codePoints("a😀é")).toBe(3);
    expect(codePoints("😀".repeat(8_000))).toBe(8_000);
    expect(codePoints("\ud83d")).toBe(1);
  });

  it("loses only what the server would refuse", () => {
    expect(cleanContent("a\0b\ud83dc😀\n ")).toBe("ab\ufffdc😀\n ");
  });

  it.each(["😀", "👍🏽 🎉", "👩‍👩‍👧", "🇸🇪", "❤️", "3️⃣"])("knows %s as emoji only", (text) => expect(isEmojiOnly(text)).toBe(true));
  it.each(["", "3", "hi 😀", "©x", "#", "😀".repeat(7)])("knows %j is more than emoji", (text) => expect(isEmojiOnly(text)).toBe(false));

  it("gives initials of any name", () => {
    expect(["Ann Okafor", "ben", "ann.b-okafor", "  ", "ديانا خوري", "😀 Zoe", "李雷"].map(initialsOf)).toEqual(["AO", "B", "AO", "?", "دخ", "Z", "李"]);
  });

  it("becomes one line in lists", () => expect(oneLine(" a\n\n b\tc ")).toBe("a b c"));
});
