/** The error that `work` fails with, by its wire code or its name; fails when it does not. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as { readonly errorCode?: string }).errorCode ?? (error as Error).name;
  }
  throw new Error("expected a rejection");
}
