import type { KeyboardEvent } from "react";

/** Arrow keys, Home and End move between the links of a list; Tab passes them by. */
export function moveBetweenRows(event: KeyboardEvent<HTMLElement>): void {
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>("a")];
  const here = rows.findIndex((row) => row === document.activeElement);
  const steps: Record<string, number> = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: rows.length - 1 };
  const target = steps[event.key];
  if (target === undefined || here < 0) return;
  event.preventDefault();
  rows[Math.min(rows.length - 1, Math.max(0, target))]?.focus();
}
