import type { ReactElement } from "react";
import type { Methods } from "../../api/types";
import { useClient } from "../../state/context";
import { Button } from "../../ui/button";
import buttons from "../../ui/button.module.css";
import styles from "./sign-in.module.css";

export type Way = "link" | "password" | "sign-up";

interface Props {
  methods: Methods;
  way: Way;
  redirectTo: string;
  onChoose: (way: Way) => void;
}

/** What else this installation offers, below the way that is open. */
export function OtherWays({ methods, way, redirectTo, onChoose }: Props): ReactElement | null {
  const { auth } = useClient();
  if (!methods.password && !methods.google) return null;
  return (
    <div className={styles.ways}>
      {(methods.google || way !== "sign-up") && <p className={styles.or}>or</p>}
      {methods.google && (
        <a className={`${buttons.button} ${buttons.quiet}`} href={auth.googleUrl(redirectTo)}>
          <GoogleMark />
          Continue with Google
        </a>
      )}
      {way === "password" && (
        <Button look="quiet" onClick={() => onChoose("link")}>
          Sign in with a link by mail
        </Button>
      )}
      {way === "link" && methods.password && (
        <Button look="quiet" onClick={() => onChoose("password")}>
          Sign in with a password
        </Button>
      )}
      {methods.password && (
        <p className={styles.newHere}>
          {way === "sign-up" ? "Been here before?" : "New here?"}{" "}
          <Button look="text" onClick={() => onChoose(way === "sign-up" ? "password" : "sign-up")}>
            {way === "sign-up" ? "Sign in" : "Create an account"}
          </Button>
        </p>
      )}
    </div>
  );
}

function GoogleMark(): ReactElement {
  return (
    <svg width="18" height="18" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path fill="#4285f4" d="M23 12.300c0-.8-.1-1.600-.2-2.300H12v4.500h6.200a5.300 5.300 0 0 1-2.300 3.500v2.900h3.700c2.200-2 3.400-5 3.400-8.600Z" />
      <path fill="#34a853" d="M12 23.500c3.100 0 5.700-1 7.600-2.800l-3.700-2.900a7 7 0 0 1-10.400-3.600H1.700v3A11.500 11.500 0 0 0 12 23.500Z" />
      <path fill="#fbbc05" d="M5.500 14.200a6.900 6.900 0 0 1 0-4.400v-3H1.700a11.500 11.500 0 0 0 0 10.400l3.800-3Z" />
      <path fill="#ea4335" d="M12 5.100c1.700 0 3.200.6 4.400 1.700l3.300-3.300A11.500 11.500 0 0 0 1.700 6.800l3.800 3A6.800 6.800 0 0 1 12 5.100Z" />
    </svg>
  );
}
