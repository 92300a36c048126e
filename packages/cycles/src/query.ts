/**
 * A path with its query. The cursor goes with the very filter that it came from: a cursor of a sorted list binds it
 * (Cycles §listReservations).
 */
export function withQuery(path: string, query: object, cursor: string | undefined): string {
  const parameters = new URLSearchParams();
  const members = { ...query, ...(cursor !== undefined && { cursor }) };
  for (const [name, value] of Object.entries<string | number | boolean | readonly string[] | undefined>(members)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? path : `${path}?${text}`;
}
