export type TextPart = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };

const CANDIDATE = /\b(?:https?:\/\/|www\.)[^\s<>"'`]+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b/giu;
const TRAILING = /[.,;:!?…"'»”’*_~]+$/u;
const BRACKETS: Record<string, string> = { ")": "(", "]": "[", "}": "{" };
const SAFE_PROTOCOLS = new Set(["http:", "https:", "mailto:"]);

/** Cuts a text into plain stretches and safe links (http, https and mailto only). */
export function splitLinks(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const shown = trimLink(match[0]);
    const href = safeAddress(shown);
    if (href === null) continue;
    if (match.index > end) parts.push({ kind: "text", text: text.slice(end, match.index) });
    parts.push({ kind: "link", text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return parts;
}

/** Punctuation that ends the sentence, and a bracket never opened inside, belong to the text around. */
function trimLink(candidate: string): string {
  let link = candidate;
  for (;;) {
    const shorter = link.replace(TRAILING, "");
    const last = shorter.at(-1) ?? "";
    const opening = BRACKETS[last];
    const unbalanced = opening !== undefined && shorter.split(opening).length < shorter.split(last).length;
    const next = unbalanced ? shorter.slice(0, -1) : shorter;
    if (next === link) return link;
    link = next;
  }
}

function safeAddress(shown: string): string | null {
  const address = /^https?:/iu.test(shown) ? shown : shown.includes("@") && !/^www\./iu.test(shown) ? `mailto:${shown}` : `https://${shown}`;
  try {
    const url = new URL(address);
    const whole = url.protocol === "mailto:" || url.hostname.length > 0;
    return whole && SAFE_PROTOCOLS.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
