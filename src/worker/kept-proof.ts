/**
 * The proof with which an agent has linked, kept for the servers that come later. As text it takes its own 350 bytes; as it came it would
 * keep the whole of what was read from the network, and two views of it, in memory for as long as the link lives.
 */
import { decodeLinkProof } from '../protocol/link/link-proof.ts';
import { type Sealed } from '../protocol/link/session.ts';

export class KeptProof {
  /** A character for each byte. */
  readonly #text: string;
  readonly #bodyLength: number;

  constructor({ body, mac }: Sealed) {
    this.#text = Buffer.concat([body, mac]).toString('latin1');
    this.#bodyLength = body.length;
  }

  sealed(): Sealed {
    const bytes = Buffer.from(this.#text, 'latin1');
    return { body: bytes.subarray(0, this.#bodyLength), mac: bytes.subarray(this.#bodyLength) };
  }

  /** Which start of the agent has linked; undefined for what is no proof. */
  instance(): string | undefined {
    return decodeLinkProof(this.sealed().body)?.instance;
  }
}
