import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { loopbackHosts } from "../loopback-server.ts";

type RefusedStatus = 400 | 403 | 404 | 405;

/** What is decided about a request before anything is read for it. */
export type Access =
  | { readonly kind: "refused"; readonly status: RefusedStatus; readonly why: string }
  /** The one-time link: the session begins, and the browser goes on to an address without the token. */
  | { readonly kind: "admitted"; readonly location: string; readonly cookie: string }
  /** `path` is relative to where the pages are served. */
  | { readonly kind: "allowed"; readonly path: string };

export interface RequestHead {
  readonly method: string | undefined;
  readonly target: string | undefined;
  /** Every value of a header; two of one that may stand once match nothing. */
  readonly header: (name: string) => readonly string[] | undefined;
}

/**
 * Decides who may ask a server on the loopback interface. Every page of this machine's browsers can send requests to it,
 * and every local user can connect:
 * - `Host` must be ours, so that a name which an attacker rebinds to 127.0.0.1 reaches nothing.
 * - `Origin` and `Sec-Fetch-Site`, where a browser sends them, must be ours: another page neither reads nor sends.
 * - A session begins with a random token on the terminal that works once, and goes on by an `HttpOnly` cookie. Cookies
 *   know no port: to keep this one from every other server on this machine it is bound to a path that nobody can guess.
 */
export class PageAccess {
  readonly #token = randomBytes(32).toString("base64url");
  readonly #session = randomBytes(32).toString("base64url");
  readonly #base = `/${randomBytes(12).toString("base64url")}/`;
  readonly #cookie: string;
  readonly #hosts: readonly string[];
  #isUsed = false;

  constructor(port: number) {
    this.#cookie = `imprest-${port}`;
    this.#hosts = loopbackHosts(port);
  }

  /** The path and query that begin the session, once. */
  get link(): string {
    return `${this.#base}?token=${this.#token}`;
  }

  decide({ method, target = "", header }: RequestHead): Access {
    const [host, ...moreHosts] = header("host") ?? [];
    if (host === undefined || moreHosts.length > 0 || !this.#hosts.includes(host)) {
      return refused(403, "This server answers on its own address only.");
    }
    const isOurs = (header("origin") ?? []).every((origin) => origin === `http://${host}`);
    const isDirect = (header("sec-fetch-site") ?? []).every((site) => site === "none" || site === "same-origin");
    if (!isOurs || !isDirect) {
      return refused(403, "Another page asked for this. Copy the link from the terminal into the address bar.");
    }
    if (method !== "GET") return refused(405, "Only GET.");
    // The absolute form is for a forward proxy, and this is none.
    if (!target.startsWith("/")) return refused(400, "The target of a request is a path.");
    const [path = "", query = ""] = target.split("?", 2);
    const hasSession = this.#hasSession(header("cookie") ?? []);
    const token = path === this.#base ? new URLSearchParams(query).get("token") : null;
    if (token !== null) return this.#admit(token, hasSession);
    if (!hasSession) return refused(403, "Open the link that the terminal shows. It works once, in one browser.");
    // Elsewhere a browser does not send the cookie, and there is nothing to find.
    return path.startsWith(this.#base)
      ? { kind: "allowed", path: path.slice(this.#base.length) }
      : refused(404, "There is no such page.");
  }

  #admit(token: string, hasSession: boolean): Access {
    if (!isSame(token, this.#token))
      return refused(403, "This is not the link that the terminal shows. Copy all of it.");
    if (this.#isUsed && !hasSession) {
      return refused(403, "This link has been used. Stop the command and start it again for a new one.");
    }
    this.#isUsed = true;
    const cookie = `${this.#cookie}=${this.#session}; HttpOnly; SameSite=Strict; Path=${this.#base}`;
    return { kind: "admitted", location: this.#base, cookie };
  }

  #hasSession(cookies: readonly string[]): boolean {
    const values = cookies.flatMap((line) => line.split(";")).map((cookie) => cookie.trim());
    const ours = values.filter((cookie) => cookie.startsWith(`${this.#cookie}=`));
    return ours.some((cookie) => isSame(cookie.slice(this.#cookie.length + 1), this.#session));
  }
}

function refused(status: RefusedStatus, why: string): Access {
  return { kind: "refused", status, why };
}

/** Takes as long whatever is alike. */
function isSame(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
