const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** Doubles from half a second to 30 s; the jitter keeps thousands of tabs from returning in step. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return full / 2 + (full / 2) * random();
}
