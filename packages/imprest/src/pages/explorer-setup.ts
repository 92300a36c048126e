/** What `imprest verify --open` gives the explorer's page beside the feed: whom the command line trusts, and by which keys. */
export interface ExplorerSetup {
  readonly name: string;
  /** Bytes, as the file was when the command began. */
  readonly size: number;
  readonly origins: readonly string[];
  /** JWK Sets by origin. */
  readonly jwks: Readonly<Record<string, unknown>>;
  /** `http:` origins of this machine are trusted too. */
  readonly allowLoopbackHttp: boolean;
  readonly notAfterMs: Readonly<Record<string, number>>;
  /** As `readPromisedEvent` reads each. */
  readonly promised?: readonly unknown[] | undefined;
  readonly order: "feed" | "any";
  readonly graceWindowMs?: number | undefined;
  readonly expected: { readonly source?: string | undefined; readonly budgetId?: string | undefined };
}
