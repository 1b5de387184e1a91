/** The texts of the files of an inventory, as much as is read at most. Some of them may come from a repository of somebody else's. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { limits } from '../../../base/limits.ts';
import { systemWords } from '../../../base/system-words.ts';
import { UsageError } from '../../exit.ts';

const BLOCK_BYTES = 64 * 1024;

/** The files of one import. */
export class InventoryFiles {
  #count = 0;
  #bytes = 0;

  /** What the user has named: a pipe too (`<(command)`). Standard input for `-`. */
  named(path: string): string {
    return this.#counted(path, readText(path));
  }

  /** What another file or the name of a group has led to: nothing but a file, for a device or a pipe may have no end. */
  found(path: string): string {
    return this.#counted(path, textOf(path, constants.O_RDONLY | constants.O_NONBLOCK, true));
  }

  #counted(path: string, text: string): string {
    this.#bytes += text.length;
    const excess =
      ++this.#count > limits.importFilesMax
        ? `${limits.importFilesMax} files`
        : this.#bytes > limits.importBytesMax
          ? `${limits.importBytesMax} bytes in all`
          : undefined;
    if (excess === undefined) return text;
    throw new UsageError(`With ${path} the inventory has more than ${excess}; so much is not imported at once.`);
  }
}

/** One file that the user has named. Standard input for `-`. */
export function readText(path: string): string {
  return textOf(path, constants.O_RDONLY, false);
}

function textOf(path: string, flags: number, isFound: boolean): string {
  const name = path === '-' ? 'Standard input' : path;
  let fd: number | undefined;
  try {
    fd = path === '-' ? 0 : openSync(path, flags);
    if (isFound && !fstatSync(fd).isFile()) throw new UsageError(`${path} is no file that could be imported.`);
    return boundedText(fd, name);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${name} cannot be read: ${systemWords(error)}.`);
  } finally {
    if (fd !== undefined && fd !== 0) closeSync(fd);
  }
}

/** Whatever size it says that it has: a device says none, and a file may grow. */
function boundedText(fd: number, name: string): string {
  const blocks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    const read = readSync(fd, block, 0, block.length, null);
    if (read === 0) return Buffer.concat(blocks).toString();
    size += read;
    if (size > limits.importFileBytesMax)
      throw new UsageError(`${name} is larger than ${limits.importFileBytesMax} bytes, the most that is imported.`);
    blocks.push(block.subarray(0, read));
  }
}
