import type { Ed25519KeyPair } from "@imprest/core/audit";
import type { ReservationEvidence } from "@imprest/core/models/cycles";
import type { EvidenceJwk } from "@imprest/cycles/evidence";
import type { Attestor } from "../evidence/attestor.ts";
import type { Ledger } from "../ledger/ledger.ts";

/** What was signed, and the keys that it is signed with; there with the option `evidence`. */
export class EvidenceGroup {
  readonly #ledger: Ledger;
  readonly #attestor: Attestor;

  constructor(ledger: Ledger, attestor: Attestor) {
    this.#ledger = ledger;
    this.#attestor = attestor;
  }

  /**
   * Signs evidence with another key from now on: the operator's own, or a fresh one. What the old key signed stays
   * verifiable: it stays published, with its end. @throws ConfigurationError for a key that signed before.
   */
  async rotateKey({ keyPair }: { readonly keyPair?: Ed25519KeyPair | undefined } = {}): Promise<EvidenceJwk> {
    const next = await this.#attestor.rotate(keyPair);
    await this.#ledger.durable();
    return next;
  }

  /** Where the envelopes of one reservation's life are; `undefined` where none is kept. */
  ofReservation(reservationId: string): Promise<ReservationEvidence | undefined> {
    return this.#ledger.durably(() => this.#attestor.evidenceOf(reservationId));
  }

  /** Every key that signs or signed evidence, as it is published. */
  async listKeys(): Promise<readonly EvidenceJwk[]> {
    const { keys } = await this.#attestor.jwks();
    await this.#ledger.durable();
    return keys;
  }
}
