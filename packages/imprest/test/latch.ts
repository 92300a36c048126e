/** A promise, and what resolves it. */
export function latch(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((resolved) => (resolve = resolved));
  return { promise, resolve };
}
