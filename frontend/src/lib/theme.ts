import { browserStorage } from "./storage";

export type Theme = "light" | "dark";
const KEY = "pulse.theme";

/** The theme chosen by hand, null while it follows the system. `public/theme.js` sets it before the first paint. */
export function chosenTheme(): Theme | null {
  const chosen = browserStorage.get(KEY);
  return chosen === "light" || chosen === "dark" ? chosen : null;
}

export function currentTheme(): Theme {
  return chosenTheme() ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

export function chooseTheme(theme: Theme): void {
  browserStorage.set(KEY, theme);
  document.documentElement.dataset["theme"] = theme;
}
