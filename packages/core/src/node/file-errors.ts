/** True for the error of a system call with this code: `isErrno(error, "ENOENT")`. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
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
