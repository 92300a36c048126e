import type { Directive, Script } from "./directive.ts";
import type { ArrivedRequest } from "./request.ts";

/** Who directs which request. */
export interface Scripts {
  next(directives: readonly Directive[]): void;
  add(name: string, script: Script): void;
  /** What becomes of a request that has come. */
  take(arrived: ArrivedRequest): {
    readonly directive: Directive;
    readonly script: string | undefined;
    readonly attempt: number;
  };
}

const marker = /model-script:([\w.-]+)/;

export function createScripts(): Scripts {
  const queue: Directive[] = [];
  const scripts = new Map<string, { readonly script: Script; attempts: number }>();
  let unnamed = 0;
  return {
    next: (directives) => void queue.push(...directives),
    add: (name, script) => void scripts.set(name, { script, attempts: 0 }),
    take({ headers, text }) {
      const name = headers["x-model-script"] ?? marker.exec(text)?.[1];
      const named = name === undefined ? undefined : scripts.get(name);
      if (!named) {
        unnamed += 1;
        return { directive: queue.shift() ?? {}, script: undefined, attempt: unnamed };
      }
      named.attempts += 1;
      const { script, attempts } = named;
      const directive = typeof script === "function" ? script(attempts) : script[attempts - 1];
      return { directive: directive ?? {}, script: name, attempt: attempts };
    },
  };
}
