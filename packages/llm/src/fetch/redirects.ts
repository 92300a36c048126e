/** As many as `fetch` follows. */
const mostRedirects = 20;
/** What a `fetch` does not take off by itself on the way to another origin: it knows `authorization` alone. */
const credentials = /auth|cookie|key|token|secret/;

/**
 * Sends a request without its credentials following to another origin. There a `GET` goes without them, as a download from a
 * store of files does; anything else is answered with the redirect, which the caller may follow. A caller that says how
 * redirects are followed has its way.
 */
export async function sendGuarded(send: typeof fetch, target: string | URL, init: RequestInit): Promise<Response> {
  if (init.redirect !== undefined && init.redirect !== "follow") return send(target, init);
  const headers = new Headers(init.headers);
  let from = target;
  for (let count = 0; ; count += 1) {
    const response = await send(from, { ...init, headers, redirect: "manual" });
    const { status, url, type } = response;
    const isRead = init.method === "GET" || init.method === "HEAD";
    // A page does not see where it is sent, and its browser lets no header of these pass without being asked.
    if (type === "opaqueredirect") return isRead ? send(from, init) : response;
    const location = response.headers.get("location");
    if (location === null || ![301, 302, 303, 307, 308].includes(status) || count === mostRedirects) return response;
    const base = url === "" ? String(from) : url;
    if (!URL.canParse(location, base)) return response;
    const to = new URL(location, base);
    const isSame = to.origin === new URL(base).origin;
    // Other methods turn into a GET by 301 to 303; a stream has gone with its first sending.
    const isRepeatable = status >= 307 && !(init.body instanceof ReadableStream);
    if (!isRead && !(isSame && isRepeatable)) return response;
    const left = isSame ? [] : [...headers.keys()].filter((name) => credentials.test(name));
    for (const name of left) headers.delete(name);
    await response.body?.cancel();
    from = to;
  }
}
