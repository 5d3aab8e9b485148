export const CONTENT_LIMIT = 8_000;

/** Length as the contract counts it: Unicode code points, not UTF-16 units. */
export function codePoints(text: string): number {
  // Every surrogate pair is two units and one code point; a lone half counts as one, as on the server.
  return text.length - (text.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0);
}

/** What the server would refuse in a text, taken out: NUL and halves of surrogate pairs. */
export function cleanContent(text: string): string {
  return text.replaceAll("\0", "").replace(/\p{Surrogate}/gu, "\uFFFD");
}

const EMOJI_ONLY = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|[\u200D\uFE0F\u20E3\s]|[#*0-9]\uFE0F?\u20E3)+$/u;
const LARGE_EMOJI = 6;

/** True for up to six emoji and nothing else: shown larger. */
export function isEmojiOnly(text: string): boolean {
  if (text.length > 80 || !/\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20E3/u.test(text) || !EMOJI_ONLY.test(text)) return false;
  const graphemes = [...new Intl.Segmenter().segment(text)].filter(({ segment }) => segment.trim() !== "");
  return graphemes.length <= LARGE_EMOJI;
}

/** One line for lists: white space of any kind becomes one blank. */
export function oneLine(text: string): string {
  return text.slice(0, 300).replace(/\s+/gu, " ").trim();
}

export function initialsOf(name: string): string {
  const words = name.trim().split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  const letters = chosen.map((word) => String.fromCodePoint(word?.codePointAt(0) ?? 0x3f));
  return letters.join("").toUpperCase();
}
