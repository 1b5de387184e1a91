/** The words of a program that reads its own, such as `drover up`: an option that there is not is refused with the one that was meant. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { DroverError } from './errors.ts';
import { meantText, nearest } from './nearest.ts';

/** What other programs call ours; told where the program has it. */
const OTHERWISE: Readonly<Record<string, readonly string[]>> = {
  listen: ['port', 'host', 'bind', 'address', 'addr'],
  data: ['dir', 'folder', 'data-dir', 'datadir', 'path'],
  join: ['token', 'join-token'],
  worker: ['server', 'url'],
  'master-key': ['key', 'keyfile'],
};

/** As `parseArgs`, which is strict. Throws `bad-input`. */
export function readArgs<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw error;
    const word = /'(-[^']*)'/.exec((error as Error).message)?.[1] ?? '';
    throw new DroverError('bad-input', {
      detail: `There is no option ${word}.${meantText(meant(word, Object.keys(config.options ?? {})))} (--help tells which there are)`,
      cause: error,
    });
  }
}

function meant(word: string, options: readonly string[]): string[] {
  const name = word.replace(/^-+/, '');
  const ours = options.filter((option) => OTHERWISE[option]?.includes(name));
  const found = ours.length > 0 ? ours : nearest(name, options);
  return found.map((option) => (option === 'listen' ? '--listen HOST:PORT' : `--${option}`));
}
