/**
 * The installer as one program for a host: `install.sh` with `launch.sh` inside. What runs it on the host needs nothing
 * else but the executable.
 */
import { readFileSync } from 'node:fs';

export function installProgram(): string {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  return read('install.sh').replace('@LAUNCH@\n', () => read('launch.sh'));
}
