import { useState } from "react";
import { ApiError, inWords, isCode, isStatus, problemOf } from "../../api/errors";
import { useCountdown } from "./resend";

const UNSAID_WAIT_SECONDS = 60;

export interface Attempt {
  busy: boolean;
  /** Seconds until another try is worth it. */
  wait: number;
  /** What went wrong, for the form as a whole or for one of its fields. */
  problem: (field?: string) => string | null;
  /** Resolves to whether it worked. */
  run: (action: () => Promise<void>) => Promise<boolean>;
  forget: () => void;
}

/** One try of a form: busy meanwhile, and what came of it, in words. `fields` are those with a place for their problem. */
export function useAttempt(fields: readonly string[]): Attempt {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [wait, restart] = useCountdown(0);

  async function run(action: () => Promise<void>): Promise<boolean> {
    if (busy) return false;
    setBusy(true);
    setError(null);
    try {
      await action();
      return true;
    } catch (caught) {
      setError(caught);
      if (caught instanceof ApiError && caught.status === 429) restart(caught.retryAfterSeconds ?? UNSAID_WAIT_SECONDS);
      return false;
    } finally {
      setBusy(false);
    }
  }

  function problem(field?: string): string | null {
    if (error === null) return null;
    if (field !== undefined) return problemOf(error, field);
    if (fields.some((one) => problemOf(error, one) !== null)) return null;
    return words(error, wait);
  }

  return { busy, wait, problem, run, forget: () => setError(null) };
}

function words(error: unknown, wait: number): string | null {
  if (isCode(error, "invalid_credentials")) return "That e-mail address and password don’t belong together.";
  if (isCode(error, "not_offered")) return "This server doesn’t offer that way to sign in.";
  // The button counts down; once it is free again there is nothing to say.
  if (isStatus(error, 429)) return wait > 0 ? "Too many attempts." : null;
  return inWords(error);
}

/** The button's word, or how long it is not worth pressing. */
export function unlessWaiting(word: string, wait: number): string {
  if (wait === 0) return word;
  return wait < 100 ? `Try again in ${wait} s` : `Try again in ${Math.ceil(wait / 60)} min`;
}
