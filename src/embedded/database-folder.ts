/** A new data folder of PostgreSQL. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DroverError } from '../base/errors.ts';
import type { Owner } from './database-owner.ts';

/**
 * Built aside and put in its place when it is whole: initdb writes PG_VERSION first, so a folder that it was killed in the middle of would
 * look like a database for ever. Under a name of its own, because an initdb outlives the process that started it.
 */
export async function initialise(at: {
  dir: string;
  data: string;
  bin: string;
  passwordFile: string;
  owner: Owner;
  isDurable: boolean;
}): Promise<void> {
  for (const name of await readdir(at.dir))
    if (name.startsWith('initialising-'))
      await rm(join(at.dir, name), { recursive: true, force: true }).catch(() => undefined);
  const staging = join(at.dir, `initialising-${randomBytes(6).toString('hex')}`);
  await rm(at.data, { recursive: true, force: true });
  await writeFile(at.passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  await mkdir(staging, { mode: 0o700 });
  if (at.owner.uid !== undefined)
    for (const path of [staging, at.passwordFile]) await chown(path, at.owner.uid, at.owner.gid!);
  run(
    join(at.bin, 'initdb'),
    [
      '-D',
      staging,
      '-U',
      'drover',
      '--pwfile',
      at.passwordFile,
      '-A',
      'scram-sha-256',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-instructions',
      ...(at.isDurable ? [] : ['--no-sync']),
    ],
    at.owner,
  );
  // PostgreSQL has no use for it from now on.
  if (at.owner.uid !== undefined) await chown(at.passwordFile, process.getuid!(), process.getgid!());
  await rename(staging, at.data);
}

function run(command: string, args: string[], owner: Owner, env: Record<string, string> = {}): void {
  const result = spawnSync(command, args, {
    ...owner,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', ...env },
    cwd: '/',
  });
  if (result.status !== 0)
    throw new DroverError('embedded-database-failed', {
      detail: `${command.split('/').at(-1)} failed: ${(result.error?.message ?? result.stderr).trim().slice(-500)}`,
    });
}
