import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import { findMessage, showMessage } from "./show-message";

const AT_BOTTOM_PX = 40;
const NEAR_PX = 700;
const REVEAL_PX = 60;

interface Options {
  /** What is laid out; another object when it has changed. */
  version: unknown;
  /** Whether the newest is at the bottom: then new rows are followed. */
  ended: boolean;
  /** The message to begin at, once its row is there; each object counts once. */
  target: { id: string } | null;
  onNearTop: () => void;
  onNearBottom: () => void;
}

export interface Scroll {
  scroller: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLDivElement | null>;
  /** The newest is in sight. */
  atBottom: boolean;
  onScroll: () => void;
  toBottom: () => void;
  /** Puts an element that lies above what is shown near the top. */
  reveal: (element: Element) => void;
}

/**
 * Keeps what is being read where it is. The scroller is a reversed column: its natural rest is the bottom, and
 * rows put in above move nothing. Only when rows grow below what is being read the offset has to follow.
 */
export function useScroll({ version, ended, target, onNearTop, onNearBottom }: Options): Scroll {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const anchor = useRef<{ row: Element | null; top: number; scrollTop: number } | null>(null);
  const bottom = useRef(true);
  const sticks = useRef(ended);
  const reached = useRef<{ id: string } | null>(null);
  // Known only once laid out: until then nothing may count as seen.
  const [atBottom, setAtBottom] = useState(false);

  const remember = useCallback(() => {
    const view = scroller.current;
    if (view === null) return;
    bottom.current = sticks.current && -view.scrollTop <= AT_BOTTOM_PX;
    setAtBottom(bottom.current);
    const row = firstVisible(content.current?.children, view.getBoundingClientRect().top);
    anchor.current = { row, top: row?.getBoundingClientRect().top ?? 0, scrollTop: view.scrollTop };
  }, []);

  const settle = useCallback(() => {
    const view = scroller.current;
    const held = anchor.current;
    if (view === null) return;
    // Scrolled a moment ago, and the event is still to come: the person's move is not to be undone.
    const moved = view.scrollTop - (held?.scrollTop ?? view.scrollTop);
    if (moved !== 0) bottom.current = sticks.current && -view.scrollTop <= AT_BOTTOM_PX;
    if (bottom.current) view.scrollTop = 0;
    else if (held?.row?.isConnected) view.scrollTop += held.row.getBoundingClientRect().top - (held.top - moved);
    remember();
  }, [remember]);

  const lookAround = useCallback(() => {
    const view = scroller.current;
    if (view === null) return;
    if (view.scrollHeight - view.clientHeight + view.scrollTop < NEAR_PX) onNearTop();
    if (!sticks.current && -view.scrollTop < NEAR_PX) onNearBottom();
  }, [onNearTop, onNearBottom]);

  useLayoutEffect(() => {
    settle();
    sticks.current = ended;
    const row = target === null || target === reached.current ? null : findMessage(content.current, target.id);
    if (row !== null) {
      reached.current = target;
      showMessage(row);
    }
    remember();
    lookAround();
  }, [version, ended, target, settle, remember, lookAround]);

  useEffect(() => {
    const observer = new ResizeObserver(settle);
    for (const element of [scroller.current, content.current]) if (element !== null) observer.observe(element);
    return () => observer.disconnect();
  }, [settle]);

  const onScroll = useCallback(() => {
    remember();
    lookAround();
  }, [remember, lookAround]);

  const toBottom = useCallback(() => {
    sticks.current = bottom.current = true;
    if (scroller.current !== null) scroller.current.scrollTop = 0;
    remember();
  }, [remember]);

  const reveal = useCallback(
    (element: Element) => {
      const view = scroller.current;
      if (view === null) return;
      const above = view.getBoundingClientRect().top + REVEAL_PX - element.getBoundingClientRect().top;
      if (above > 0) view.scrollTop -= above;
      remember();
    },
    [remember],
  );

  return { scroller, content, atBottom, onScroll, toBottom, reveal };
}

/**
 * The first of many stacked rows that reaches below `top`, by halving: this runs at every scroll. What stands
 * above all messages is no row to hold on to: older ones are put in below it.
 */
function firstVisible(rows: HTMLCollection | undefined, top: number): Element | null {
  if (rows === undefined) return null;
  let low = 1;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows.item(middle);
    if (row !== null && row.getBoundingClientRect().bottom <= top) low = middle + 1;
    else high = middle;
  }
  return rows.item(low);
}
