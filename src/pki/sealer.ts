/** Secrets at rest: AES-256-GCM under the master key, the purpose as associated data, so that a sealed value fits nowhere else. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DroverError } from '../base/errors.ts';

export interface MasterKey {
  seal(purpose: string, plain: Uint8Array): Uint8Array;
  open(purpose: string, sealed: Uint8Array): Uint8Array;
  /** A key of its own for each agent: what it signs is worth something to that agent alone. */
  dispatchKey(agentId: string): Buffer;
}

export function createMasterKey(key: Uint8Array): MasterKey {
  const sealing = Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), 'drover/seal/1', 32));
  const dispatch = Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), 'drover/dispatch/1', 32));
  return {
    seal(purpose, plain) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce).setAAD(Buffer.from(purpose));
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(purpose, sealed) {
      const bytes = Buffer.from(sealed);
      const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, 12)).setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    },
    dispatchKey: (agentId) => createHmac('sha256', dispatch).update(agentId).digest(),
  };
}

/** From DROVER_MASTER_KEY (32 bytes, Base64), else from a file that is made on first use. */
export function loadMasterKey(file: string, environment: string | undefined): MasterKey {
  if (environment !== undefined) {
    const key = Buffer.from(environment, 'base64');
    if (key.length !== 32) throw new DroverError('bad-input', { detail: 'DROVER_MASTER_KEY must be 32 bytes in Base64 (openssl rand -base64 32).' });
    return createMasterKey(key);
  }
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new DroverError('data-folder-unwritable', { detail: `The master key ${file} cannot be written: ${(error as Error).message}`, cause: error });
  }
  return createMasterKey(Buffer.from(readFileSync(file, 'utf8'), 'base64'));
}
