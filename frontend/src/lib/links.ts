export type TextPart = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };

// Every part is bounded: a message is up to 8,000 characters somebody else has chosen.
const CANDIDATE = /\b(?:https?:\/\/|www\.)[^\s<>"'`]{1,2000}|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b/giu;
const TRAILING = new Set(".,;:!?…\"'»”’*_~");
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
function trimLink(link: string): string {
  const surplus = new Map(Object.entries(BRACKETS).map(([close, open]) => [close, count(link, close) - count(link, open)]));
  let end = link.length;
  for (; end > 0; end -= 1) {
    const last = link.charAt(end - 1);
    const unopened = surplus.get(last) ?? 0;
    if (unopened > 0) surplus.set(last, unopened - 1);
    else if (!TRAILING.has(last)) break;
  }
  return link.slice(0, end);
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
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
