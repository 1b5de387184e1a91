/** The mark by which an agent knows that an order comes from the server: HMAC-SHA256 under its own dispatch key. */
import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';

/** About 2 µs with a key object, 9 µs with bytes, of which one is made. `message` is protocol/link/agent-v1 dispatchMessage(). */
export function signDispatch(key: Uint8Array | KeyObject, message: Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

export function isDispatchSigned(key: Uint8Array | KeyObject, message: Uint8Array, mac: Uint8Array): boolean {
  const expected = signDispatch(key, message);
  return expected.length === mac.length && timingSafeEqual(expected, mac);
}
