/** A WebSocket message as a server sends it: one frame, binary, whole, without a mask (RFC 6455, 5.2). */

/** FIN, and the opcode of binary. */
const BINARY = 0x82;
/** The longest length that the second byte holds itself, and what stands there for the two bytes behind it. */
const SHORT_MAX = 125;
const IN_TWO_BYTES = 126;

/** `payload` has up to 65,535 bytes; it is copied. */
export function messageOf(payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = length <= SHORT_MAX ? 2 : 4;
  const message = Buffer.allocUnsafe(head + length);
  message[0] = BINARY;
  if (head === 2) message[1] = length;
  else {
    message[1] = IN_TWO_BYTES;
    message.writeUInt16BE(length, 2);
  }
  message.set(payload, head);
  return message;
}
