/**
 * Sockets in folders with long names. The system takes 107 bytes for the path of a socket (`sun_path`), and 103 on macOS; a data folder
 * may be deeper. On Linux this process then goes by a descriptor of the folder, which is kept until the process ends or `close`.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { DroverError } from './errors.ts';

const PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103;
/** `/.s.PGSQL.65535`, and the like. */
const NAME_BYTES_MAX = 16;

export interface SocketFolder {
  /** For this process alone. */
  readonly path: string;
  close(): void;
}

/** Throws `bad-input` where the path is too long for this system, and what the system says where the folder cannot be opened. */
export function socketFolder(folder: string): SocketFolder {
  if (Buffer.byteLength(folder) + NAME_BYTES_MAX <= PATH_BYTES_MAX) return { path: folder, close: () => undefined };
  if (process.platform !== 'linux')
    throw new DroverError('bad-input', {
      detail:
        `The path ${folder} is too long for a socket on this system (${PATH_BYTES_MAX - NAME_BYTES_MAX} bytes). ` +
        'Choose a shorter one.',
    });
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}`, close: () => closeSync(fd) };
}
