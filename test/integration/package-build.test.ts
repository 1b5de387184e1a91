/** The first `drover agents install` of a clone: the package that it needs is made then, or it is said why not and what to do. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { newDataDir, removeDataDir, runCli, startUp, stopUp, type CliResult, type RunningUp } from '../support/up.ts';

const INSTALL = ['agents', 'install', '-t', 'nobody-of-that-name'];
const dataDir = newDataDir();
const configHome = join(dataDir, '..', 'config');
let up: RunningUp;

beforeAll(async () => {
  mkdirSync(join(configHome, 'drover'), { recursive: true });
  up = await startUp(dataDir, 1, { env: { XDG_CONFIG_HOME: configHome } });
});
afterAll(async () => {
  await stopUp(up);
  removeDataDir(dataDir);
});

/** As on the machine of `drover up`, whose server looks for packages in `packages`. npm finds no registry. */
function onTheMachine(packages: string | undefined, ...args: string[]): Promise<CliResult> {
  const access = JSON.parse(readFileSync(join(dataDir, 'access.json'), 'utf8')) as Record<string, string>;
  writeFileSync(
    join(configHome, 'drover', 'contexts.json'),
    JSON.stringify({
      current: 'here',
      contexts: { here: { ...access, ...given({ packages: packages || undefined }) } },
    }),
  );
  const programs = join(configHome, 'bin');
  mkdirSync(programs, { recursive: true });
  writeFileSync(join(programs, 'npm'), '#!/bin/sh\necho no registry here >&2\nexit 1\n', { mode: 0o755 });
  return runCli(args, { XDG_CONFIG_HOME: configHome, PATH: `${programs}:${process.env.PATH}` });
}

it('from another machine says where packages are made, and where they go', async () => {
  const { code, stderr } = await runCli(INSTALL, { DROVER_URL: up.url, DROVER_TOKEN: up.token });
  expect(code).toBe(3);
  expect(stderr).toContain(join(dataDir, 'server', 'packages'));
  expect(stderr).toContain('npm run build:agent -- --out FOLDER');
  expect(stderr).toContain('this server is not one of those that run here');
});

it('knows the server of a data folder of its own by its address, and so where its packages lie', async () => {
  const env = { XDG_CONFIG_HOME: configHome, DROVER_URL: up.url };
  expect(await runCli(['hosts', 'list', '-o', 'name'], env)).toMatchObject({ code: 0, stderr: '' });
  // Nothing is made: npm and what the build wants are there, and the folder is another's to name.
  rmSync(join(dataDir, 'server', 'packages'), { recursive: true, force: true });
  writeFileSync(join(dataDir, 'server', 'packages'), 'a file');
  const { code, stderr } = await runCli(INSTALL, { ...env, DROVER_TOKEN: up.token });
  expect([code, stderr]).toEqual([3, expect.stringContaining('could not be made: the folder ') as string]);
  rmSync(join(dataDir, 'server', 'packages'));
});

it('says why none could be made', async () => {
  const { code, stderr } = await onTheMachine('/dev/null/packages', ...INSTALL);
  expect([code, stderr]).toEqual([
    3,
    expect.stringMatching(
      /The package of the agent could not be made: the folder \/dev\/null\/packages cannot be made: a part of the path is no folder/,
    ),
  ]);
});

it('makes it, tells the steps, and goes on', async () => {
  const { stderr } = await onTheMachine(undefined, ...INSTALL);
  expect(stderr).toContain('There is no package of the agent yet: making it, once.');
  expect(stderr).toContain(`Making the package of the agent: linux ${process.arch}`);
  expect(stderr).not.toContain('package-not-found');
  expect(stderr).toContain('nobody-of-that-name');
  const found = JSON.parse((await onTheMachine(undefined, 'agents', 'packages', '--json')).stdout) as {
    items: { packages: { arch: string; problem?: string }[] }[];
  };
  const own = found.items[0]!.packages.find(({ arch }) => arch === process.arch);
  expect(own).toBeDefined();
  expect(own).not.toHaveProperty('problem');
  // Whoever holds it decides what hosts execute: not the server, and nobody else.
  expect(readFileSync(join(configHome, 'drover', 'release.key'), 'utf8')).toContain('PRIVATE KEY');
}, 400_000);
