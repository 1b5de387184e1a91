/**
 * `drover up`: server, worker and agents of this machine as supervised processes, with embedded PostgreSQL unless DATABASE_URL is
 * set. The same programs as in a cluster; what is special is only who starts them. A child that dies is started again.
 */
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import { fork, type ChildProcess } from 'node:child_process';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createClient, dataOf, type DroverClient } from '@drover/sdk';
import { pause, systemClock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { acquireFolderLock } from '../base/node-lock.ts';
import { createJsonLog } from '../base/node-log.ts';
import { onStopSignal, runMain } from '../base/node-process.ts';
import { createEmbeddedPostgres, type EmbeddedPostgres } from '../embedded/embedded-postgres.ts';

interface Access { url: string; token: string; expiresAtMs: number }
interface Config { readonly dataDir: string; readonly listen: string; readonly agents: number; readonly json: boolean }

const RESTART_BASE_MS = 200;
const RESTART_CAP_MS = 5_000;
const STEADY_MS = 30_000;
const READY_MS = 60_000;
const TOKEN_RENEW_BEFORE_MS = 30 * 86_400_000;
const CHILD_STOP_MS = 6_000;

/** The agent must stay small: these keep V8's young generation and its helper threads at what an idle process needs. */
const AGENT_NODE_FLAGS = ['--max-semi-space-size=1', '--v8-pool-size=1'];

async function main(): Promise<void> {
  const config = parseConfig();
  const log = createJsonLog({ role: 'up' }, config.json ? 'warn' : 'error');
  await acquireFolderLock(config.dataDir, 'up');
  const up = new Up(config, log);
  onStopSignal(log, () => up.stop());
  process.on('SIGINT', () => up.interrupted());
  const access = await up.start();
  if (config.json) process.stdout.write(`${JSON.stringify({ ready: true, url: access.url, token: access.token })}\n`);
  else process.stdout.write(`Drover is up at ${access.url}\n\n  token    ${access.token}\n  data     ${config.dataDir}\n  hosts    ${config.agents}\n\nTry:\n  export DROVER_URL=${access.url} DROVER_TOKEN=${access.token}\n  drover run -t all -- uptime\n\nCtrl-C stops it; the data stays.\n`);
}

function parseConfig(): Config {
  const { values } = parseArgs({ options: { data: { type: 'string' }, listen: { type: 'string', default: '127.0.0.1:7400' }, agents: { type: 'string', default: '1' }, json: { type: 'boolean', default: false } }, strict: true });
  const agents = Number(values.agents);
  if (!/^\d{1,3}$/.test(values.agents) || agents > 200) throw new DroverError('bad-input', { detail: `--agents wants a number from 0 to 200, not ${JSON.stringify(values.agents)}.` });
  if (!/^.*:\d{1,5}$/.test(values.listen)) throw new DroverError('bad-input', { detail: `--listen wants HOST:PORT, not ${JSON.stringify(values.listen)}.` });
  const home = process.getuid?.() === 0 ? '/var/lib/drover' : join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'drover');
  return { dataDir: values.data ?? home, listen: values.listen, agents, json: values.json };
}

class Up {
  readonly #config: Config;
  readonly #log: ReturnType<typeof createJsonLog>;
  readonly #children: Child[] = [];
  #postgres: EmbeddedPostgres | undefined;
  #interrupts = 0;

  constructor(config: Config, log: ReturnType<typeof createJsonLog>) {
    this.#config = config;
    this.#log = log;
  }

  async start(): Promise<Access> {
    const { dataDir, agents } = this.#config;
    mkdirSync(join(dataDir, 'logs'), { recursive: true });
    const [databaseUrl, agentProgram] = await Promise.all([this.#database(), agentBundle(dataDir)]);
    const access = await this.#server(databaseUrl);
    const client = createClient({ baseUrl: access.url, token: access.token });
    const worker = await this.#worker(client, access);
    const wanted = agents === 1 ? [hostname().toLowerCase()] : Array.from({ length: agents }, (_, i) => `local-${i + 1}`);
    await worker;
    await Promise.all(wanted.map((name) => this.#agent(client, name, agentProgram)));
    await waitLinked(client, wanted);
    return access;
  }

  async stop(): Promise<void> {
    // Agents first: what they run goes on without them. The database last.
    for (const group of ['agent', 'worker', 'server']) await Promise.all(this.#children.filter((child) => child.role === group).map((child) => child.stop()));
    await this.#postgres?.stop();
  }

  /** The second Ctrl-C does not wait for anybody. */
  interrupted(): void {
    if (++this.#interrupts < 2) return;
    for (const child of this.#children) child.kill();
    process.exit(130);
  }

  async #database(): Promise<string> {
    if (process.env.DATABASE_URL) return process.env.DATABASE_URL;
    this.#postgres = createEmbeddedPostgres({ dir: join(this.#config.dataDir, 'postgres'), clock: systemClock, log: this.#log });
    await this.#postgres.start();
    return this.#postgres.url;
  }

  async #server(databaseUrl: string): Promise<Access> {
    const { dataDir, listen } = this.#config;
    const accessFile = join(dataDir, 'access.json');
    const known = readAccess(accessFile);
    const fresh = !known || known.expiresAtMs < systemClock.nowMs() + TOKEN_RENEW_BEFORE_MS;
    // Any port: the one it had before, if it can be had again.
    const any = listen.endsWith(':0');
    let address = any && known ? `${listen.slice(0, -2)}:${new URL(known.url).port}` : listen;
    const args = (): string[] => ['server', '--data', join(dataDir, 'server'), '--listen', address, ...(fresh ? ['--bootstrap-token'] : [])];
    const child = this.#child('server', 'server', args, { DATABASE_URL: databaseUrl });
    let ready: { url: string; token?: string };
    try {
      ready = await child.start();
    } catch (error) {
      if (!any || address === listen) throw error;
      address = listen;
      ready = await child.start();
    }
    address = any ? `${listen.slice(0, -2)}:${new URL(ready.url).port}` : listen;
    const access = ready.token ? { url: ready.url, token: ready.token, expiresAtMs: systemClock.nowMs() + limits.apiTokenMsDefault } : { ...known!, url: ready.url };
    writeFileSync(accessFile, JSON.stringify(access), { mode: 0o600 });
    child.args = () => ['server', '--data', join(dataDir, 'server'), '--listen', address];
    return access;
  }

  async #worker(client: DroverClient, access: Access): Promise<Promise<unknown>> {
    const folder = join(this.#config.dataDir, 'worker');
    const token = existsSync(join(folder, 'identity.json')) ? undefined : dataOf(await client.POST('/api/v1/join-tokens', { body: { role: 'worker' } })).token;
    const host = this.#config.listen.slice(0, this.#config.listen.lastIndexOf(':'));
    const child = this.#child('worker', 'worker', () => ['worker', '--data', folder, '--listen', `${host}:0`, '--server', access.url], token ? { DROVER_JOIN: token } : {});
    return child.start();
  }

  async #agent(client: DroverClient, name: string, program: string): Promise<void> {
    const folder = join(this.#config.dataDir, 'agents', name);
    const token = existsSync(join(folder, 'identity.json')) ? undefined : dataOf(await client.POST('/api/v1/join-tokens', { body: { role: 'agent' } })).token;
    const child = this.#child('agent', `agent-${name}`, () => ['--data', folder, '--name', name], token ? { DROVER_JOIN: token } : {}, program);
    await child.start();
  }

  #child(role: string, name: string, args: () => string[], env: Record<string, string>, program?: string): Child {
    const child = new Child({ role, name, args, env, program: program ?? entryPoint(), execArgv: program ? AGENT_NODE_FLAGS : [], logFile: join(this.#config.dataDir, 'logs', `${name}.log`), onRestart: (why) => this.#log.warn({ child: name, why }, 'a process ended by itself; starting it again') });
    this.#children.push(child);
    return child;
  }
}

interface ChildOptions { readonly role: string; readonly name: string; args: () => string[]; readonly env: Record<string, string>; readonly program: string; readonly execArgv: string[]; readonly logFile: string; readonly onRestart: (why: string) => void }

/** A process that is to live as long as we do. */
class Child {
  readonly role: string;
  args: () => string[];
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #stopping = false;
  #failures = 0;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.role = options.role;
    this.args = options.args;
  }

  /** Resolves with what it says when it is ready; rejects when it ends before that. */
  start<T>(): Promise<T> {
    this.#stopping = false;
    return new Promise((resolve, reject) => {
      let ready = false;
      this.#launch((message) => {
        ready = true;
        resolve(message as T);
      }, (why) => {
        if (ready) return this.#restart(why);
        reject(new DroverError('internal', { detail: `${this.#options.name} did not start: ${lastLines(this.#options.logFile)} (log: ${this.#options.logFile})` }));
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const running = this.#process;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const exited = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGTERM');
    const cancel = systemClock.after(CHILD_STOP_MS, () => running.kill('SIGKILL'));
    await exited;
    cancel();
  }

  kill(): void {
    this.#stopping = true;
    this.#process?.kill('SIGKILL');
  }

  #launch(onReady: (message: unknown) => void, onExit: (why: string) => void): void {
    const output = openSync(this.#options.logFile, 'a', 0o600);
    const { DATABASE_URL: _database, DROVER_TOKEN: _token, DROVER_JOIN: _join, ...inherited } = process.env;
    const startedAt = systemClock.monotonicMs();
    // A process group of its own: Ctrl-C on the terminal is ours to hand on, in order.
    const child = fork(this.#options.program, this.args(), { execArgv: this.#options.execArgv, env: { ...inherited, ...this.#options.env }, stdio: ['ignore', output, output, 'ipc'], detached: true });
    closeSync(output);
    this.#process = child;
    child.once('message', onReady);
    child.once('exit', (code, signal) => {
      if (systemClock.monotonicMs() - startedAt > STEADY_MS) this.#failures = 0;
      if (!this.#stopping) onExit(signal ?? `exit ${code}`);
    });
  }

  #restart(why: string): void {
    this.#options.onRestart(why);
    const delay = Math.min(RESTART_CAP_MS, RESTART_BASE_MS * 2 ** this.#failures++);
    systemClock.after(delay, () => this.#stopping || this.#launch(() => undefined, (again) => this.#restart(again)));
  }
}

function entryPoint(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './drover.ts' : './drover.mjs', import.meta.url));
}

/** In a clone the agent's bundle is made afresh; a package brings it along. */
async function agentBundle(dataDir: string): Promise<string> {
  if (!import.meta.url.endsWith('.ts')) return fileURLToPath(new URL('./drover-agent.mjs', import.meta.url));
  const { agentBundle: build } = (await import('../../tools/agent-bundle.ts')) as { agentBundle: (outfile: string, options: { write: boolean }) => Promise<unknown> };
  const program = join(dataDir, 'drover-agent.mjs');
  await build(program, { write: true });
  return program;
}

function readAccess(path: string): Access | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Access;
  } catch {
    return undefined;
  }
}

function lastLines(path: string): string {
  return readFileSync(path, 'utf8').trim().split('\n').slice(-3).join(' | ').slice(-600);
}

async function waitLinked(client: DroverClient, names: readonly string[]): Promise<void> {
  const until = systemClock.monotonicMs() + READY_MS;
  while (systemClock.monotonicMs() < until) {
    const { items } = dataOf(await client.GET('/api/v1/hosts', { params: { query: { linked: 'true', limit: 1_000 } } }));
    const linked = new Set(items.map((host) => host.name));
    if (names.every((name) => linked.has(name))) return;
    await pause(systemClock, 40);
  }
  throw new DroverError('host-not-linked', { detail: 'Not all agents linked in time; see the logs in the data folder.' });
}

await runMain(main);
