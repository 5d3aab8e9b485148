import { useEffect, useState } from "react";
import { loadConfig } from "../api/config";
import { backoffMs } from "../lib/backoff";
import { Client } from "../state/client";
import { followOtherTabs } from "../state/other-tabs";

export interface Start {
  client: Client | null;
  /** The servers did not answer; it is being tried again. */
  trouble: boolean;
}

let client: Client | null = null;

async function begin(): Promise<Client> {
  if (client === null) {
    client = new Client(await loadConfig());
    followOtherTabs(client.session);
  }
  await client.session.restore();
  return client;
}

/** Reads the addresses and finds out who is signed in, as often as it takes. */
export function useStart(): Start {
  const [start, setStart] = useState<Start>({ client: null, trouble: false });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const attempt = (failures: number): void => {
      begin().then(
        (ready) => {
          if (!gone) setStart({ client: ready, trouble: false });
        },
        () => {
          if (gone) return;
          setStart({ client: null, trouble: true });
          timer = setTimeout(() => attempt(failures + 1), backoffMs(failures + 1));
        },
      );
    };
    attempt(0);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, []);
  return start;
}
