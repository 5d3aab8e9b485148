import { useEffect, useState } from "react";

export const RESEND_SECONDS = 30;

/** Seconds left until zero, counted by the clock so that a sleeping tab does not fall behind. */
export function useCountdown(seconds: number): [number, (seconds: number) => void] {
  const [until, setUntil] = useState(() => Date.now() + seconds * 1_000);
  const [now, setNow] = useState(() => Date.now());
  const left = Math.max(0, Math.ceil((until - now) / 1_000));
  useEffect(() => {
    if (left === 0) return;
    const timer = setTimeout(() => setNow(Date.now()), 1_000);
    return () => clearTimeout(timer);
  }, [left, now]);
  const restart = (next: number): void => {
    setUntil(Date.now() + next * 1_000);
    setNow(Date.now());
  };
  return [left, restart];
}
