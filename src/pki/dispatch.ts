/** The mark by which an agent knows that an order comes from the server: HMAC-SHA256 under its own dispatch key. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** About 5 µs a host. `message` is protocol/link/agent-v1 dispatchMessage(). */
export function signDispatch(key: Uint8Array, message: Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

export function isDispatchSigned(key: Uint8Array, message: Uint8Array, mac: Uint8Array): boolean {
  const expected = signDispatch(key, message);
  return expected.length === mac.length && timingSafeEqual(expected, mac);
}
