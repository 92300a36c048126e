import type { Logger } from "./logger.ts";

/** A logger whose failures go no further: a log that cannot be written must not keep a spend out of the books. */
export function quietLogger(logger: Logger): Logger {
  const quiet =
    (level: keyof Logger): Logger[keyof Logger] =>
    (message, fields) => {
      try {
        // Some loggers write later, and reject then.
        Promise.resolve(logger[level](message, fields) as unknown).catch(() => {});
      } catch {
        // There is nobody else to say it to.
      }
    };
  return { debug: quiet("debug"), info: quiet("info"), warn: quiet("warn"), error: quiet("error") };
}
