/** What the authority says of an attempt's reservation. */
export type Standing =
  /** `isLive` when a lease that is kept alive says that a worker lives. */
  | { readonly status: "open"; readonly reservationId: string; readonly isLive: boolean }
  /** `amount` in microcents, where the authority says it. */
  | { readonly status: "committed"; readonly reservationId: string; readonly amount?: bigint | undefined }
  | { readonly status: "released"; readonly reservationId: string }
  /** Gone, expired or never made: a commit is no longer possible. */
  | { readonly status: "gone"; readonly reservationId: string };
