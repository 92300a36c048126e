import { lookup as resolve } from "node:dns";
import { request as insecureRequest } from "node:http";
import { request as secureRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { ConfigurationError, ConnectionError, ResponseFormatError, type Transport } from "@imprest/core";
import { type AddressRange, isAddress, mayReach, parseRange } from "../governance/address.ts";

/**
 * A transport for webhooks that tenants choose: it resolves a name itself, connects to an address that it has checked, and
 * to no other, so that a name whose address changes between check and connection reaches nothing private. No redirect is
 * followed.
 * `allowAddresses` are ranges that may be reached besides public ones: `"10.1.0.0/16"`.
 * @throws ConfigurationError for a range that is none.
 */
export function checkedTransport({
  allowAddresses = [],
}: { readonly allowAddresses?: readonly string[] | undefined } = {}): Transport {
  const allowed = rangesOf(allowAddresses);
  return ({ method, url, headers, body }, limits) =>
    new Promise((done, fail) => {
      const target = new URL(url);
      const broken = (cause: unknown): ConnectionError =>
        new ConnectionError(`No answer from ${target.host}: the connection failed.`, { cause });
      if (isAddress(target.hostname) && !mayReach(target.hostname, allowed)) return fail(broken(unreachable()));
      const send = target.protocol === "https:" ? secureRequest : insecureRequest;
      const options = { method, headers, lookup: checkedLookup(allowed), agent: false } as const;
      const outgoing = send(target, options, (answer) => {
        const chunks: Buffer[] = [];
        let length = 0;
        answer.on("data", (chunk: Buffer) => {
          length += chunk.length;
          chunks.push(chunk);
          if (length <= limits.maxResponseBytes) return;
          const { statusCode: status = 0 } = answer;
          fail(new ResponseFormatError(`The answer is larger than ${limits.maxResponseBytes} bytes.`, { status }));
          outgoing.destroy();
        });
        answer.on("end", () => {
          done({ status: answer.statusCode ?? 0, headers: {}, body: Buffer.concat(chunks).toString("utf8") });
        });
        answer.on("error", (error) => fail(broken(error)));
      });
      outgoing.on("error", (error) => fail(broken(error)));
      limits.onAbort((reason) => {
        fail(reason);
        outgoing.destroy();
      });
      outgoing.end(body);
    });
}

/** @throws ConfigurationError. */
function rangesOf(texts: readonly string[]): AddressRange[] {
  return texts.map((text) => {
    const range = parseRange(text);
    if (range === undefined) throw new ConfigurationError(`"${text}" is no range of addresses; write 10.1.0.0/16.`);
    return range;
  });
}

/** Resolves a name to the addresses that may be reached; to none where any of them may not. */
function checkedLookup(allowed: readonly AddressRange[]): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0);
      const first = addresses[0];
      const isSafe = addresses.every(({ address }) => mayReach(address, allowed));
      if (first === undefined || !isSafe) return callback(unreachable(), "", 0);
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

function unreachable(): NodeJS.ErrnoException {
  return Object.assign(new Error("The address is not a public one."), { code: "EACCES" });
}
