/**
 * Secrets at rest: AES-256-GCM under the master key, the purpose as associated data, so that a sealed value fits nowhere else.
 *
 * There may be several master keys: the first seals, all open. That is how a key is replaced without a pause: give the new
 * one to every server, let it go first, re-encrypt (`drover accounts rotate-keys`), take the old one away. Dispatch keys do
 * not follow: agents hold theirs for as long as they live, so their root is kept by itself, sealed like any secret.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { assertOurs } from '../base/node-lock.ts';
import { isAboutPath, systemWords, systemWordsOf } from '../base/system-words.ts';

export interface MasterKey {
  seal(purpose: string, plain: Uint8Array): Uint8Array;
  open(purpose: string, sealed: Uint8Array): Uint8Array;
  /** Names the key that seals now; says nothing of the key itself. */
  readonly currentKeyId: string;
  /** Those of all keys, the newest first. */
  readonly keyIds: readonly string[];
  /** The key that a value is sealed under; throws as `open` does. */
  keyIdOf(purpose: string, sealed: Uint8Array): string;
  /** A digest that nobody without the master key can check guesses against. */
  digest(bytes: string | Uint8Array): Buffer;
  /** The key that the audit is chained under. It follows the kept root, so that no new master key breaks the chain. */
  readonly auditKey: Buffer;
  /** A key of its own for each agent: what it signs is worth something to that agent alone. */
  dispatchKey(agentId: string): Buffer;
  /** What dispatch keys derive from when this key made the installation. */
  dispatchRootOf(keyId: string): Buffer;
  /** The same keys, with the root that the installation keeps. */
  withDispatchRoot(root: Uint8Array): MasterKey;
}

interface RingKey {
  readonly id: string;
  readonly sealing: Buffer;
  readonly dispatchRoot: Buffer;
}

export function createMasterKey(newest: Uint8Array, ...older: readonly Uint8Array[]): MasterKey {
  const ring = [newest, ...older].map(ringKey);
  return keyRing(ring, ring[0]!.dispatchRoot);
}

function ringKey(key: Uint8Array): RingKey {
  const derived = (use: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), use, length));
  return {
    id: derived('drover/key-id/1', 8).toString('hex'),
    sealing: derived('drover/seal/1', 32),
    dispatchRoot: derived('drover/dispatch/1', 32),
  };
}

function keyRing(ring: readonly RingKey[], dispatchRoot: Buffer): MasterKey {
  const [current] = ring as [RingKey];
  const digestKey = Buffer.from(hkdfSync('sha256', dispatchRoot, Buffer.alloc(0), 'drover/digest/1', 32));
  const auditKey = Buffer.from(hkdfSync('sha256', dispatchRoot, Buffer.alloc(0), 'drover/audit/1', 32));
  const opened = (purpose: string, sealed: Uint8Array): { key: RingKey; plain: Buffer } => {
    for (const key of ring) {
      try {
        return { key, plain: openWith(key.sealing, purpose, sealed) };
      } catch {
        // Not this key's; the last word is below.
      }
    }
    throw new Error(`a sealed value does not open under any of the ${ring.length} master keys: ${purpose}`);
  };
  return {
    seal: (purpose, plain) => sealWith(current.sealing, purpose, plain),
    open: (purpose, sealed) => opened(purpose, sealed).plain,
    currentKeyId: current.id,
    keyIds: ring.map(({ id }) => id),
    keyIdOf: (purpose, sealed) => opened(purpose, sealed).key.id,
    digest: (bytes) => createHmac('sha256', digestKey).update(bytes).digest(),
    auditKey,
    dispatchKey: (agentId) => createHmac('sha256', dispatchRoot).update(agentId).digest(),
    dispatchRootOf: (keyId) => ring.find(({ id }) => id === keyId)!.dispatchRoot,
    withDispatchRoot: (root) => keyRing(ring, Buffer.from(root)),
  };
}

export function sealWith(key: Uint8Array, purpose: string, plain: Uint8Array): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(purpose));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

export function openWith(key: Uint8Array, purpose: string, sealed: Uint8Array): Buffer {
  const bytes = Buffer.from(sealed);
  // A shorter tag would be easier to forge; Node takes any length unless told.
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 })
    .setAAD(Buffer.from(purpose))
    .setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
}

/**
 * From DROVER_MASTER_KEY (32 bytes, Base64; several by commas, the newest first), else from a file of a key a line that
 * is made on first use.
 */
export function loadMasterKey(file: string, environment: string | undefined): MasterKey {
  if (environment !== undefined) return parseMasterKeys(environment, 'DROVER_MASTER_KEY');
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new DroverError('data-folder-unwritable', {
        detail: `The master key ${file} cannot be written: ${systemWordsOf(error, file)}.`,
        cause: error,
      });
  }
  assertOurs(file, 'The master key');
  return parseMasterKeys(readFileSync(file, 'utf8'), file);
}

/** As `loadMasterKey`, for programs that make none: undefined where there is none yet. */
export function findMasterKey(file: string, environment: string | undefined): MasterKey | undefined {
  if (environment !== undefined) return parseMasterKeys(environment, 'DROVER_MASTER_KEY');
  try {
    return parseMasterKeys(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (!isAboutPath(error)) throw error;
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(error.code ?? '')) return undefined;
    throw new DroverError('bad-input', {
      detail: `The master key ${file} cannot be read: ${systemWords(error)}.`,
      cause: error,
    });
  }
}

/** Never shows what it was given: a broken key is still most of a key. */
function parseMasterKeys(text: string, where: string): MasterKey {
  const keys = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((part) => Buffer.from(part, 'base64'));
  const [newest, ...older] = keys;
  if (newest === undefined || keys.some((key) => key.length !== 32))
    throw new DroverError('bad-input', {
      detail: `${where} must hold 32 bytes in Base64 (openssl rand -base64 32), or several such keys, the newest first.`,
    });
  if (keys.length > limits.masterKeysMax)
    throw new DroverError('bad-input', {
      detail:
        `${where} holds ${keys.length} keys; ${limits.masterKeysMax} are allowed. Re-encrypt with drover accounts ` +
        'rotate-keys, then take old ones away.',
    });
  return createMasterKey(newest, ...older);
}
