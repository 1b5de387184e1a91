/** What attempts have on this machine, where it is the host: names under the folders that the program over SSH works in. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const BASES = ['/tmp', '/var/tmp', '/dev/shm'];

/** Paths with the attempt in them, in the folders of ours and beside them. */
export function tracesOf(attempt: string, bases: readonly string[] = BASES): string[] {
  return ourPaths(bases).filter((path) => path.includes(attempt));
}

/** Whatever is named as ours is. */
export function ourPaths(bases: readonly string[] = BASES): string[] {
  return bases.filter(existsSync).flatMap((base) =>
    readdirSync(base)
      .filter((name) => name.startsWith('.drover-'))
      .flatMap((name) => [join(base, name), ...namesIn(join(base, name)).map((each) => join(base, name, each))]),
  );
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // A file, or gone meanwhile.
    return [];
  }
}
