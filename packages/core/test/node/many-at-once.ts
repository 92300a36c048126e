/** Does `count` things, so many of them at once: each waits for the disk most of its time. */
export async function manyAtOnce(count: number, act: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}
