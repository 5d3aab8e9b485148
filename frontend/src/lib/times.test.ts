import { describe, expect, it } from "vitest";
import { dayName, isSameDay, lastSeen, shortAge } from "./times";

const now = new Date(2026, 10, 22, 14, 0);
const before = (minutes: number): string => new Date(now.getTime() - minutes * 60_000).toISOString();

describe("times", () => {
  it("are short in lists", () => {
    expect(shortAge(before(0), now)).toBe("now");
    expect(shortAge(before(-3), now)).toBe("now"); // the server's clock may be ahead
    expect(shortAge(before(5), now)).toBe("5 min");
    expect(shortAge(before(60 * 24), now)).toBe(new Intl.DateTimeFormat(undefined, { weekday: "short" }).format(new Date(before(60 * 24))));
  });

  it("name today and yesterday", () => {
    expect(dayName(before(10), now)).toBe("Today");
    expect(dayName(before(60 * 15), now)).toBe("Yesterday");
  });

  it("know days by the local calendar", () => {
    expect(isSameDay(new Date(2026, 10, 22, 0, 1).toISOString(), new Date(2026, 10, 22, 23, 59).toISOString())).toBe(true);
    expect(isSameDay(new Date(2026, 10, 22, 23, 59).toISOString(), new Date(2026, 10, 23, 0, 1).toISOString())).toBe(false);
  });

  it("say when somebody was seen last, or nothing", () => {
    expect(lastSeen(null, now)).toBeNull();
    expect(lastSeen(before(0), now)).toBe("just now");
    expect(lastSeen(before(180), now)).toBe("3 hours ago");
  });
});
