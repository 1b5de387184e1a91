/** Files of a journal that are nowhere but in memory, for a ledger whose disk is not what a test is about. They outlive the ledger, as a disk does. */
import type { JournalFile, JournalFiles } from '../../src/ledger/journal-files.ts';

interface Content {
  /** With room for more. */
  bytes: Buffer;
  length: number;
}

export class MemoryFiles implements JournalFiles {
  readonly #files = new Map<string, Content>();

  async read(path: string): Promise<Buffer> {
    const { bytes, length } = this.#of(path);
    return Buffer.from(bytes.subarray(0, length));
  }

  async open(path: string, flags: 'w' | 'r+'): Promise<JournalFile> {
    if (flags === 'w') this.#files.delete(path);
    const content = this.#of(path);
    this.#files.set(path, content);
    return {
      write: async (bytes, offset, length, position) => {
        const at = position ?? content.length;
        if (at + length > content.bytes.length)
          content.bytes = Buffer.concat([content.bytes, Buffer.alloc(at + length)]);
        content.bytes.set(bytes.subarray(offset, offset + length), at);
        content.length = Math.max(content.length, at + length);
        return { bytesWritten: length };
      },
      truncate: async (length) => {
        content.length = length;
      },
      async sync() {},
      async datasync() {},
      async close() {},
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#files.set(to, this.#of(from));
    this.#files.delete(from);
  }

  async remove(path: string): Promise<void> {
    this.#files.delete(path);
  }

  async syncFolder(): Promise<void> {}

  #of(path: string): Content {
    return this.#files.get(path) ?? { bytes: Buffer.alloc(0), length: 0 };
  }
}
