/** That an agent has linked, in its own words under its own key: read by its worker, which cannot make it up, and believed by servers. */
import { Packr } from 'msgpackr';
import { nonce, uuid } from './common-shapes.ts';
import { scanFrame } from './msgpack-scan.ts';
import { integer, optional, record } from './shape.ts';

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });

/** That the agent links, at this very worker: the body of the proof in its hello. */
export interface LinkProof {
  readonly agentId: string;
  readonly hostId: string;
  readonly workerId: string;
  /** Drawn at each start of the agent's process. */
  readonly instance: string;
  /** The instance that the data folder knew before; absent at the first. */
  readonly after?: string;
  /** Moves on, durably, at every start. */
  readonly start: number;
  /** Of this start. */
  readonly link: number;
  /** Answered by each server with its time. */
  readonly nonce: Uint8Array;
}

/** Servers store what is in it and send it on to the worker, so it is held to the very shapes of the frames in which it goes. */
const linkProofShape = record<LinkProof>({
  agentId: uuid,
  hostId: uuid,
  workerId: uuid,
  instance: uuid,
  after: optional(uuid),
  start: integer(1, Number.MAX_SAFE_INTEGER),
  link: integer(1, Number.MAX_SAFE_INTEGER),
  nonce,
});
const SCAN = { depthMax: 2, valuesMax: 64 };

/** Undefined for what is no proof; its author is known already. */
export function decodeLinkProof(body: Uint8Array): LinkProof | undefined {
  if (scanFrame(body, SCAN, () => undefined).fault !== undefined) return undefined;
  try {
    return linkProofShape.read(packr.unpack(body), 'proof');
  } catch {
    return undefined;
  }
}
