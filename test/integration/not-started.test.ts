/**
 * Whatever keeps a host from beginning is told as `not_started`, with its reason and in words that say what to do: each reason once, by real
 * servers, workers, agents and sshd. Reasons that need more than this machine gives say who provokes them.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { newId, type RunId } from '../../src/base/ids.ts';
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { ChaosApi } from '../chaos/api.ts';
import { Cluster, ManagedProcess } from '../support/cluster.ts';
import { requiring } from '../support/needs.ts';
import { repositoryFiles, root } from '../support/source-tree.ts';
import { SshWorld } from '../support/sshd.ts';
import { until } from '../support/until.ts';

/** Code, host, what is said, and what the run asks for besides. */
type Row = readonly [code: string, host: string, words: RegExp, asked?: object];

const ROWS: readonly Row[] = [
  ['start-deadline', 'away', /agent of the host was not linked before the start deadline/, { via: 'agent' }],
  ['start-deadline', 'away', /its agent was not linked, and it has no address for SSH/],
  ['host-without-address', 'away', /over SSH alone .*has no address.*--address ADDRESS/, { via: 'ssh' }],
  ['host-without-agent', 'ssh-closed', /by agents alone .*has no agent.*agents install/, { via: 'agent' }],
  ['zone-without-worker', 'deserted', /No worker of the host's zone was linked .*drover workers list/],
  ['zone-without-worker', 'deserted', /No worker of the host's zone/, { via: 'agent' }],
  ['zone-without-worker', 'ssh-deserted', /No worker of the host's zone/],
  ['worker-drained', 'held', /The worker that holds the agent of the host is being drained/],
  ['worker-drained', 'ssh-drained', /Every worker of the host's zone is being drained/],
  ['user-unknown', 'host-1', /no-such-user-here/, { user: 'no-such-user-here' }],
  ['user-not-permitted', 'as-nobody', /daemon/, { user: 'daemon' }],
  ['interpreter-missing', 'host-1', /\/nonexistent\/program/, { command: ['/nonexistent/program'] }],
  ['directory-missing', 'host-1', /\/nonexistent/, { cwd: '/nonexistent' }],
  ['directory-missing', 'as-nobody', /\/root may not be entered by nobody/, { cwd: '/root' }],
  [
    'script-unreachable',
    'shut-away',
    /nobody may not pass .*locked/,
    { user: 'nobody', command: undefined, script: 'true' },
  ],
  ['spool-full', 'full', /Only \d+ bytes are free/],
  ['spool-unwritable', 'broken', /cannot be written/],
  ['become-password-missing', 'ssh-asks', /password/],
  ['become-password-wrong', 'ssh-wrong', /password/],
  ['become-not-allowed', 'ssh-barred', /not in the sudoers/],
  ['account-missing', 'lonely', /lonely has no account/],
  ['account-ambiguous', 'twice', /twin-a.*twin-b|twin-b.*twin-a/],
  ['account-out-of-scope', 'moved', /may not be used on moved|does not (cover|fit)|scope/],
  ['ssh-name-unknown', 'ssh-nameless', /no-such-host\.invalid/],
  ['ssh-refused', 'ssh-closed', /127\.0\.0\.1:1\b|port 1\b/],
  ['ssh-not-ssh', 'ssh-web', /HTTP\/1\.1 400/],
  ['ssh-silent', 'ssh-silent', /says nothing|no word|silent/i],
  ['ssh-busy', 'ssh-busy', /MaxStartups|no more connections|drops|closed/i],
  ['ssh-no-common-algorithm', 'ssh-old', /diffie-hellman-group14-sha1|algorithm/],
  ['ssh-host-key-unknown', 'ssh-strict', /SHA256:/],
  ['ssh-host-key-changed', 'ssh-changed', /SHA256:.*SHA256:/s],
  ['ssh-auth-failed', 'ssh-stranger', /stranger/],
  ['ssh-password-expired', 'ssh-expired', /expired/],
  ['ssh-forward-refused', 'ssh-behind', /AllowTcpForwarding/],
  ['ssh-session-refused', 'ssh-full', /MaxSessions/],
  ['ssh-no-shell', 'ssh-forced', /only backups here/],
];

/** Those that are known before anything is tried: a dry run tells them. */
const PLANNED = ['user-not-permitted', 'account-missing', 'account-ambiguous', 'account-out-of-scope'];

/** They are reasons of a state that is another, or of nobody's: an agent that holds as many as it may comes back until the deadline. */
const NEVER = [
  ...['signature-invalid', 'agent-busy', 'output-limit', 'agent-replaced', 'host-rebooted', 'status-unknown'],
  ...['link-lost', 'deadline-guard', 'failure-limit', 'rollout-declined', 'cancelled-by-user'],
];
/** Where they are provoked, and as what: a kernel that refuses processes, a line that is cut at the right byte, a call. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'work-kind-unknown': 'test/conformance/ledger.ts',
  'spawn-failed': 'src/engines/ssh/remote/remote-supervisor.test.ts',
  'ssh-timeout': 'test/integration/ssh-login.test.ts',
  'ssh-key-passphrase': 'test/integration/ssh-login.test.ts',
  'ssh-key-unreadable': 'test/integration/ssh-login.test.ts',
  'ssh-path-invalid': 'test/integration/ssh-connections.test.ts',
  'ssh-lost': 'test/integration/ssh-login.test.ts',
  'call-not-allowed': 'test/integration/calls-reach.test.ts',
  'call-unreachable': 'test/integration/calls-ledger.test.ts',
  'call-broken': 'test/integration/calls-ledger.test.ts',
  'worker-restarted': 'test/integration/calls-ledger.test.ts',
  'sql-failed': 'test/integration/calls-postgres.test.ts',
  'commit-unknown': 'test/integration/calls-postgres.test.ts',
  'output-absent': 'src/domain/run/absent-outputs.test.ts',
};

it('every reason of docs/ERRORS.md for not beginning on a host is tried here, or says where', () => {
  const page = readFileSync(join(root, 'docs/ERRORS.md'), 'utf8');
  const codes = ['## Starting and ending on a host', '## The way to a host over SSH'].flatMap((title) => {
    const section = page.slice(page.indexOf(title)).split('\n## ')[0]!;
    return [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code!);
  });
  expect(codes.length).toBeGreaterThan(30);
  const told = new Set([...ROWS.map(([code]) => code), ...NEVER, ...Object.keys(ELSEWHERE)]);
  expect(codes.filter((code) => !told.has(code))).toEqual([]);
  const files = repositoryFiles();
  for (const [code, path] of Object.entries(ELSEWHERE)) {
    expect(files).toContain(path);
    expect(readFileSync(join(root, path), 'utf8'), path).toContain(`'${code}'`);
  }
});

requiring('root', 'sshd', 'sudo').describe('a host that does not begin', () => {
  const world = new SshWorld();
  const scratch = mkdtempSync(join(tmpdir(), 'drover-not-started-'));
  const tmpfs = join(scratch, 'full');
  const processes: ManagedProcess[] = [];
  const listeners: Server[] = [];
  let cluster: Cluster;
  let api: ChaosApi;
  const runs = new Map<Row, RunId>();

  async function started(
    name: string,
    options: { program?: 'drover-agent' | 'drover-worker'; zone?: string; data?: string; args?: string[] } = {},
  ): Promise<ManagedProcess> {
    const { program = 'drover-agent', zone = 'default', data = join(scratch, name), args = [] } = options;
    const role = program === 'drover-agent' ? 'agent' : 'worker';
    const named =
      role === 'agent' ? ['--name', name, '--machine-id', name] : ['--name', name, '--listen', '127.0.0.1:0'];
    const one = new ManagedProcess({
      name,
      program,
      args: ['--data', data, ...named, ...args],
      env: { DROVER_JOIN: await cluster.joinToken(role, zone) },
      logFolder: scratch,
    });
    one.start();
    processes.push(one);
    await until(
      `${name} to be linked`,
      async () =>
        role === 'agent'
          ? (await cluster.store.hostFetch(name))?.linked
          : (await cluster.store.workerList(EVERYTHING)).some((worker) => worker.name === name && worker.linked),
      60_000,
    );
    return one;
  }

  async function post(path: string, body: object): Promise<void> {
    const answer = await api.post(`/api/v1${path}`, body);
    expect(answer.status, JSON.stringify([body, answer.body])).toBeLessThan(300);
  }
  const key = { kind: 'key', name: 'k', privateKey: world.userKey.text };
  const account = (name: string, scope: string, more: object = {}): Promise<void> =>
    post('/accounts', { name, scope, loginUser: world.user, credentials: [key], ...more });
  const host = (name: string, port: number, more: object = {}): Promise<void> =>
    post('/hosts', { name, address: '127.0.0.1', port, ...more });
  const sshd = async (...lines: string[]): Promise<number> => (await world.start({ lines })).port;
  function listening(onSocket: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => onSocket(socket.on('error', () => undefined)));
    listeners.push(server);
    return new Promise((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    );
  }

  beforeAll(async () => {
    execFileSync('chmod', ['755', scratch]);
    mkdirSync(tmpfs);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=0711', 'tmpfs', tmpfs]);
    cluster = await Cluster.start({ servers: 1, workers: 1, agents: 1 });
    api = new ChaosApi(cluster.urls, cluster.token);
    const [desert, drained] = await Promise.all([
      started('desert', { program: 'drover-worker', zone: 'desert' }),
      started('emptied', { program: 'drover-worker', zone: 'emptied' }),
    ]);
    mkdirSync(join(scratch, 'locked'), { mode: 0o700 });
    const [away] = await Promise.all([
      started('away'),
      started('deserted', { zone: 'desert' }),
      started('held', { zone: 'emptied' }),
      started('as-nobody', { args: ['--run-as', 'nobody'] }),
      started('shut-away', { data: join(scratch, 'locked', 'shut-away') }),
      started('full', { data: join(tmpfs, 'data') }),
      started('broken'),
    ]);
    await Promise.all([away.terminate(), desert.terminate()]);
    expect(drained.isAlive).toBe(true);
    await post('/workers/emptied/drain', {});
    // Also root cannot make a folder in a file.
    renameSync(join(scratch, 'broken', 'spool'), join(scratch, 'broken', 'away'));
    writeFileSync(join(scratch, 'broken', 'spool'), '');
    await sshHosts();
    for (const row of ROWS) {
      const [code, name, , asked = {}] = row;
      const waits = ['start-deadline', 'zone-without-worker', 'worker-drained'].includes(code);
      const body = { targets: name, command: ['true'], timeout: '2m', startDeadline: waits ? '1s' : '2m', ...asked };
      const answer = await api.post('/api/v1/runs', body);
      expect([answer.status, answer.body.code], `${code} ${name}`).toEqual([201, undefined]);
      runs.set(row, answer.body.id as RunId);
    }
  }, 300_000);

  /** The hosts over SSH, each with what keeps it from beginning. */
  async function sshHosts(): Promise<void> {
    const open = await sshd();
    const people = ['asks', 'wrong', 'barred', 'expired'].map((name) => [name, world.makeUser({ password: 'right' })]);
    const user = Object.fromEntries(people) as Record<string, string>;
    world.allow(`${user.asks} ALL=(ALL) ALL`, `${user.wrong} ALL=(ALL) ALL`);
    execFileSync('chage', ['-d', '0', user.expired!]);
    const sudo = (password?: string): object => ({
      become: { kind: 'sudo', user: 'root', ...given({ password }) },
    });
    await account('ops', 'ssh-*');
    await account('asks', 'ssh-asks', { loginUser: user.asks, ...sudo() });
    await account('wrong', 'ssh-wrong', { loginUser: user.wrong, ...sudo('not that') });
    await account('barred', 'ssh-barred', { loginUser: user.barred, ...sudo('right') });
    const password = [{ kind: 'password', name: 'p', password: 'right' }];
    await account('expired', 'ssh-expired', { loginUser: user.expired, credentials: password });
    await account('stranger', 'ssh-stranger', {
      credentials: [{ kind: 'key', name: 'stranger', privateKey: world.makeKey('ed25519').text }],
    });
    for (const name of ['twin-a', 'twin-b']) await account(name, 'twice', { isDefault: true });
    await account('mover', 'moved');
    for (const name of ['asks', 'wrong', 'barred', 'stranger']) await host(`ssh-${name}`, open, { account: name });
    await host('lonely', open);
    await host('twice', open);
    await host('moved', open, { account: 'mover' });
    await edited('mover', { scope: 'elsewhere' });
    const ops = { account: 'ops' };
    await host('ssh-deserted', open, { ...ops, zone: 'desert' });
    await host('ssh-drained', open, { ...ops, zone: 'emptied' });
    await post('/hosts', { name: 'ssh-nameless', address: 'no-such-host.invalid', ...ops });
    await host('ssh-closed', 1, ops);
    await host('ssh-web', await listening((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')), ops);
    await host('ssh-silent', await listening(() => undefined), ops);
    await host('ssh-busy', await listening((socket) => socket.end('Exceeded MaxStartups\r\n')), ops);
    await host('ssh-old', await sshd('KexAlgorithms diffie-hellman-group14-sha1'), ops);
    await host('ssh-strict', open, { ...ops, hostKeyPolicy: 'strict' });
    await host('ssh-changed', open, ops);
    const other = world.makeKey('ed25519').publicBlob.toString('base64');
    await post('/host-keys/import', { hosts: [{ host: 'ssh-changed', keys: [other] }] });
    await host('ssh-expired', await sshd('PasswordAuthentication yes'), { account: 'expired' });
    await host('ssh-jump', await sshd('AllowTcpForwarding no'), ops);
    await host('ssh-behind', open, { ...ops, jumpHost: 'ssh-jump' });
    await host('ssh-full', await sshd('MaxSessions 0'), ops);
    await host('ssh-forced', await sshd('ForceCommand echo only backups here'), ops);
  }

  async function edited(name: string, change: object): Promise<void> {
    const answer = await fetch(`${cluster.urls[0]}/api/v1/accounts/${name}`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${cluster.token}`,
        'content-type': 'application/json',
        'idempotency-key': newId(),
      },
      body: JSON.stringify(change),
    });
    expect(answer.status, await answer.text()).toBe(200);
  }

  afterAll(async () => {
    for (const one of processes.reverse()) await one.terminate();
    await cluster?.stop();
    for (const server of listeners) server.close();
    await world.end();
    execFileSync('umount', ['--lazy', tmpfs]);
    rmSync(scratch, { recursive: true, force: true });
  }, 120_000);

  it.each(ROWS.filter(([code]) => PLANNED.includes(code)).map((row) => ({ row, reason: row[0], name: row[1] })))(
    'has a dry run say $reason of $name',
    async ({ row: [code, name, words, asked = {}] }) => {
      const plan = await api.post('/api/v1/runs/plan', { targets: name, command: ['true'], ...asked });
      expect(plan.body).toMatchObject({ refusedCount: 1, refused: [{ host: name, code }], as: [] });
      expect(JSON.stringify(plan.body)).toMatch(words);
    },
  );

  it('is told by a dry run as whom its agent works', async () => {
    const plan = await api.post('/api/v1/runs/plan', { targets: 'as-nobody or host-1', command: ['true'] });
    expect(plan.body).toMatchObject({
      refusedCount: 0,
      as: [
        { via: 'agent', user: 'nobody', hosts: ['as-nobody'] },
        { via: 'agent', user: 'root', hosts: ['host-1'] },
      ],
    });
    const daemon = await api.post('/api/v1/runs/plan', { targets: 'host-1', command: ['true'], user: 'daemon' });
    expect(daemon.body).toMatchObject({ refusedCount: 0, as: [{ via: 'agent', user: 'daemon', hosts: ['host-1'] }] });
  });

  it.each(ROWS.map((row) => ({ row, reason: row[0], name: row[1] })))(
    'says $reason of $name',
    async ({ row }) => {
      const [reason, hostName, words] = row;
      const id = runs.get(row)!;
      await until('the run to end', async () => isTerminalRun((await cluster.store.runFetch(id))!.state), 150_000);
      const [execution] = (await cluster.store.executionList(id, {}, { limit: 1 })).items;
      expect(execution).toMatchObject({ subject: { name: hostName }, state: 'not_started', reason });
      expect(execution!.detail).toMatch(words);
      expect(execution!.startedAtMs).toBeUndefined();
    },
    160_000,
  );
});
