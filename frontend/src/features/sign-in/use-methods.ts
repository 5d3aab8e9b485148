import { useEffect, useState } from "react";
import type { Methods } from "../../api/types";
import { useClient } from "../../state/context";

/** A link by mail is always offered. */
const LINK_ONLY = { link: true, password: false, google: false } as Methods;
const PATIENCE_MS = 1_500;

/** What may be offered here. Null until the server has said, so that nothing is put in below somebody's hands; not for long. */
export function useMethods(): Methods | null {
  const { auth } = useClient();
  const [methods, setMethods] = useState<Methods | null>(null);
  useEffect(() => {
    let gone = false;
    const settle = (found: Methods): void => {
      if (!gone) setMethods((held) => held ?? found);
    };
    const timer = setTimeout(() => settle(LINK_ONLY), PATIENCE_MS);
    auth.methods().then(settle, () => settle(LINK_ONLY));
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [auth]);
  return methods;
}
