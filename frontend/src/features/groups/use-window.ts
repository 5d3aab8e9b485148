import { useCallback, useLayoutEffect, useRef, useState, type RefObject } from "react";

/** As high as the style sheet makes a row. */
const ROW_PX = 48;
const MARGIN_ROWS = 12;

export interface Window {
  scroller: RefObject<HTMLDivElement | null>;
  list: RefObject<HTMLUListElement | null>;
  /** Which rows are drawn, `end` not among them. */
  first: number;
  end: number;
  /** Room for all rows, and where the drawn ones begin. */
  style: { height: number; paddingTop: number };
  onScroll: () => void;
}

/** Draws only what can be seen of a list of many rows of one height. */
export function useWindow(count: number): Window {
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [range, setRange] = useState({ first: 0, end: 40 });

  const look = useCallback(() => {
    const view = scroller.current;
    if (view === null || list.current === null) return;
    const above = view.scrollTop - list.current.offsetTop;
    const first = Math.max(0, Math.floor(above / ROW_PX) - MARGIN_ROWS);
    const end = Math.ceil((above + view.clientHeight) / ROW_PX) + MARGIN_ROWS;
    setRange((held) => (held.first === first && held.end === end ? held : { first, end }));
  }, []);

  useLayoutEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    if (scroller.current !== null) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, [look, count]);

  const first = Math.min(range.first, count);
  return { scroller, list, first, end: Math.min(range.end, count), style: { height: count * ROW_PX, paddingTop: first * ROW_PX }, onScroll: look };
}
