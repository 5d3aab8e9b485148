import { useState, type ReactElement } from "react";
import { ApiError, inWords } from "../../api/errors";
import { Button } from "../../ui/button";
import { RESEND_SECONDS, useCountdown } from "./resend";

interface Props {
  resend: () => Promise<unknown>;
  waitSeconds: number;
  onProblem: (problem: string | null) => void;
}

export function Resend({ resend, waitSeconds, onProblem }: Props): ReactElement {
  const [left, restart] = useCountdown(waitSeconds);
  const [busy, setBusy] = useState(false);
  const [again, setAgain] = useState(false);

  async function ask(): Promise<void> {
    setBusy(true);
    onProblem(null);
    try {
      await resend();
      setAgain(true);
      restart(RESEND_SECONDS);
    } catch (error) {
      onProblem(inWords(error));
      if (error instanceof ApiError && error.retryAfterSeconds !== null) restart(error.retryAfterSeconds);
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      <Button look="text" disabled={left > 0 || busy} onClick={() => void ask()}>
        {left > 0 ? `Send again in ${left} s` : "Send again"}
      </Button>
      <span className="visually-hidden" role="status">
        {again ? "A new mail is on its way." : ""}
      </span>
    </>
  );
}
