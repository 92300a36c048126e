/** Where diagnostics go; silent unless one is given. Fields hold no secret, no prompt text and no answer text. */
export interface Logger {
  /** What only a maintainer wants to see. */
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** What happens when all is well. */
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** What was handled, and should be looked at. */
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** What needs somebody. */
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

const nothing = (): void => {};

export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
