/** Why something failed, for the reader. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "Something unexpected went wrong.";
}
