/** Where the programs of a server's machine keep their data unless they are told. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export function upDataDir(): string {
  return process.getuid?.() === 0
    ? '/var/lib/drover'
    : join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'drover');
}

export function serverDataDir(): string {
  return process.getuid?.() === 0
    ? '/var/lib/drover-server'
    : `${process.env.HOME ?? '/tmp'}/.local/share/drover-server`;
}
