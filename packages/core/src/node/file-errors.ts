/** True for the error of a system call with this code: `isErrno(error, "ENOENT")`. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Of a file that is there and holds nothing, and that was made with something in it: it is not new. */
export function contentIsGone(path: string): string {
  return `${path} is empty: what it held is gone. Restore a copy of it, or delete it to begin anew.`;
}

/** The result of `attempt`, or `undefined` when it fails with `code`. */
export async function unlessErrno<Result>(code: string, attempt: Promise<Result>): Promise<Result | undefined> {
  try {
    return await attempt;
  } catch (error) {
    if (isErrno(error, code)) return undefined;
    throw error;
  }
}
