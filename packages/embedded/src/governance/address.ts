// Addresses that a webhook of a tenant may not be sent to: what only this machine and its neighbours reach.

/** An address as a number, and how many bits it has. */
interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** A range of addresses. */
export interface AddressRange {
  readonly bits: 32 | 128;
  readonly prefix: bigint;
  readonly length: number;
}

/** Special-purpose ranges (RFC 6890 and its registries): private, loopback, link-local, shared, documentation, multicast. */
const special: readonly AddressRange[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  "::/127",
  "100::/64",
  "2001:db8::/32",
  "fc00::/7",
  "fe80::/9",
  "ff00::/8",
].map((text) => parseRange(text) as AddressRange);

/** IPv6 ranges that stand for an IPv4 address, and how far to the right of its 128 bits that one ends. */
const embedding: readonly (readonly [AddressRange, bigint])[] = [
  [parseRange("::ffff:0:0/96") as AddressRange, 0n],
  [parseRange("64:ff9b::/96") as AddressRange, 0n],
  [parseRange("2002::/16") as AddressRange, 80n],
];

/** Reads `10.0.0.0/8` or `fd00::/8`; `undefined` for what is no range. */
export function parseRange(text: string): AddressRange | undefined {
  const [, base = "", digits = ""] = /^([\da-f.:]+)\/(\d{1,3})$/i.exec(text) ?? [];
  const address = parseAddress(base);
  const length = Number(digits);
  if (address === undefined || digits === "" || length > address.bits) return undefined;
  return { bits: address.bits, prefix: address.value >> BigInt(address.bits - length), length };
}

/**
 * Whether a tenant's webhook may be sent to an address: a public one, or one of the operator's ranges.
 * @param text an IPv4 or IPv6 address, the latter with or without brackets.
 */
export function mayReach(text: string, allowed: readonly AddressRange[]): boolean {
  const address = parseAddress(text.replace(/^\[|\]$/g, ""));
  if (address === undefined) return false;
  if (allowed.some((range) => isIn(address, range))) return true;
  for (const [range, shift] of embedding) {
    if (!isIn(address, range)) continue;
    const inner: Address = { bits: 32, value: (address.value >> shift) & 0xff_ff_ff_ffn };
    return allowed.some((one) => isIn(inner, one)) || !special.some((one) => isIn(inner, one));
  }
  return !special.some((range) => isIn(address, range));
}

/** Whether a URL's host is an address rather than a name; URLs write every spelling of one in the same way. */
export function isAddress(hostname: string): boolean {
  return parseAddress(hostname.replace(/^\[|\]$/g, "")) !== undefined;
}

function isIn({ bits, value }: Address, range: AddressRange): boolean {
  return bits === range.bits && value >> BigInt(bits - range.length) === range.prefix;
}

function parseAddress(text: string): Address | undefined {
  const four = parseFour(text);
  if (four !== undefined) return { bits: 32, value: four };
  const value = parseSix(text);
  return value === undefined ? undefined : { bits: 128, value };
}

function parseFour(text: string): bigint | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((value, part) => value * 256n + BigInt(part), 0n);
}

function parseSix(text: string): bigint | undefined {
  // A zone names an interface of this machine.
  if (!text.includes(":") || text.includes("%")) return undefined;
  const [, head = text, four] = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text) ?? [];
  const last = four === undefined ? undefined : parseFour(four);
  if (four !== undefined && last === undefined) return undefined;
  const plain = last === undefined ? head : `${head}${(last >> 16n).toString(16)}:${(last & 0xff_ffn).toString(16)}`;
  const [left = "", right, ...more] = plain.split("::");
  if (more.length > 0) return undefined;
  const groupsOf = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const [before, after] = [groupsOf(left), groupsOf(right ?? "")];
  const missing = 8 - before.length - after.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...Array.from({ length: missing }, () => "0"), ...after];
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((value, group) => value * 65_536n + BigInt(`0x${group}`), 0n);
}
