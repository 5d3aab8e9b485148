import type { AnchorHTMLAttributes, ReactElement, Ref } from "react";
import { getRouter } from "../lib/router";

type Props = AnchorHTMLAttributes<HTMLAnchorElement> & { href: string; ref?: Ref<HTMLAnchorElement> };

/** A real link that changes the page in place, unless a new tab was asked for. */
export function Link({ onClick, ...rest }: Props): ReactElement {
  return (
    <a
      {...rest}
      onClick={(event) => {
        onClick?.(event);
        const elsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0;
        if (event.defaultPrevented || elsewhere) return;
        event.preventDefault();
        getRouter().go(rest.href);
      }}
    />
  );
}
