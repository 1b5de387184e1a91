/** A file that is there whole or not at all: written aside, synced, and put in its place. `-` is the standard output. */
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DroverError } from '../base/errors.ts';
import { systemWordsOf } from '../base/system-words.ts';

/** Of the file while it is written. */
export const PART_SUFFIX = '.part';

export interface BackupPlace {
  write(bytes: Uint8Array): Promise<void>;
  /** Puts it in its place. */
  finish(): Promise<void>;
  /** What was there before stays. */
  abandon(): Promise<void>;
}

export async function openPlace(path: string): Promise<BackupPlace> {
  return path === '-' ? standardOutput() : fileAt(path);
}

async function fileAt(path: string): Promise<BackupPlace> {
  const part = `${path}${PART_SUFFIX}`;
  const file = await unwritable(path, async () => {
    // What a killed backup left behind. Another one that is still at it finds out when it wants to put its own in place.
    await rm(part, { force: true });
    return open(part, 'wx', 0o600);
  });
  return {
    write: (bytes) => unwritable(path, () => writeWhole(file, bytes)),
    finish: () =>
      unwritable(path, async () => {
        await file.sync();
        const [ours, there] = [await file.stat(), await stat(part)];
        if (ours.ino !== there.ino || ours.dev !== there.dev) throw new Error(`another backup writes ${part}`);
        await file.close();
        await rename(part, path);
        const folder = await open(dirname(path));
        await folder.sync().finally(() => folder.close());
      }),
    async abandon() {
      await file.close().catch(() => undefined);
      await rm(part, { force: true }).catch(() => undefined);
    },
  };
}

function standardOutput(): BackupPlace {
  return {
    write: (bytes) =>
      unwritable(
        'the standard output',
        () =>
          new Promise<void>((resolve, reject) => {
            process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
          }),
      ),
    finish: async () => undefined,
    abandon: async () => undefined,
  };
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

async function unwritable<T>(path: string, work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    throw new DroverError('backup-unwritable', {
      detail: `The backup cannot be written to ${path}: ${systemWordsOf(error, path)}.`,
      cause: error,
    });
  });
}
