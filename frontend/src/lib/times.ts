const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const longWeekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const monthDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const fullDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const numericDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "numeric", year: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

function midnight(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

/** Whole local days from `at` back to `now`; rounded because a day may have 23 or 25 hours. */
export function daysAgo(at: Date, now: Date): number {
  return Math.round((midnight(now) - midnight(at)) / DAY_MS);
}

export function isSameDay(a: string, b: string): boolean {
  return midnight(new Date(a)) === midnight(new Date(b));
}

export function clockTime(at: string): string {
  return clock.format(new Date(at));
}

export function exactTime(at: string): string {
  return exact.format(new Date(at));
}

/** Short age for the conversation list: "now", "5 min", "14:02", "Tue", "3 Oct". */
export function shortAge(at: string, now: Date): string {
  const date = new Date(at);
  const age = now.getTime() - date.getTime();
  if (age < MINUTE_MS) return "now";
  if (age < 60 * MINUTE_MS) return `${Math.floor(age / MINUTE_MS)} min`;
  const days = daysAgo(date, now);
  if (days <= 0) return clock.format(date);
  if (days < 7) return weekday.format(date);
  return date.getFullYear() === now.getFullYear() ? monthDay.format(date) : numericDay.format(date);
}

/** Words of a day separator: "Today", "Yesterday", "Tuesday, 3 October", "3 October 2024". */
export function dayName(at: string, now: Date): string {
  const date = new Date(at);
  const days = daysAgo(date, now);
  if (days === 0 || days === 1) {
    const word = relative.format(-days, "day");
    return word.charAt(0).toUpperCase() + word.slice(1);
  }
  return date.getFullYear() === now.getFullYear() ? longWeekday.format(date) : fullDay.format(date);
}

/** "last seen" in words; null when it was never noticed. */
export function lastSeen(at: string | null | undefined, now: Date): string | null {
  if (at == null) return null;
  const minutes = Math.max(0, Math.floor((now.getTime() - new Date(at).getTime()) / MINUTE_MS));
  if (minutes < 1) return "just now";
  if (minutes < 60) return relative.format(-minutes, "minute");
  if (minutes < 24 * 60) return relative.format(-Math.floor(minutes / 60), "hour");
  const days = daysAgo(new Date(at), now);
  return days < 30 ? relative.format(-days, "day") : fullDay.format(new Date(at));
}
