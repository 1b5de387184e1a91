/**
 * Envelopes: each secret has a data key of its own, and only that key is sealed under the master key. What leaks of one
 * secret opens no other, and a value's own key is new whenever the value is.
 */
import { randomBytes } from 'node:crypto';
import { openWith, sealWith, type MasterKey } from './sealer.ts';

export interface Envelope {
  /** The master key that `dataKey` is sealed under. */
  readonly keyId: string;
  readonly dataKey: Uint8Array;
  readonly sealed: Uint8Array;
}

export type EnvelopeKey = Pick<MasterKey, 'seal' | 'open' | 'currentKeyId'>;

export function sealEnvelope(key: EnvelopeKey, purpose: string, plain: Uint8Array): Envelope {
  const dataKey = randomBytes(32);
  try {
    return {
      keyId: key.currentKeyId,
      dataKey: key.seal(dataKeyPurpose(purpose), dataKey),
      sealed: sealWith(dataKey, purpose, plain),
    };
  } finally {
    dataKey.fill(0);
  }
}

export function openEnvelope(key: EnvelopeKey, purpose: string, envelope: Envelope): Buffer {
  const dataKey = key.open(dataKeyPurpose(purpose), envelope.dataKey);
  try {
    return openWith(dataKey, purpose, envelope.sealed);
  } finally {
    dataKey.fill(0);
  }
}

function dataKeyPurpose(purpose: string): string {
  return `data-key/${purpose}`;
}
