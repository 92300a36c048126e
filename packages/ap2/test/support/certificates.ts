import { type KeyObject, generateKeyPairSync, sign } from "node:crypto";

// Certificates of P-256 keys as RFC 5280 §4.1 writes them, with as little in them as a path needs.

/** Whoever is certified, and may certify. */
export interface Certified {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly der: Buffer;
}

export interface CertificateOptions {
  /** Its own issuer when absent. */
  readonly issuer?: Pick<Certified, "name" | "privateKey"> | undefined;
  readonly isAuthority?: boolean | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export function certify(
  name: string,
  { issuer, isAuthority = false, from = "20200101000000Z", to = "20990101000000Z" }: CertificateOptions = {},
): Certified {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const authority = sequence(oid("551d13"), tlv(0x04, sequence(tlv(0x01, Buffer.from([0xff])))));
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    nameOf(issuer?.name ?? name),
    sequence(tlv(0x18, Buffer.from(from)), tlv(0x18, Buffer.from(to))),
    nameOf(name),
    publicKey.export({ type: "spki", format: "der" }),
    ...(isAuthority ? [tlv(0xa3, sequence(authority))] : []),
  );
  const signature = sign("sha256", body, issuer?.privateKey ?? privateKey);
  const der = sequence(body, ecdsaWithSha256, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return { name, publicKey, privateKey, der };
}

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));

function nameOf(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(oid("550403"), tlv(0x0c, Buffer.from(commonName)))));
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, "hex"));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}
