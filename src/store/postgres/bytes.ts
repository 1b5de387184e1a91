/** Bytes as node-postgres wants them. */

/** node-postgres takes Buffers, not plain Uint8Arrays, inside arrays. */
export function bytes(value: Uint8Array | undefined): Buffer | null {
  return value === undefined ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
