export interface Piece {
  text: string;
  marked: boolean;
}

const LENGTH = 280;
const BEFORE = 56;

const graphemes = new Intl.Segmenter();

/**
 * The part of a message around the first place that matched, as one line. `highlights`: [start, end) in code points
 * of `content`, ascending and apart; strings here count UTF-16 units.
 */
export function excerptOf(content: string, highlights: readonly (readonly [number, number])[]): Piece[] {
  const marks = inUnits(content, highlights);
  const start = beginning(content, marks[0]?.[0] ?? 0);
  const end = content.length - start <= LENGTH ? content.length : wholeAt(content, start + LENGTH);
  const pieces: Piece[] = [];
  const add = (from: number, to: number, marked: boolean): void => {
    if (to > from) pieces.push({ text: content.slice(from, to).replace(/\s+/gu, " "), marked });
  };
  if (start > 0) pieces.push({ text: "… ", marked: false });
  let done = start;
  for (const [from, to] of marks) {
    if (from >= end) break;
    add(done, from, false);
    add(from, Math.min(to, end), true);
    done = Math.min(to, end);
  }
  add(done, end, false);
  if (end < content.length) pieces.push({ text: "…", marked: false });
  return pieces;
}

function inUnits(content: string, highlights: readonly (readonly [number, number])[]): [number, number][] {
  let unit = 0;
  let point = 0;
  const unitOf = (wanted: number): number => {
    for (; point < wanted && unit < content.length; point += 1) unit += (content.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
    return unit;
  };
  return highlights.map(([start, end]): [number, number] => [unitOf(start), unitOf(end)]).filter(([start, end]) => start < end);
}

/** Some words before the match, from the beginning of one of them if there are any. */
function beginning(content: string, match: number): number {
  if (match <= BEFORE) return 0;
  const from = wholeAt(content, match - BEFORE);
  const blank = content.slice(from, match).search(/\s\S/u);
  return blank < 0 ? from : from + blank + 1;
}

/** Where what people see as the character at `index` begins. */
function wholeAt(content: string, index: number): number {
  return graphemes.segment(content).containing(index)?.index ?? index;
}
