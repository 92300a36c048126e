import type { WireCredential, WireLease } from "@imprest/core/models/arcp";

/** What credentials are asked for. */
export interface CredentialRequest {
  /** Recorded before the upstream is asked, so that whatever it makes under this name can be revoked after a crash. */
  readonly grantId: string;
  readonly jobId: string;
  readonly parentJobId?: string | undefined;
  readonly principal: string;
  readonly agent: string;
  readonly lease: WireLease;
  /** What is left now, by currency, as plain decimals. */
  readonly remaining: Readonly<Record<string, number | bigint>>;
  readonly expiresAt?: string | undefined;
  /** The credential that a rotation replaces; absent at the start of a job. */
  readonly replaces?: string | undefined;
  readonly signal: AbortSignal;
}

/** Which credentials are to end: one of a grant, or all that were made under it. */
export interface RevocationRequest {
  readonly grantId: string;
  readonly jobId: string;
  readonly credentialId?: string | undefined;
}

/** Makes and ends narrow keys at an upstream (ARCP §9.8). */
export interface CredentialProvisioner {
  /** @returns the credentials of the job, none where it needs none; for a rotation, the one that replaces. */
  issue(request: CredentialRequest): Promise<readonly WireCredential[]>;
  /** Resolves once the upstream has ended it, also when it had ended before. Rejections are retried. */
  revoke(request: RevocationRequest): Promise<void>;
}

/** A grant that could not be revoked within its attempts: its spending authority is still out there (ARCP §14). */
export interface UnrevocableCredential {
  readonly grantId: string;
  readonly jobId: string;
  readonly error: string;
}
