/** This program as whoever started it has to type it again: a clone's `./drover` is not on the PATH. */
import { basename, delimiter, dirname, resolve } from 'node:path';

/** `called` is what the launcher was called by, which it says in `DROVER_CALLED`; without it we are told of as `drover`. */
export function programName(
  called: string | undefined = process.env.DROVER_CALLED,
  path: string = process.env.PATH ?? '',
): string {
  if (!called?.includes('/')) return called || 'drover';
  const folder = resolve(dirname(called));
  const name = path.split(delimiter).some((one) => one !== '' && resolve(one) === folder) ? basename(called) : called;
  return /^[\w./@+-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}
