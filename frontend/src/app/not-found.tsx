import { useEffect, type ReactElement } from "react";
import { paths } from "../lib/router";
import { Link } from "../ui/link";
import { Notice } from "./notice";
import buttons from "../ui/button.module.css";

export function NotFound(): ReactElement {
  useEffect(() => {
    document.title = "Not found · Pulse";
  }, []);
  return (
    <Notice title="No pulse here" text="There is no page at this address. The link may be old, or a letter short.">
      <Link className={`${buttons.button} ${buttons.primary}`} href={paths.chat}>
        Go to your conversations
      </Link>
    </Notice>
  );
}
