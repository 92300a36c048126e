import type { Terminal } from "./terminal.ts";

/** A line on the terminal that says how far a long command is; nothing where nobody watches. */
export interface Progress {
  add(): void;
  /** Clears the line. */
  end(): void;
}

const everyMs = 200;

/** Counts `what`, such as "envelopes". */
export function createProgress(terminal: Terminal, what: string): Progress {
  if (!terminal.interactive) return { add: () => {}, end: () => {} };
  const started = performance.now();
  let shownAt = started;
  let count = 0;
  return {
    add() {
      count += 1;
      // Looking at the clock for every line would cost more than the line.
      if (count % 64 !== 0) return;
      const now = performance.now();
      if (now - shownAt < everyMs) return;
      shownAt = now;
      const perSecond = Math.round((count * 1_000) / (now - started));
      terminal.warn(`\r${count} ${what}, ${perSecond}/s `);
    },
    end: () => terminal.warn("\r\u001b[K"),
  };
}
