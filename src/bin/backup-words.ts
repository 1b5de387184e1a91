/** What backup and restore share: the key's place, what they say, and how. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { BackupHeader, BackupSummary } from '../backup/backup-format.ts';
import { readBackup, type BackupPart } from '../backup/backup-reader.ts';
import { DroverError, errorCodeOf } from '../base/errors.ts';
import { systemWords } from '../base/system-words.ts';
import { PART_SUFFIX } from './backup-place.ts';

/** The server's own folder is inside that of `drover up`. */
export function masterKeyFile(dataDir: string, databaseUrl: string | undefined): string {
  return databaseUrl ? join(dataDir, 'master.key') : join(dataDir, 'server', 'master.key');
}

export function told(header: BackupHeader, summary: BackupSummary): Record<string, unknown> {
  return {
    takenAt: new Date(header.takenAtMs).toISOString(),
    programVersion: header.programVersion,
    schemaVersion: header.schemaVersion,
    installation: header.installation,
    keyIds: header.keyIds,
    ...summary,
  };
}

/** What is in the backup at `path`; `-` is the standard input. Throws `backup-damaged`, or `bad-input` when it cannot be read. */
export async function* backupAt(path: string): AsyncGenerator<BackupPart, void> {
  try {
    yield* readBackup(readOrSay(path, path === '-' ? process.stdin : createReadStream(path)));
  } catch (error) {
    if (errorCodeOf(error) !== 'backup-damaged' || !path.endsWith(PART_SUFFIX)) throw error;
    throw new DroverError('backup-damaged', {
      detail:
        `${path} is no backup yet: it is what one has written so far that is still at work, or that was killed. ` +
        `${path.slice(0, -PART_SUFFIX.length)}, if it is there, is the one before it.`,
      cause: error,
    });
  }
}

/** A file that cannot be read is the caller's to mend. */
async function* readOrSay(path: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* source;
  } catch (error) {
    throw new DroverError('bad-input', {
      detail: `The backup ${path === '-' ? 'on the standard input' : path} cannot be read: ${systemWords(error)}.`,
      cause: error,
    });
  }
}

/** Ended by a signal: what was begun is taken back, also a PostgreSQL that was started for this, which would outlive us. */
export function onInterrupt(takeBack: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => void takeBack().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143)));
}

/** One line that is written over, for whoever watches; programs and files get none. */
export class Progress {
  readonly #isWatched = process.stderr.isTTY;

  show(text: string): void {
    if (this.#isWatched) process.stderr.write(`\r\u001b[K${text}`);
  }

  clear(): void {
    this.show('');
  }
}
