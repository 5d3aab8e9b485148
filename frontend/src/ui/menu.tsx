import { useCallback, useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import { createPortal } from "react-dom";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";
import styles from "./menu.module.css";

export interface MenuItem {
  label: string;
  icon?: IconName;
  danger?: boolean;
  onChoose: () => void;
}

interface Props {
  /** What the button's menu is about, for those who hear it. */
  label: string;
  items: readonly MenuItem[];
  className?: string;
  tabIndex?: number;
}

const GAP_PX = 4;

/** A button and its menu, as ARIA wants them: arrows, Home and End move, Esc and Tab close, the focus comes back. */
export function Menu({ label, items, className = "", tabIndex }: Props): ReactElement {
  const [button, setButton] = useState<HTMLElement | null>(null);
  const id = useId();
  const open = button !== null;

  const close = useCallback(
    (back: boolean): void => {
      setButton(null);
      if (back) button?.focus();
    },
    [button],
  );

  return (
    <>
      <Button
        look="icon"
        className={`${styles.button ?? ""} ${className}`}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        data-menu=""
        tabIndex={tabIndex}
        onClick={(event) => setButton(open ? null : event.currentTarget)}
      >
        <Icon name="more" size={18} />
      </Button>
      {open && <Items id={id} label={label} items={items} button={button} onClose={close} />}
    </>
  );
}

interface ItemsProps {
  id: string;
  label: string;
  items: readonly MenuItem[];
  button: HTMLElement;
  onClose: (back: boolean) => void;
}

function Items({ id, label, items, button, onClose }: ItemsProps): ReactElement {
  const list = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    const menu = list.current;
    if (menu === null) return;
    const at = button.getBoundingClientRect();
    const size = menu.getBoundingClientRect();
    const below = at.bottom + GAP_PX + size.height <= window.innerHeight;
    menu.style.top = `${below ? at.bottom + GAP_PX : Math.max(GAP_PX, at.top - GAP_PX - size.height)}px`;
    menu.style.left = `${Math.max(GAP_PX, Math.min(at.right - size.width, window.innerWidth - size.width - GAP_PX))}px`;
    menu.querySelector<HTMLElement>("[role=menuitem]")?.focus();
  }, [button]);

  useEffect(() => {
    const stop = new AbortController();
    const outside = (event: Event): void => {
      const target = event.target as Node;
      if (list.current?.contains(target) !== true && !button.contains(target)) onClose(false);
    };
    document.addEventListener("pointerdown", outside, { signal: stop.signal });
    // The menu stands where its button stood.
    window.addEventListener("resize", () => onClose(false), { signal: stop.signal });
    document.addEventListener("scroll", outside, { signal: stop.signal, capture: true });
    return () => stop.abort();
  }, [button, onClose]);

  function onKeyDown(event: KeyboardEvent<HTMLElement>): void {
    event.stopPropagation();
    const rows = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=menuitem]")];
    const here = rows.findIndex((row) => row === document.activeElement);
    const steps: Record<string, number> = { ArrowDown: here + 1, ArrowUp: here - 1 + rows.length, Home: 0, End: rows.length - 1 };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      rows[step % rows.length]?.focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      onClose(true);
    }
  }

  // A modal dialog makes everything outside of it dead: the menu has to be inside.
  const place = button.closest("dialog") ?? document.body;
  return createPortal(
    <div ref={list} id={id} className={styles.menu} role="menu" aria-label={label} onKeyDown={onKeyDown}>
      {items.map((item) => (
        <button
          key={item.label}
          type="button"
          role="menuitem"
          tabIndex={-1}
          className={`${styles.item} ${item.danger ? styles.danger : ""}`}
          onClick={() => {
            onClose(true);
            item.onChoose();
          }}
        >
          {item.icon !== undefined && <Icon name={item.icon} size={18} />}
          {item.label}
        </button>
      ))}
    </div>,
    place,
  );
}
