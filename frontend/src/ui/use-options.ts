import { useId, useState, type InputHTMLAttributes, type KeyboardEvent } from "react";

export interface Options<Option> {
  /** What the option under the keys is. */
  pointed: Option | undefined;
  point: (index: number) => void;
  /** Moves with the arrows; answers whether the key was one. */
  onArrow: (event: KeyboardEvent) => boolean;
  listId: string;
  optionId: (option: Option) => string;
  /** What the text field needs to be the list's, as ARIA's combobox wants it. */
  field: InputHTMLAttributes<HTMLInputElement>;
}

/** A list of options that is moved through from a text field, which keeps the focus. */
export function useOptions<Option extends { id: string }>(options: readonly Option[], { wrap = true } = {}): Options<Option> {
  const [active, setActive] = useState(0);
  const id = useId();
  const pointed = options[Math.min(active, options.length - 1)];
  const optionId = (option: Option): string => `${id}-${option.id}`;

  function onArrow(event: KeyboardEvent): boolean {
    const steps: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1 };
    const step = steps[event.key];
    if (step === undefined || options.length === 0) return false;
    event.preventDefault();
    const next = wrap ? (step + options.length) % options.length : Math.max(0, Math.min(step, options.length - 1));
    const option = options[next];
    setActive(next);
    if (option !== undefined) document.getElementById(optionId(option))?.scrollIntoView({ block: "nearest" });
    return true;
  }

  return {
    pointed,
    point: setActive,
    onArrow,
    listId: `${id}-list`,
    optionId,
    field: {
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": options.length > 0,
      "aria-controls": `${id}-list`,
      "aria-activedescendant": pointed === undefined ? undefined : optionId(pointed),
    },
  };
}
