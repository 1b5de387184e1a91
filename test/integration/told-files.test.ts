/** Whoever names a file that cannot be read is told which, and why, in words: no code of the system reaches a user by itself. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, expect, it } from 'vitest';
import { EXIT } from '../../src/base/exit-codes.ts';
import { addCommands } from '../../src/cli/commands.ts';
import { runCli } from '../support/up.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-told-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const [missing, dir, file] = [at('none'), at('dir'), at('file')];
mkdirSync(dir);
writeFileSync(file, 'x\n');

const ACCOUNT = ['accounts', 'create', 'a', '--scope', 'all', '--user', 'u'];
const WEBHOOK = ['channels', 'add', 'a', '--kind', 'webhook', '--url', 'https://a.example/'];
const KEY = ['--password', `@${file}`];
/** By option: words with a path in it that cannot be read. Options of several commands are tried with one of them. */
const READERS: Readonly<Record<string, (path: string) => readonly string[]>> = {
  '--script': (path) => ['run', '-t', 'all', '--script', path],
  '--stdin': (path) => ['run', '-t', 'all', '--stdin', path, '--', 'cat'],
  '--secret': (path) => ['run', '-t', 'all', '--secret', `A=@${path}`, '--', 'true'],
  '--hosts-file': (path) => ['run', '--hosts-file', path, '--', 'true'],
  '--key': (path) => [...ACCOUNT, '--key', path],
  '--certificate': (path) => [...ACCOUNT, '--key', file, '--certificate', path],
  '--passphrase': (path) => [...ACCOUNT, '--key', file, '--passphrase', `@${path}`],
  '--password': (path) => [...ACCOUNT, '--password', `@${path}`],
  '--keyboard-interactive': (path) => [...ACCOUNT, '--keyboard-interactive', `@${path}`],
  '--become-password': (path) => [...ACCOUNT, ...KEY, '--become', 'su', '--become-password', `@${path}`],
  '--url': (path) => ['channels', 'add', 'a', '--kind', 'slack', '--url', `@${path}`],
  '--authorities': (path) => [...WEBHOOK, '--secret', `@${file}`, '--authorities', path],
  '--ca': (path) => ['login', 'https://127.0.0.1:1', '--ca', path],
  '--master-key': (path) => ['restore', file, '--master-key', path],
  '--file': (path) => ['job', 'apply', '--file', path],
  'job apply': (path) => ['job', 'apply', path],
  'job validate': (path) => ['job', 'validate', path],
  'hosts import': (path) => ['hosts', 'import', path, '--format', 'csv'],
  'hosts keys import': (path) => ['hosts', 'keys', 'import', path],
  'backup verify': (path) => ['backup', 'verify', path],
};

it('is tried for every option that takes a file', async () => {
  const program = new Command();
  await addCommands(program, 'completion');
  const all = (one: Command): Command[] => [one, ...one.commands.flatMap(all)];
  const options = all(program)
    .flatMap((one) => one.options)
    .filter(({ flags, description }) => /<(file|k=@file|source)>/.test(flags) || /@FILE/.test(description))
    .map(({ long }) => long!);
  expect(options.filter((option) => !Object.hasOwn(READERS, option))).toEqual([]);
});

it.each(Object.entries(READERS))('%s tells the path and the reason', async (_option, words) => {
  const env = { DROVER_URL: 'http://127.0.0.1:1', DROVER_TOKEN: 'x', DROVER_MASTER_KEY: 'x' };
  const tried = [
    [missing, 'there is no such file or folder'],
    // A folder may be an inventory.
    words('x').includes('csv') ? [`${file}/below`, 'a part of the path is no folder'] : [dir, 'it is a folder'],
  ] as const;
  const told = await Promise.all(tried.map(([path]) => runCli(words(path), env)));
  for (const [i, [path, reason]] of tried.entries()) {
    const { code, stderr } = told[i]!;
    expect(stderr).toContain(path);
    expect(stderr).toContain(`: ${reason}`);
    expect(stderr).not.toMatch(/\bE[A-Z]{3,}\b|\n {4}at /);
    expect([path, code]).toEqual([path, EXIT.usage]);
  }
});

it.each(['server', 'worker', 'agent', 'up', 'restore'])(
  'a data folder that cannot be made is told by %s',
  async (role) => {
    const words = role === 'restore' ? [role, file, '--data', `${file}/data`] : [role, '--data', `${file}/data`];
    const env = role === 'server' ? { DATABASE_URL: 'postgres://x@127.0.0.1:1/x' } : {};
    const { code, stderr } = await runCli(words, { ...env, DROVER_MASTER_KEY: Buffer.alloc(32).toString('base64') });
    expect(stderr).not.toMatch(/\bE[A-Z]{3,}\b|\n {4}at /);
    expect(code).toBeGreaterThan(EXIT.failed);
  },
);
