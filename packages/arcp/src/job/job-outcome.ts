import type { TerminalStatus } from "@imprest/core/models/arcp";
import type { ArcpError } from "../errors.ts";

/** How a job ended. A chunked result is read with `stream`, `text`, `json` or `bytes`; an inline one is `value`. */
export type JobOutcome =
  | {
      readonly status: "success";
      readonly value?: unknown;
      readonly resultId?: string | undefined;
      /** Bytes of a chunked result, as announced. */
      readonly resultSize?: number | undefined;
      readonly sha256?: string | undefined;
      readonly summary?: string | undefined;
    }
  | { readonly status: Exclude<TerminalStatus, "success">; readonly error: ArcpError };
