/** The files of a definition of another scheduler that a command line names: single ones, folders with all below them, archives. */
import { lstatSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { jobLimits } from '../../base/job-limits.ts';
import { systemWords } from '../../base/system-words.ts';
import type { SourceFile } from '../../convert/conversion.ts';
import { archiveFiles, isArchive, isSourceText, sourceText } from '../../convert/source-archive.ts';
import { UsageError } from '../exit.ts';
import { Faults, Inputs } from '../input.ts';

/** Throws where one cannot be read, or they are too much. Each has the path by which its faults are told. */
export function sourceFiles(paths: readonly string[]): SourceFile[] {
  const reader = new SourceReader();
  for (const path of paths) reader.add(path);
  return reader.files;
}

class SourceReader {
  readonly files: SourceFile[] = [];
  readonly #faults = new Faults();
  readonly #inputs = new Inputs(this.#faults);
  #bytes = 0;

  add(path: string): void {
    if (path !== '-' && this.#isFolder(path)) return this.#folder(path);
    const bytes = this.#read(path, jobLimits.convertArchiveBytesMax);
    if (!isArchive(bytes)) return this.#text(path === '-' ? 'standard input' : path, bytes);
    for (const file of archiveFiles(path, bytes)) this.#push(file);
  }

  #folder(folder: string): void {
    for (const name of this.#entries(folder)) {
      const path = join(folder, name);
      // A link may lead out of the project, or round in it.
      const kind = lstatSync(path);
      if (kind.isDirectory()) this.#folder(path);
      else if (kind.isFile() && isSourceText(path)) this.#text(path, this.#read(path, jobLimits.convertBytesMax));
      else this.#push({ path, text: '' });
    }
  }

  #text(path: string, bytes: Buffer): void {
    this.#push({ path: path.replaceAll(sep, '/'), text: sourceText(path, bytes) });
  }

  #push(file: SourceFile): void {
    this.#bytes += file.text.length;
    if (this.files.length >= jobLimits.convertFilesMax)
      throw new UsageError(`These are more than ${jobLimits.convertFilesMax} files, the most of one project.`);
    if (this.#bytes > jobLimits.convertBytesMax)
      throw new UsageError(`These are more than ${jobLimits.convertBytesMax} bytes, the most of one project.`);
    this.files.push(file);
  }

  #read(path: string, bytesMax: number): Buffer {
    const bytes = this.#inputs.read('the definition', path, bytesMax);
    this.#faults.end();
    return bytes!;
  }

  #isFolder(path: string): boolean {
    try {
      return lstatSync(path).isDirectory();
    } catch {
      // Whoever reads it says what is wrong.
      return false;
    }
  }

  #entries(folder: string): string[] {
    try {
      return readdirSync(folder).sort();
    } catch (error) {
      throw new UsageError(`${folder} cannot be read: ${systemWords(error)}.`);
    }
  }
}
