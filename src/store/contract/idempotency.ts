/** Keys of requests that may be sent again, with the first answer. */

export interface IdempotencyStore {
  /** Claims a key for a request. `replay` holds the first answer; `busy` while the first is still running (younger than a minute). */
  idempotencyClaim(
    key: string,
    principal: string,
    requestHash: Uint8Array,
  ): Promise<
    { kind: 'claimed' } | { kind: 'replay'; status: number; body: string } | { kind: 'reused' } | { kind: 'busy' }
  >;
  idempotencyStore(key: string, principal: string, status: number, body: string): Promise<void>;
  /** After a failure that had no effect, so that the caller may try again. */
  idempotencyRelease(key: string, principal: string): Promise<void>;
}
