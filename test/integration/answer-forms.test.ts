/** Every command answers in every form that `-o` names: a walk over all of them, against a real API and database. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { newId } from '../../src/base/ids.ts';
import { addCommands } from '../../src/cli/commands.ts';
import { emptyCounts } from '../../src/domain/crew/execution-machine.ts';
import { runCommand } from '../../src/cli/program.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { receiver, type Receiver } from '../support/receiver.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
const FINGERPRINT = `SHA256:${createHash('sha256')
  .update(Buffer.from(KEY.split(' ')[1]!, 'base64'))
  .digest('base64')
  .replace(/=+$/, '')}`;
const FORMS = ['table', 'wide', 'json', 'jsonl', 'yaml', 'name'] as const;
type Form = (typeof FORMS)[number];

const home = mkdtempSync(join(tmpdir(), 'drover-forms-'));
const inventory = join(home, 'hosts.csv');
const knownHosts = join(home, 'known_hosts');
const foreign = join(home, 'nightly.xml');
const jobs = Array.from({ length: FORMS.length }, (_, n) => join(home, `job-${n}.yaml`));
let api: TestApi;
let notice: string;
const rules: string[] = [];
let far: Receiver;
beforeAll(async () => {
  writeFileSync(inventory, 'name,address\nimported,127.0.0.1\n');
  writeFileSync(knownHosts, `web-1 ${KEY}\n`);
  writeFileSync(foreign, '<job name="nightly"><task name="dump"><command>dump.sh</command></task></job>');
  for (const [n, file] of jobs.entries())
    writeFileSync(file, `job: job-${n}\nstages: [{ stage: s, steps: [{ step: a, command: [x] }] }]\n`);
  far = await receiver();
  api = await testApi({ outboundAllowed: '127.0.0.1' });
  vi.stubEnv('CHAT_URL', far.url);
  vi.stubEnv('DROVER_URL', await api.app.listen({ host: '127.0.0.1', port: 0 }));
  vi.stubEnv('DROVER_TOKEN', await api.token('admin'));
  vi.stubEnv('XDG_CONFIG_HOME', home);
  vi.stubEnv('WEB_PASSWORD', 'hunter2-hunter2');
  for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);
  await ok('hosts', 'add', 'web-1');
  await ok('accounts', 'create', 'web', '--scope', 'all', '--user', 'u', '--password', 'env:WEB_PASSWORD');
  await ok('channels', 'add', 'chat', '--kind', 'slack', '--url', 'env:CHAT_URL');
  await ok('agents', 'join-token', 'create');
  await ok('hosts', 'keys', 'import', knownHosts);
  await ok('run', '-t', 'web-1', '--detach', '--', 'true');
  for (const file of jobs) await ok('job', 'apply', file);
  for (const _form of FORMS)
    rules.push((await ok('notices', 'rules', 'add', 'chat', '--on', 'lost', '-o', 'name')).trim());
  notice = await madeNotice();
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await api.close();
  await far.end();
  rmSync(home, { recursive: true });
});

/** Of a run that failed somewhere; its id. */
async function madeNotice(): Promise<string> {
  const { id, runId } = { id: newId(), runId: newId() };
  await api.database.query(
    `INSERT INTO notice_message (id, channel, channel_id, grouped_as, state, due_at_ms, opened_at_ms, created_at_ms)
     VALUES ($1, 'chat', $1, '', 'waiting', 0, 0, 0)`,
    [id],
  );
  const run = { id: runId, name: 'nightly', round: 1, state: 'failed' };
  const facts = {
    event: 'failed',
    run,
    by: 'ann',
    reason: '',
    begunAtMs: 0,
    endedAtMs: 1,
    counts: emptyCounts(),
    failures: [],
  };
  await api.database.query(
    `INSERT INTO notice (id, run_id, round, event, channel, facts, message_id, created_at_ms)
     VALUES ($1, $2, 1, 'failed', 'chat', $3, $1, 0)`,
    [id, runId, JSON.stringify(facts)],
  );
  return id;
}

/** As the command itself, in this process. */
async function called(...words: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => stdout.push(String(text)) > 0);
  const err = vi.spyOn(process.stderr, 'write').mockImplementation((text) => stderr.push(String(text)) > 0);
  try {
    process.exitCode = undefined;
    const code = await runCommand(words);
    return { code, stdout: stdout.join(''), stderr: stderr.join('') };
  } finally {
    process.exitCode = undefined;
    out.mockRestore();
    err.mockRestore();
  }
}

async function ok(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await called(...words);
  expect([words.join(' '), code, stderr]).toEqual([words.join(' '), 0, '']);
  return stdout;
}

/** Those that list things: `wide` has more of each. */
const LISTS: readonly string[] = [
  'runs list',
  'job list',
  'job versions',
  'hosts list',
  'hosts keys list',
  'hosts twins',
  'accounts list',
  'channels list',
  'notices list',
  'notices rules list',
  'agents list',
  'agents join-token list',
  'agents upgrades list',
  'agents packages',
  'workers list',
  'tokens list',
  'audit',
  'context list',
];

const PLAYED = 'needs a run that is played, which the tests of following do';
const FLEET = 'needs agents or workers, which the tests of these do';
/** What is walked behind the name of a command, by the number of the call; or why it is not. A new command finds its line missing. */
const WALK: Readonly<Record<string, ((n: number) => readonly string[]) | string>> = {
  run: () => ['-t', 'web-1', '--detach', '--', 'true'],
  'runs list': () => [],
  'runs show': () => ['last'],
  'runs output': () => ['last'],
  'runs values': () => ['last'],
  'runs why': () => ['last'],
  'runs watch': PLAYED,
  'runs pause': () => ['last'],
  'runs resume': () => ['last'],
  'runs answer': PLAYED,
  'runs skip': PLAYED,
  'runs cancel': (n) => ['last', ...(n % 2 === 0 ? [] : ['--force'])],
  'runs retry': PLAYED,
  'job apply': (n) => [jobs[n]!],
  'job validate': (n) => [jobs[n]!],
  'job convert': () => ['--from', 'xml', foreign],
  'job list': () => [],
  'job show': () => ['job-0'],
  'job versions': () => ['job-0'],
  'job publish': (n) => [`job-${n}`],
  'job diff': () => ['job-0'],
  'job export': () => ['job-0'],
  'job run': PLAYED,
  'job retire': (n) => [`job-${n}`],
  'job remove': (n) => [`job-${n}`],
  'hosts list': () => [],
  'hosts show': () => ['web-1'],
  'hosts label': (n) => ['web-1', `n=${n}`],
  'hosts add': (n) => [`added-${n}`],
  'hosts edit': (n) => ['web-1', '--label', `edited=${n}`],
  'hosts remove': (n) => [`added-${n}`],
  'hosts test': FLEET,
  'hosts join-token': () => ['web-1'],
  'hosts import': () => [inventory],
  'hosts keys list': () => ['web-1'],
  'hosts keys import': () => [knownHosts],
  'hosts keys accept': () => ['web-1', FINGERPRINT],
  'hosts keys remove': 'takes away what the others are walked on; it answers as `hosts remove`',
  'hosts twins': () => [],
  'hosts twins accept': FLEET,
  'hosts twins replace': FLEET,
  'accounts list': () => [],
  'accounts show': () => ['web'],
  'accounts create': (n) => [`a-${n}`, '--scope', 'all', '--user', 'u', '--password', 'env:WEB_PASSWORD'],
  'accounts edit': (n) => ['web', '--priority', String(n)],
  'accounts remove': (n) => [`a-${n}`],
  'accounts explain': () => ['web-1', '--as', 'web'],
  'accounts rotate-keys': () => [],
  'channels list': () => [],
  'channels show': () => ['chat'],
  'channels add': (n) => [`c-${n}`, '--kind', 'slack', '--url', 'env:CHAT_URL'],
  'channels edit': (n) => ['chat', '--lang', n % 2 === 0 ? 'zh' : 'en'],
  'channels test': () => ['chat'],
  'channels remove': (n) => [`c-${n}`],
  'notices list': () => [],
  'notices show': () => [notice],
  'notices rules list': () => [],
  'notices rules add': () => ['chat', '--on', 'failed'],
  'notices rules remove': (n) => [rules[n]!],
  'agents list': () => [],
  'agents show': FLEET,
  'agents revoke': FLEET,
  'agents keep': FLEET,
  'agents install': FLEET,
  'agents uninstall': () => ['-t', 'web-1', '--detach', '--as', 'web'],
  'agents upgrade': FLEET,
  'agents upgrades list': () => [],
  'agents upgrades show': FLEET,
  'agents upgrades watch': FLEET,
  'agents upgrades cancel': FLEET,
  'agents packages': () => [],
  'agents join-token create': () => [],
  'agents join-token list': () => [],
  'agents join-token revoke': () => ['last'],
  'workers list': () => [],
  'workers show': FLEET,
  'workers drain': FLEET,
  'workers revoke': FLEET,
  'workers resume': FLEET,
  'tokens create': (n) => ['--name', `t-${n}`, '--role', 'viewer'],
  'tokens list': () => [],
  'tokens revoke': (n) => [`t-${n}`],
  audit: () => [],
  'audit verify': () => [],
  login: () => [process.env.DROVER_URL!, '--name', 'forms'],
  whoami: () => [],
  'context list': () => [],
  'context use': () => ['forms'],
  'context remove': 'forgets what the others are walked on; it answers as `hosts remove`',
  logout: () => [],
  version: () => [],
  completion: () => ['bash'],
};
const ROLES = ['up', 'server', 'worker', 'agent', 'backup', 'restore'];

function columnsOf(table: string): string[] {
  return table.split('\n')[0]!.trim().split(/ {2,}/);
}

/** In the order of the table, for some undo what others did. */
async function inForm(name: string, rest: readonly string[], form: Form): Promise<string> {
  const own = rest.indexOf('--') < 0 ? rest : rest.slice(0, rest.indexOf('--'));
  const words = [...name.split(' '), ...own, '-o', form, ...rest.slice(own.length)];
  // Its verdict is for people, beside the output.
  return name === 'runs output' ? (await called(...words)).stdout : ok(...words);
}

describe('every command', () => {
  it('is walked, or it is said why not', async () => {
    const program = new Command();
    await addCommands(program, 'completion');
    const walk = (one: Command, path: readonly string[]): string[] => [
      // A group has no options of its own.
      ...(path.length > 0 && one.options.length > 0 ? [path.join(' ')] : []),
      ...one.commands.flatMap((below) => walk(below, [...path, below.name()])),
    ];
    const all = walk(program, []).filter((path) => !ROLES.includes(path));
    expect(Object.keys(WALK).toSorted()).toEqual(all.toSorted());
    expect(LISTS.filter((name) => typeof WALK[name] !== 'function')).toEqual([]);
  });

  const walked = Object.entries(WALK).flatMap(([name, words]) => (typeof words === 'string' ? [] : [{ name, words }]));
  it.each(walked)('$name answers in every form', async ({ name, words }) => {
    const told = {} as Record<Form, string>;
    for (const [n, form] of FORMS.entries()) told[form] = await inForm(name, words(n), form);
    if (name !== 'runs output') expect(told.table.trim()).not.toBe('');
    const document = JSON.parse(told.json) as { items?: unknown[] };
    expect(typeof document).toBe('object');
    const lines = told.jsonl.split('\n').filter(Boolean);
    for (const line of lines) expect(JSON.parse(line)).toEqual(expect.anything());
    if (document.items && !['audit', 'hosts list', 'runs list'].includes(name))
      expect(lines).toHaveLength(document.items.length);
    expect(typeof parse(told.yaml)).toBe('object');
    for (const line of told.name.split('\n').filter(Boolean)) expect(line).toMatch(/^[^\s{}"]+$/);
    if (!document.items && name !== 'logout') expect(told.name.trim()).not.toBe('');
    if (LISTS.includes(name)) expect(columnsOf(told.wide)).toEqual(expect.arrayContaining(columnsOf(told.table)));
    if (LISTS.includes(name)) expect(columnsOf(told.wide).length).toBeGreaterThan(columnsOf(told.table).length);
  });
});
