/**
 * One process per data folder, and the right kind of folder. The lock is a listening socket in Linux's abstract name space: the
 * kernel takes it away with the process, whatever ends it, so nothing stale is ever left. Elsewhere it is a socket file.
 */
import {
  accessSync,
  constants,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { systemClock } from './clock.ts';
import { DroverError } from './errors.ts';
import { makeFolder } from './node-folder.ts';
import { systemWordsOf } from './system-words.ts';

const MARKER = 'drover.json';
const HOLDER_ANSWER_MS = 500;
const HOLDER_ANSWER_BYTES = 16;

/** Folders on the way to a script of another user may be passed, never listed; folders of servers and workers are their own. */
const MODES = { up: 0o711, agent: 0o711, server: 0o700, worker: 0o700 } as const;

/** Makes the folder if need be, checks that it is one of ours of this kind, and holds it until the process ends or `release`. */
export async function acquireFolderLock(
  folder: string,
  kind: 'up' | 'server' | 'worker' | 'agent',
): Promise<{ release(): void }> {
  try {
    makeFolder(folder, MODES[kind]);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new DroverError('data-folder-unwritable', {
      detail: `The data folder ${folder} cannot be written: ${systemWordsOf(error, folder)}. Choose another with --data.`,
      cause: error,
    });
  }
  assertOurs(folder, 'The data folder');
  checkMarker(folder, kind);
  const path = realpathSync(folder);
  const name = `drover-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
  const server = createServer((socket) => socket.end(`${process.pid}\n`));
  const address = process.platform === 'linux' ? `\0${name}` : join(path, '.lock');
  const taken = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(true) : reject(error),
    );
    server.listen({ path: address }, () => resolve(false));
  });
  if (taken) {
    const holder = await askHolder(address);
    throw new DroverError('data-folder-in-use', {
      detail:
        `Another Drover process${holder ? ` (pid ${holder})` : ''} uses ${folder}. Stop it first, or choose ` +
        'another folder with --data.',
    });
  }
  server.unref();
  return { release: () => server.close() };
}

/**
 * What lies in a folder of somebody else's, or was put there by him, is his to choose: keys, identities, journals.
 * Root's is not, who can do everything anyway, and whose volumes others are given to write to. Throws
 * `data-folder-foreign`; what is not there is nobody's.
 */
export function assertOurs(path: string, what: string): void {
  const us = process.getuid?.();
  // Of a link, both: whoever made it chose where it leads to.
  const stats = [lstatSync(path, { throwIfNoEntry: false }), statSync(path, { throwIfNoEntry: false })];
  const foreign = stats.find((stat) => stat !== undefined && stat.uid !== 0 && stat.uid !== us);
  if (us === undefined || !foreign) return;
  throw new DroverError('data-folder-foreign', {
    detail:
      `${what} ${path} belongs to another user (uid ${foreign.uid}), who may have chosen what is in it; this ` +
      `process is of uid ${us}. Choose another folder with --data, or look at what is in it and make it yours ` +
      '(chown).',
  });
}

/**
 * The lock's holder tells its pid to whoever connects; one that is stopped or busy tells nothing. Any user of this
 * machine may hold that name, so no more than a number is taken from who does, and nothing is waited for long.
 */
function askHolder(address: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ path: address });
    const cancel = systemClock.after(HOLDER_ANSWER_MS, () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1', 0, HOLDER_ANSWER_BYTES);
      if (text.length >= HOLDER_ANSWER_BYTES) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      cancel();
      resolve(/^\d{1,10}$/.exec(text.trim())?.[0] ?? '');
    });
  });
}

function checkMarker(folder: string, kind: string): void {
  const path = join(folder, MARKER);
  assertOurs(path, 'The mark of the data folder');
  let text: string | undefined;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (text === undefined) {
    if (readdirSync(folder).length > 0)
      throw new DroverError('data-folder-foreign', {
        detail: `${folder} is not empty and not a Drover data folder. Choose an empty folder with --data.`,
      });
    writeFileSync(path, `${JSON.stringify({ kind, version: 1 })}\n`, { mode: 0o600 });
    return;
  }
  let marker: { kind?: unknown; version?: unknown } = {};
  try {
    marker = JSON.parse(text) as typeof marker;
  } catch {
    // Refused below.
  }
  if (marker.kind !== kind || marker.version !== 1)
    throw new DroverError('data-folder-foreign', {
      detail: `${folder} is a data folder of ${String(marker.kind ?? 'something else')}, not of ${kind}. Choose another with --data.`,
    });
}
