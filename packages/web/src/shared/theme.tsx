import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { Icon } from "./icon.tsx";

type Theme = "system" | "light" | "dark";
const themes: readonly Theme[] = ["system", "light", "dark"];
const key = "imprest-theme";
const theme = signal<Theme>("system");

/** Takes up what was chosen before. A browser that keeps nothing for this page has the system's theme. */
export function restoreTheme(): void {
  try {
    const kept = themes.find((one) => one === localStorage.getItem(key));
    if (kept !== undefined) apply(kept);
  } catch {
    // No storage here.
  }
}

function apply(next: Theme): void {
  theme.value = next;
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  // What a canvas has drawn does not follow by itself.
  dispatchEvent(new Event("themechange"));
}

function choose(next: Theme): void {
  apply(next);
  try {
    localStorage.setItem(key, next);
  } catch {
    // It holds until the page is left.
  }
}

/** Goes from the system's theme to light, to dark, and back. */
export function ThemeSwitch(): JSX.Element {
  const next = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? "system";
  return (
    <button type="button" class="button plain" title={`Use the ${next} theme`} onClick={() => choose(next)}>
      <Icon name="theme" />
      <span class="hidden-text">Theme: </span>
      {theme.value === "system" ? "Auto" : theme.value === "light" ? "Light" : "Dark"}
    </button>
  );
}
