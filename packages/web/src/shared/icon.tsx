import type { JSX } from "preact";

const paths = {
  good: "M3 8.5l3.2 3.2L13 4.8",
  bad: "M4 4l8 8M12 4l-8 8",
  warn: "M8 2.2l6.3 11.3H1.7zM8 6.6v3.2M8 11.6v.1",
  info: "M8 7.2v4M8 4.6v.1M8 14.2A6.2 6.2 0 108 1.8a6.2 6.2 0 000 12.4z",
  hold: "M5.5 3.5v9M10.5 3.5v9",
  clock: "M8 4.4V8l2.4 1.6M8 14.2A6.2 6.2 0 108 1.8a6.2 6.2 0 000 12.4z",
  theme: "M8 14.2A6.2 6.2 0 108 1.8a6.2 6.2 0 000 12.4zM8 1.8v12.4M10 3.5v9M12 5v6",
  open: "M6 3.5L10.5 8 6 12.5",
  plus: "M8 3.5v9M3.5 8h9",
} as const;

export type IconName = keyof typeof paths;

/** A small picture beside a word that says the same. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
