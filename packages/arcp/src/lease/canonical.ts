/** Bytes that would end a string elsewhere, and the Windows separator that some servers and hosts read as "/". */
// oxlint-disable-next-line no-control-regex -- control characters are what is refused.
const unsafe = /[\u0000-\u001f\u007f-\u009f\\]/;
/** Encoded "/", "\" and NUL: a server that decodes them sees another path than the one that was checked. */
const encodedSeparator = /%(?:2f|5c|00)/i;
/** "." or ".." as a whole segment, spelled in any way that a URL parser resolves. */
const dotSegment = /^(?:\.|%2e){1,2}$/i;

/**
 * The one spelling of a path that lease patterns are matched with: "." and ".." resolved, repeated and trailing
 * slashes dropped (ARCP 1.0 §14: canonicalise before evaluation). Links are the file system's; resolve them first.
 * @returns `undefined` for what no lease can cover: an empty path, one that leaves its root, control characters, "\".
 */
export function canonicalPath(path: string): string | undefined {
  // Whoever decodes the path once more than we do must not be led elsewhere by it.
  if (path === "" || unsafe.test(path) || encodedSeparator.test(path)) return undefined;
  const absolute = path.startsWith("/");
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== ".." && dotSegment.test(segment)) return undefined;
    if (segment !== "..") kept.push(segment);
    else if (kept.pop() === undefined) return undefined;
  }
  if (!absolute && kept.length === 0) return undefined;
  return `${absolute ? "/" : ""}${kept.join("/")}`;
}

/** A path pattern in the same spelling. @returns `undefined` when it holds "." or ".." or what no path may hold. */
export function canonicalPathPattern(pattern: string): string | undefined {
  if (pattern.split("/").some((segment) => segment === "." || segment === "..")) return undefined;
  return canonicalPath(pattern);
}

/**
 * The one spelling of a URL that lease patterns are matched with, as the WHATWG parser writes it: scheme and host in
 * lower case, default port dropped, dot segments resolved. Query and fragment are left out: a grant of a path is a
 * grant of its queries.
 * @returns `undefined` for what no lease can cover: no `scheme://host`, a user name or password, an encoded separator.
 */
export function canonicalUrl(url: string): string | undefined {
  if (unsafe.test(url) || !/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return undefined;
  if (!URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  if (parsed.host === "" || parsed.username !== "" || parsed.password !== "") return undefined;
  if (encodedSeparator.test(parsed.pathname)) return undefined;
  return `${parsed.protocol}//${parsed.host}${parsed.pathname === "" ? "/" : parsed.pathname}`;
}

/** A URL pattern in the same spelling. @returns `undefined` for a query, a fragment, dot segments or a user name. */
export function canonicalUrlPattern(pattern: string): string | undefined {
  if (unsafe.test(pattern) || /[?#]/.test(pattern) || encodedSeparator.test(pattern)) return undefined;
  if (pattern === "**") return pattern;
  const match = /^([a-z*][a-z0-9+.*-]*):\/\/([^/@]+)(\/.*)?$/i.exec(pattern);
  if (match === null) return undefined;
  const [, scheme = "", authority = "", path] = match;
  const tail = path ?? (authority === "**" ? "" : "/");
  if (tail.split("/").some((segment) => dotSegment.test(segment))) return undefined;
  // The path as the URL parser would write it, so that a space in a pattern meets the "%20" of a target.
  const encoded = tail === "" ? "" : new URL(`https://host${tail}`).pathname;
  return `${scheme}://${withoutDefaultPort(scheme, authority)}`.toLowerCase() + encoded;
}

function withoutDefaultPort(scheme: string, authority: string): string {
  const defaultPort = { http: ":80", https: ":443" }[scheme.toLowerCase()];
  return defaultPort !== undefined && authority.endsWith(defaultPort)
    ? authority.slice(0, -defaultPort.length)
    : authority;
}

/** A name of a tool, a model or an agent, or a pattern of one, as it is. @returns `undefined` for control characters. */
export function canonicalName(name: string): string | undefined {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused.
  return name === "" || /[\u0000-\u001f\u007f-\u009f]/.test(name) ? undefined : name;
}

/** Stands between a host and a path, so that no wildcard of the one reaches over it into the other. */
const endOfHost = "\n";

/**
 * A canonical URL, or a pattern, with the labels of its host as segments of their own: a "*" in a host stands for characters
 * of one label, and "**" for any number of labels.
 */
export function urlSegments(url: string): string {
  const match = /^([^/]*:\/\/)([^/]+)(\/.*)?$/.exec(url);
  if (match === null) return url;
  const [, scheme = "", host = "", path] = match;
  return `${scheme}${host.replaceAll(".", "/")}${path === undefined ? "" : `/${endOfHost}${path}`}`;
}
