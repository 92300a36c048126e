import { type Signal, signal } from "@preact/signals";

export const views = ["budgets", "live", "denials", "waiting"] as const;
export type View = (typeof views)[number];

/** What is looked at: a view, and one thing in it. */
interface Route {
  readonly view: View;
  readonly id?: string;
}

export function readRoute(hash: string): Route {
  const [, name, id] = /^#(\w+)(?:\/(.+))?$/.exec(hash) ?? [];
  const view = views.find((one) => one === name) ?? "budgets";
  if (id === undefined) return { view };
  try {
    return { view, id: decodeURIComponent(id) };
  } catch {
    return { view };
  }
}

export function writeRoute({ view, id }: Route): string {
  return id === undefined ? `#${view}` : `#${view}/${encodeURIComponent(id)}`;
}

/** Kept in the part of the address behind #, so that the browser's Back and a reload find it again. */
export const route: Signal<Route> = signal<Route>({ view: "budgets" });

export function followAddress(): void {
  const read = (): void => {
    route.value = readRoute(location.hash);
  };
  read();
  addEventListener("hashchange", read);
}

export function go(to: Route): void {
  // At once: the address is read only after what happens now.
  route.value = to;
  location.hash = writeRoute(to);
}
