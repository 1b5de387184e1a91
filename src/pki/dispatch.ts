/** The marks by which agent and server know each other's words through a worker: HMAC-SHA256 under the agent's dispatch key. */
import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';

/** About 2 µs with a key object, 9 µs with bytes, of which one is made. What `message` covers is in protocol/link/session.ts. */
export function signUnderKey(key: Uint8Array | KeyObject, message: Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

/** A mark that is missing is a wrong one. */
export function isSignedByKey(key: Uint8Array | KeyObject, message: Uint8Array, mac: Uint8Array | undefined): boolean {
  const expected = signUnderKey(key, message);
  return mac instanceof Uint8Array && expected.length === mac.length && timingSafeEqual(expected, mac);
}
