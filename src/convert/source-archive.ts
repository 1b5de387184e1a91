/**
 * The texts of a ZIP archive, by their paths in it. Bounded before anything is unpacked, so that a small archive is
 * never a large memory.
 */
import { unzipSync } from 'fflate';
import { jobLimits } from '../base/job-limits.ts';
import { ConversionFault, type SourceFile } from './conversion.ts';

const ZIP_BEGINS = Buffer.from('PK\u0003\u0004', 'latin1');

export function isArchive(bytes: Uint8Array): boolean {
  return bytes.length >= ZIP_BEGINS.length && ZIP_BEGINS.equals(bytes.subarray(0, ZIP_BEGINS.length));
}

/** Of what is no text the path alone: it is named, and not read. */
export function archiveFiles(file: string, bytes: Uint8Array): SourceFile[] {
  const fault = (what: string): ConversionFault => new ConversionFault([{ file, line: 1, what }]);
  const files: SourceFile[] = [];
  const texts = new Set<string>();
  let count = 0;
  let size = 0;
  let unpacked: Record<string, Uint8Array>;
  try {
    unpacked = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (name.endsWith('/')) return false;
        if (++count > jobLimits.convertFilesMax) throw fault(`It holds more than ${jobLimits.convertFilesMax} files.`);
        if (!isSourceText(name)) {
          files.push({ path: name, text: '' });
          return false;
        }
        if (texts.has(name)) throw fault(`It holds ${name} twice.`);
        size += originalSize;
        if (size > jobLimits.convertBytesMax)
          throw fault(`Its texts have more than ${jobLimits.convertBytesMax} bytes together.`);
        texts.add(name);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof ConversionFault) throw error;
    throw fault(`It is no ZIP archive that can be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
  for (const path of texts) files.push({ path, text: sourceText(path, unpacked[path]!) });
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What any of the forms reads. */
export function isSourceText(path: string): boolean {
  return /\.(?:job|flow|project|properties|xml)$/i.test(path);
}

/** Throws where it is not UTF-8. */
export function sourceText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ConversionFault([{ file: path, line: 1, what: 'It is not text in UTF-8.' }]);
  }
}
