import { X509Certificate } from "node:crypto";
import { ConfigurationError } from "@imprest/core";
import type { ResolveX5c } from "../verify/issuer.ts";

/**
 * Judges `x5c` headers by the certificate authorities that you trust, for `verifyMandate`: each certificate of the path is
 * within its dates and signed by the next, and the last by one of `authorities`. Between the signer and an authority there
 * is at most one certificate, which must be an authority's (RFC 5280 §4.2.1.9): how long a path one allows is not shown by
 * Node, and one this short is within every allowance. Revocation and name constraints are not judged.
 * @param authorities PEM or DER, one certificate each.
 * @throws ConfigurationError for what is no certificate.
 * @example
 * const { mandate } = await verifyMandate(chain, { resolveX5c: certifiedBy([readFileSync("issuer-ca.pem")]) });
 */
export function certifiedBy(authorities: readonly (string | Uint8Array)[]): ResolveX5c {
  const trusted = authorities.map((text, at) => {
    const certificate = readCertificate(text);
    if (certificate !== undefined) return certificate;
    throw new ConfigurationError(`authorities[${at}] is no X.509 certificate in PEM or DER.`);
  });
  // `async` so that whatever is odd about a certificate rejects, never throws.
  return async (certificates, { nowMs }) => {
    const [signer, above] = certificates.map(readCertificate);
    if (signer === undefined || !isCurrent(signer, nowMs)) return undefined;
    const isTrusted = (one: X509Certificate): boolean =>
      trusted.some((authority) => isCurrent(authority, nowMs) && isIssuedBy(one, authority));
    const isCertified =
      isTrusted(signer) ||
      (above !== undefined && above.ca && isCurrent(above, nowMs) && isIssuedBy(signer, above) && isTrusted(above));
    return isCertified ? { ...signer.publicKey.export({ format: "jwk" }) } : undefined;
  };
}

function readCertificate(bytes: string | Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}

/** Issuer and subject match, the issuer's key may sign certificates, and did sign this one. */
function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    // A key or an algorithm that OpenSSL does not take.
    return false;
  }
}

function isCurrent({ validFrom, validTo }: X509Certificate, nowMs: number): boolean {
  return Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo);
}
