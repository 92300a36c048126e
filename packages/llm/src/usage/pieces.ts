import type { Members } from "./members.ts";
import type { Reading } from "./reading.ts";

export function isDuration(usage: Members): boolean {
  return usage.names("seconds");
}

/** OpenAI's transcription that is charged by its length, and its live sessions. */
export function readDuration(usage: Members): Reading {
  return { units: { second: usage.needed("seconds") } };
}

export function isPages(usage: Members): boolean {
  return usage.names("pages_processed");
}

/** Mistral's document reader. */
export function readPages(usage: Members): Reading {
  usage.free("doc_size_bytes");
  return { units: { page: usage.most("pages_processed") } };
}
