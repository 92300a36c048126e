import type { ConsoleStore } from "./store.ts";

/** What every part of the page is given. */
export interface StoreProps {
  readonly store: ConsoleStore;
}
