/** The text of a file of an inventory, as much as is read at most. */
import { readFileSync, statSync } from 'node:fs';
import { limits } from '../../../base/limits.ts';
import { systemWords } from '../../../base/system-words.ts';
import { UsageError } from '../../exit.ts';

/** Standard input for `-`. */
export function readText(path: string): string {
  try {
    if (path !== '-' && statSync(path).size > limits.importFileBytesMax)
      throw new UsageError(`${path} is larger than ${limits.importFileBytesMax} bytes, the most that is imported.`);
    const bytes = readFileSync(path === '-' ? 0 : path);
    if (bytes.length > limits.importFileBytesMax)
      throw new UsageError(`The input is larger than ${limits.importFileBytesMax} bytes, the most that is imported.`);
    return bytes.toString();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path === '-' ? 'Standard input' : path} cannot be read: ${systemWords(error)}.`);
  }
}
