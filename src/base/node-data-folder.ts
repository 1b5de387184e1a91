/** Where `drover up` keeps its data on this machine unless `--data` says it, and where commands look for the server of this machine. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export function upDataDir(): string {
  return (
    process.env.DROVER_DATA ||
    (process.getuid?.() === 0
      ? '/var/lib/drover'
      : join(process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'drover'))
  );
}
