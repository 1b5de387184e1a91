/** What a journal needs of a file system, so that one can be played: files written at a place, cut off and synced, and folders synced. */
import { open, readFile, rename, rm } from 'node:fs/promises';

export interface JournalFile {
  /** May take a part of it, as a disk does that fills up. */
  write(bytes: Uint8Array, offset: number, length: number, position: number | null): Promise<{ bytesWritten: number }>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface JournalFiles {
  /** Empty where there is no such file. */
  read(path: string): Promise<Buffer>;
  /** `w` begins with an empty file, `r+` goes on with the one that is there. Nobody else may read it. */
  open(path: string, flags: 'w' | 'r+'): Promise<JournalFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

export const nodeJournalFiles: JournalFiles = {
  read: (path) =>
    readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    }),
  open: (path, flags) => open(path, flags, 0o600),
  rename,
  remove: (path) => rm(path, { force: true }),
  async syncFolder(path) {
    const folder = await open(path, 'r');
    await folder.sync().finally(() => folder.close());
  },
};
