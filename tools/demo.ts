/**
 * `npm run demo`: everything on a throw-away folder, 8 agents as 8 hosts, a real script on all of them, and how to go
 * on. `-- --example NAME` runs a job of `examples/` in its place, `-- --once` ends when that is over.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/base/clock.ts';
import { Waiting } from '../src/base/node-waiting.ts';
import { binForBackups, exampleDatabases, type ExampleDatabases } from './example-databases.ts';

const drover = fileURLToPath(new URL('../drover', import.meta.url));
const once = process.argv.includes('--once');

/** What is run of each job in `examples/`, one after the other. */
const EXAMPLES = {
  'push-restart-verify': [{ say: 'Bringing v1.4 to all hosts …', params: ['version=v1.4'], ends: 0 }],
  'rolling-restart': [
    { say: 'Rolling v1.4 out …', params: ['version=v1.4'], ends: 0 },
    {
      say: 'Rolling v1.5 out, which local-3 does not like: it is to be rolled back, and ends as failed …',
      params: ['version=v1.5', 'break_on=local-3'],
      ends: 1,
    },
  ],
  'fan-out-fan-in': [{ say: 'Counting primes, a part at a time …', params: ['parts=6'], ends: 0, on: 'workers' }],
  'hourly-etl': [{ say: 'Summing up the sales of the last hour …', params: [], ends: 0, on: 'databases' }],
  'database-backup': [
    { say: 'Backing a database up …', params: ['keep=2'], ends: 0, on: 'database' },
    { say: 'Backing it up again …', params: ['keep=2'], ends: 0, on: 'database' },
    { say: 'And again, of which two are kept …', params: ['keep=2'], ends: 0, on: 'database' },
  ],
} as const satisfies Record<string, readonly ExampleRun[]>;

const SCRIPT = `#!/bin/sh
# A real script: looks at its host, uses what it was given, and one host is different.
echo "kernel $(uname -sr), $(nproc) CPUs"
echo "node $(node -p process.version 2>/dev/null || echo missing)"
case $DROVER_HOST in
  local-3) echo "disk almost full on $DROVER_HOST" >&2 ;;
  *) echo "all good" ;;
esac
sleep 0.$(( $(printf %s "$DROVER_HOST" | tail -c 1) ))
`;

interface ExampleRun {
  readonly say: string;
  readonly params: readonly string[];
  /** The exit code that it is to end with. */
  readonly ends: number;
  /** It goes to no host, or to two databases, or is done on one host for one; else it goes to all hosts. */
  readonly on?: 'workers' | 'databases' | 'database';
}
type ExampleName = keyof typeof EXAMPLES;

const example = exampleOf(process.argv);
const forBackups = example === 'database-backup' ? binForBackups() : undefined;
if (forBackups === 'none') {
  process.stderr.write(
    'This example backs a PostgreSQL up with pg_dump, and there is none here that fits: on Debian, apt-get install postgresql.\n',
  );
  process.exit(1);
}
const bin = forBackups?.bin;
let stopping = false;
let up: ChildProcess | undefined;
let run: ChildProcess | undefined;
let isShown = false;
let databases: ExampleDatabases | undefined;
// Whoever has seen the result and stops has not broken anything off. A terminal that is closed stops it too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(isShown ? 0 : 130));

const folder = mkdtempSync(join(tmpdir(), 'drover-demo-'));
// The embedded PostgreSQL runs as a user of its own and must be able to pass.
chmodSync(folder, 0o711);
const script = join(folder, 'check.sh');
writeFileSync(script, SCRIPT);

const waiting = new Waiting({
  clock: systemClock,
  isWatched: process.stderr.isTTY,
  write: (text) => void process.stderr.write(text),
});
waiting.step('Starting server, worker, 8 agents and PostgreSQL …');
// Never root: nobody, or whoever runs this.
const processUser = process.getuid?.() === 0 ? 'nobody' : userInfo().username;
up = spawn(
  drover,
  [
    ...['up', '--data', join(folder, 'data'), '--listen', '127.0.0.1:0', '--agents', '8', '--json'],
    ...(example === 'fan-out-fan-in' ? ['--process-user', processUser] : []),
    ...(example === 'hourly-etl' ? ['--call-allow', '127.0.0.1'] : []),
  ],
  { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
);
up.once('exit', (code) => void (stopping || stop(code ?? 1)));

const ready = await firstLine(up);
waiting.end();
const env = { ...process.env, DROVER_URL: ready.url, DROVER_TOKEN: ready.token, DROVER_CA: ready.ca };
const code = example === undefined ? await runScript() : await runExample(example);
isShown = true;
if (once) await stop(code);
else if (!stopping)
  process.stdout.write(`
Drover is running at ${ready.url}

  export DROVER_URL=${ready.url}
  export DROVER_TOKEN=${ready.token}
  export DROVER_CA=${ready.ca}

Go on in another terminal:
  ./drover hosts list
  ./drover run -t 'local-[1-4]' -- uptime
  ./drover run -t all --script your-script.sh --max-failed 10%
  ./drover runs list

Ctrl-C stops it and removes everything.
`);

async function runScript(): Promise<number> {
  process.stderr.write('Running check.sh on all hosts …\n');
  return shown(['run', '-t', 'all', '--script', script, '--env', `PATH=${process.env.PATH ?? ''}`, '--name', 'demo']);
}

/** @returns 0 where each of its runs has ended as it is to. */
async function runExample(name: ExampleName): Promise<number> {
  const file = fileURLToPath(new URL(`../examples/${name}.yaml`, import.meta.url));
  // Hosts here are agents of one machine: each has its folder in this one, whoever it runs as.
  const hosts = join(folder, 'hosts');
  mkdirSync(hosts);
  chmodSync(hosts, 0o1777);
  const applied = await shown(['job', 'apply', file, '--publish', '--reason', 'demo']);
  if (applied !== 0) return applied;
  for (const { say, params, ends, on } of EXAMPLES[name] as readonly ExampleRun[]) {
    if (on === 'databases' || on === 'database') databases ??= await exampleDatabases(join(folder, 'databases'), bin);
    if (stopping) return 130;
    process.stderr.write(`\n${say}\n`);
    const all = [...givenBy(on, hosts), ...params.flatMap((param) => ['--param', param])];
    const code = await shown(['job', 'run', name, '--yes', ...all]);
    if (code !== ends) return code === 0 ? 1 : code;
  }
  return 0;
}

/** Where it goes, and what it needs there. */
function givenBy(on: ExampleRun['on'], hosts: string): string[] {
  const own = databases!;
  switch (on) {
    case 'workers':
      return [];
    case 'databases':
      return [...own.params.flatMap((one) => ['--param', one]), ...own.secrets.flatMap((one) => ['--secret', one])];
    case 'database':
      return [
        ...['--param', 'where=local-1', '--param', `folder=${join(hosts, 'backups')}`],
        ...['--param', `database=${own.shop}`, '--secret', `db_password=@${own.passwordFile}`],
      ];
    default:
      return ['--param', 'where=all', '--param', `folder=${hosts}`];
  }
}

function shown(args: readonly string[]): Promise<number> {
  run = spawn(drover, args, { stdio: 'inherit', env });
  return new Promise((resolve) => run!.once('exit', (status) => resolve(status ?? 1)));
}

function exampleOf(argv: readonly string[]): ExampleName | undefined {
  const at = argv.indexOf('--example');
  if (at < 0) return undefined;
  const name = argv[at + 1] ?? '';
  if (Object.hasOwn(EXAMPLES, name)) return name as ExampleName;
  process.stderr.write(`--example wants one of ${Object.keys(EXAMPLES).join(', ')}.\n`);
  process.exit(2);
}

function firstLine(child: ChildProcess): Promise<{ url: string; token: string; ca: string }> {
  return new Promise((resolve) =>
    createInterface({ input: child.stdout! }).once('line', (line) =>
      resolve(JSON.parse(line) as { url: string; token: string; ca: string }),
    ),
  );
}

async function stop(exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  waiting.end();
  // It would wait for its server to come back.
  run?.kill('SIGTERM');
  if (up && up.exitCode === null && up.signalCode === null) {
    const exited = new Promise((resolve) => up!.once('exit', resolve));
    up.kill('SIGTERM');
    await exited;
  }
  await databases?.stop();
  rmSync(folder, { recursive: true, force: true });
  process.exit(exitCode);
}
