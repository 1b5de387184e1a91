/**
 * Makes a folder with all that is missing above it. Node's own recursive mkdir never ends where the parent is there and the child cannot be
 * made (below /proc, say), so each level is made by itself, and what the system says is thrown as it is.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export function makeFolder(folder: string, mode = 0o777): void {
  const missing: string[] = [];
  for (let at = resolve(folder); !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const path of missing) {
    try {
      mkdirSync(path, { mode });
    } catch (error) {
      // Somebody made it meanwhile; or it is a link to nowhere, which `statSync` says below.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  if (!statSync(folder).isDirectory())
    throw Object.assign(new Error(`ENOTDIR: not a directory, '${folder}'`), { code: 'ENOTDIR' });
}
