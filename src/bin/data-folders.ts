/** Where the programs of a cluster's machine keep their data unless they are told. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { DroverError } from '../base/errors.ts';

/**
 * Of root below /var/lib, else in the user's own home: nowhere that another user may have made before. Throws `bad-input` for a user who
 * has no home.
 */
export function dataFolderOf(role: 'server' | 'worker' | 'agent'): string {
  if (process.getuid?.() === 0) return `/var/lib/drover-${role}`;
  return join(homeOf(role), '.local', 'share', `drover-${role}`);
}

function homeOf(role: string): string {
  let home = '';
  try {
    home = homedir();
  } catch {
    // Said below: nobody knows this user.
  }
  if (isAbsolute(home)) return home;
  throw new DroverError('bad-input', {
    detail: `This user has no home folder; say with --data where the ${role} is to keep its data.`,
  });
}
