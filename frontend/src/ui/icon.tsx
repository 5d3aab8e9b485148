import type { ReactElement } from "react";

const shapes = {
  back: "M15 5l-7 7 7 7",
  compose: "M4 20h4L19 9a2.100 2.100 0 0 0-4-4L4 16v4ZM13.500 6.500l4 4",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM15.300 15.300 20 20",
  send: "M5 12h13M12.500 5.500 19 12l-6.500 6.500",
  down: "M12 5v14M5.500 12.500 12 19l6.500-6.500",
  check: "M5 12.500l4.500 4.500L19 7.500",
  seen: "M2.500 12.500 7 17l8.500-9M11.500 15.500 13 17l8.500-9",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7.500V12l3 2",
  alert: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7.500v5M12 16.200v.1",
  out: "M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M11 12h9M16.500 8.500 20 12l-3.500 3.500",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 3v2M12 19v2M3 12h2M19 12h2M5.600 5.600 7 7M17 17l1.400 1.400M5.600 18.400 7 17M17 7l1.400-1.400",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500Z",
  close: "M6 6l12 12M18 6 6 18",
  mail: "M4 6h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1ZM3.500 7.500 12 13.500l8.500-6",
  offline: "M3 3l18 18M8.500 16.500a5 5 0 0 1 7 0M5 12.900a10 10 0 0 1 4-2.400M19 12.900a10 10 0 0 0-5-2.700M2 8.800a15 15 0 0 1 4-2.600M22 8.800A15 15 0 0 0 10.700 5M12 20v.01",
} as const;

export type IconName = keyof typeof shapes;

/** A line drawing beside words; it never speaks for itself. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }): ReactElement {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.9" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}
