/** Files of a journal that are nowhere but in memory, for a ledger whose disk is not what a test is about. They outlive the ledger, as a disk does. */
import type { JournalFile, JournalFiles } from '../../src/ledger/journal-files.ts';

export class MemoryFiles implements JournalFiles {
  readonly #files = new Map<string, Buffer>();

  async read(path: string): Promise<Buffer> {
    return this.#files.get(path) ?? Buffer.alloc(0);
  }

  async open(path: string, flags: 'w' | 'r+'): Promise<JournalFile> {
    if (flags === 'w') this.#files.set(path, Buffer.alloc(0));
    const content = (): Buffer => this.#files.get(path) ?? Buffer.alloc(0);
    return {
      write: async (bytes, offset, length, position) => {
        const at = position ?? content().length;
        const after = Buffer.alloc(Math.max(content().length, at + length));
        content().copy(after);
        after.set(bytes.subarray(offset, offset + length), at);
        this.#files.set(path, after);
        return { bytesWritten: length };
      },
      truncate: async (length) => void this.#files.set(path, content().subarray(0, length)),
      async sync() {},
      async datasync() {},
      async close() {},
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#files.set(to, await this.read(from));
    this.#files.delete(from);
  }

  async remove(path: string): Promise<void> {
    this.#files.delete(path);
  }

  async syncFolder(): Promise<void> {}
}
