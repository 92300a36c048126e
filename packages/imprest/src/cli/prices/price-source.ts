import { ResponseFormatError, createFetchTransport } from "@imprest/core";
import { isLoopback, send } from "@imprest/core/internal";
import { UsageError } from "../command.ts";
import { printable } from "../printable.ts";
import type { Terminal } from "../terminal.ts";

/** The public files have 4 MB at most. */
const mostBytes = 32 * 1024 * 1024;
const timeoutMs = 60_000;

/** The text of a public price file, from a file, standard input (`-`) or a URL. @throws UsageError, ImprestError. */
export function readPriceSource(from: string, terminal: Terminal): Promise<string> {
  return /^[a-z][a-z\d+.-]+:\/\//i.test(from) ? fetchText(from, terminal.signal) : readBounded(from, terminal);
}

async function readBounded(path: string, terminal: Terminal): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of terminal.open(path)) {
    size += chunk.byteLength;
    if (size > mostBytes) throw new UsageError(`${path} has more than ${mostBytes} bytes, so it is no price file.`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

async function fetchText(address: string, signal: AbortSignal): Promise<string> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  if (url === undefined || !isSafe) throw new UsageError(`${address} is no https: address.`);
  // It would be written to a file that is meant for a repository.
  if (url.username !== "" || url.password !== "") throw new UsageError("The address holds a password; leave it out.");
  const request = { method: "GET", url: url.href, headers: { accept: "application/json, text/plain" } } as const;
  const transport = createFetchTransport(withoutRedirects);
  const { status, body } = await send(transport, request, { signal, timeoutMs, maxResponseBytes: mostBytes });
  if (status === 200) return body;
  throw new UsageError(`${url.origin} has no such file; it answered with status ${status}.`);
}

/** Prices from another place are prices from another place: the user says whether to take them. */
async function withoutRedirects(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(input, init);
  const location = response.status >= 300 && response.status < 400 ? response.headers.get("location") : null;
  if (location === null) return response;
  await response.body?.cancel();
  throw new ResponseFormatError(`The file is elsewhere: ${printable(location)}. Give that address with --from.`, {
    status: response.status,
  });
}
