import { useState, type ReactElement } from "react";
import { ApiError, inWords } from "../../api/errors";
import { useClient } from "../../state/context";
import { Button } from "../../ui/button";
import { RESEND_SECONDS, useCountdown } from "./resend";

interface Props {
  email: string;
  redirectTo: string;
  waitSeconds: number;
  onProblem: (problem: string | null) => void;
}

export function Resend({ email, redirectTo, waitSeconds, onProblem }: Props): ReactElement {
  const { auth } = useClient();
  const [left, restart] = useCountdown(waitSeconds);
  const [busy, setBusy] = useState(false);
  const [again, setAgain] = useState(false);

  async function resend(): Promise<void> {
    setBusy(true);
    onProblem(null);
    try {
      await auth.requestLink(email, redirectTo);
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
      <Button look="text" disabled={left > 0 || busy} onClick={() => void resend()}>
        {left > 0 ? `Send again in ${left} s` : "Send again"}
      </Button>
      <span className="visually-hidden" role="status">
        {again ? "A new mail is on its way." : ""}
      </span>
    </>
  );
}
