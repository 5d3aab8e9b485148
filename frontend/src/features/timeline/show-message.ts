const SHOWN_MS = 2_400;

export function findMessage(log: ParentNode | null, id: string): HTMLElement | null {
  return log?.querySelector<HTMLElement>(`[data-message="${CSS.escape(id)}"]`) ?? null;
}

/** Brings a message into sight and marks it for a moment; the focus goes along, so that it is read out. */
export function showMessage(row: HTMLElement): void {
  row.scrollIntoView({ block: "center" });
  row.focus({ preventScroll: true });
  delete row.dataset["shown"];
  // The same message once more is marked once more.
  row.getBoundingClientRect();
  row.dataset["shown"] = "";
  setTimeout(() => delete row.dataset["shown"], SHOWN_MS);
}
