/** The strings of SSH's binary formats (RFC 4251 §5): read with bounds, written with lengths. Keys and certificates are made of them. */

/** What was read is shorter than it says, or of another shape. */
export class WireFault extends Error {}

export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new WireFault('it ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  uint64(): bigint {
    return this.take(8).readBigUInt64BE();
  }

  string(): Buffer {
    return this.take(this.uint32());
  }

  text(): string {
    return this.string().toString('latin1');
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at);
  }
}

export function wireString(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as Uint8Array);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A positive number: without leading zeros, and with one where the first bit would make it negative. */
export function wireNumber(bytes: Uint8Array): Buffer {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const trimmed = Buffer.from(bytes.subarray(from));
  return wireString(trimmed[0]! & 0x80 ? Buffer.concat([Buffer.alloc(1), trimmed]) : trimmed);
}
