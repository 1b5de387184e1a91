/** Tests work on servers that they started, and on no other: neither on one that whoever runs them uses, nor on the `drover up` of this machine. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { PageShell } from '../support/page-shell.ts';
import { freePort } from '../support/sshd.ts';
import { openTerminal } from '../support/terminal.ts';
import { cleanEnv, drover, runCli } from '../support/up.ts';

let url: string;
let folder: string;
beforeAll(async () => {
  url = `http://127.0.0.1:${await freePort('127.0.0.1')}`;
  folder = mkdtempSync(join(tmpdir(), 'drover-operator-'));
  writeFileSync(join(folder, 'access.json'), JSON.stringify({ url, token: 'drt_x', ca: '' }));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

it('a command finds the server of the data folder that DROVER_DATA names', async () => {
  const { stdout } = await runCli(['context', 'list', '--json'], { DROVER_DATA: folder });
  expect(JSON.parse(stdout)).toMatchObject({ items: [{ name: 'local', url, current: true }] });
});

it('a server that is not reached is told in words, and one of this machine with how to start it', async () => {
  const { port } = new URL(url);
  const own = await runCli(['whoami'], { DROVER_DATA: folder });
  expect(own).toMatchObject({
    code: 4,
    stderr: expect.stringContaining(`${url} was not reached: nothing listens on port ${port}.\n`),
  });
  expect(own.stderr).toMatch(new RegExp(`drover up of this machine.*Start it: .*drover up \\(data in ${folder}\\)`));
  const other = await runCli(['login', url.replace('http:', 'https:')], { DROVER_TOKEN: 'drt_x' });
  expect(other).toMatchObject({ code: 4, stderr: expect.stringContaining(`nothing listens on port ${port}.\n`) });
  expect(other.stderr).toMatch(/Is the server running, and is the address right/);
});

it('logging out where nothing is to be forgotten says what is stored, and why it stays', async () => {
  const env = { DROVER_DATA: folder, XDG_CONFIG_HOME: join(folder, 'config') };
  mkdirSync(join(folder, 'config', 'drover'), { recursive: true });
  writeFileSync(
    join(folder, 'config', 'drover', 'contexts.json'),
    JSON.stringify({ current: 'local', contexts: { ann: { url, token: 'drt_x' } } }),
  );
  const { code, stdout } = await runCli(['logout'], env);
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/this machine \(local\).*Stored are ann; drover context remove/),
  ]);
  expect((await runCli(['logout'])).stdout).toBe('no server and no token were stored\n');
});

it("commands of tests find none, whatever the environment and this machine's data folder say", async () => {
  for (const [name, value] of [
    ['DROVER_DATA', folder],
    ['DROVER_URL', url],
    ['DROVER_TOKEN', 'drt_x'],
  ] as const)
    vi.stubEnv(name, value);
  const told = /No server is known/;
  expect(await runCli(['whoami'])).toMatchObject({ code: 2, stderr: expect.stringMatching(told) });
  const terminal = openTerminal([drover, 'whoami'], {});
  expect(await terminal.ended).toBe(2);
  expect(terminal.shown()).toMatch(told);
  const shell = new PageShell();
  try {
    expect(await shell.run('drover whoami')).toMatchObject({ code: 2, stderr: expect.stringMatching(told) });
    // A clone's own command is told as it was typed; one on the PATH by its name.
    expect((await shell.run('./drover whoami')).stderr).toContain('`./drover up`');
    expect((await shell.run('drover whoami')).stderr).toContain('`drover up`');
  } finally {
    await shell.end();
  }
  expect(Object.keys(cleanEnv()).filter((name) => /^DROVER_(?:URL|TOKEN|CONTEXT|CA|JOIN)$/.test(name))).toEqual([]);
});
