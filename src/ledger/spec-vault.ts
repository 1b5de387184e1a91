/** How a spec lies in the journal: packed, and sealed under a key that never leaves the host where it carries secrets. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Packr } from 'msgpackr';
import type { ExecutionSpec } from '../protocol/link/agent-v1.ts';

const packr = new Packr({ useRecords: false });

export class SpecVault {
  readonly #key: Buffer;

  constructor(path: string) {
    if (!existsSync(path)) writeFileSync(path, randomBytes(32), { mode: 0o600, flag: 'wx' });
    this.#key = readFileSync(path);
  }

  put(attempt: string, spec: ExecutionSpec): { sealed: boolean; spec: Uint8Array } {
    const packed = packr.pack(spec);
    if (Object.keys(spec.secrets).length === 0) return { sealed: false, spec: packed };
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(attempt));
    return { sealed: true, spec: Buffer.concat([nonce, cipher.update(packed), cipher.final(), cipher.getAuthTag()]) };
  }

  take(attempt: string, kept: { readonly sealed: boolean; readonly spec: Uint8Array }): ExecutionSpec {
    const bytes = Buffer.from(kept.spec);
    if (!kept.sealed) return packr.unpack(bytes) as ExecutionSpec;
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, 12))
      .setAAD(Buffer.from(attempt))
      .setAuthTag(bytes.subarray(-16));
    return packr.unpack(Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()])) as ExecutionSpec;
  }
}
