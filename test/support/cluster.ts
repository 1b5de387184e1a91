/**
 * A whole installation of real processes on this machine, as an operator would start them: PostgreSQL, servers, workers, agents, each
 * with its own data folder and a port that it keeps. Chaos and benchmarks use it: every process can be killed, stopped, continued and
 * started again on its data.
 */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installationKeys } from '../../src/app/installation-keys.ts';
import { assert } from '../../src/base/assert.ts';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { createEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { fingerprint } from '../../src/pki/ca.ts';
import { formatJoinToken, hashSecret, newSecret } from '../../src/pki/join-token.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Actor } from '../../src/store/contract/audit.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { believe } from './authorities.ts';
import { until } from './until.ts';

const ACTOR: Actor = { kind: 'system', id: 'test', name: 'test' };
const JOIN_MS = 3_600_000;
/** Beyond those that Node marks by itself. */
export const INHERITED_FD = 40;

export class ManagedProcess {
  readonly name: string;
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #logFile: string;
  #child: ChildProcess | undefined;
  stopped = false;
  /** Ends that nobody asked for, as a reader would like them told. */
  readonly unexpectedEnds: string[] = [];
  #expectEnd = false;

  constructor(options: {
    name: string;
    program: string;
    args: readonly string[];
    env: Readonly<Record<string, string>>;
    logFolder: string;
  }) {
    this.name = options.name;
    this.#program = options.program.includes('/')
      ? options.program
      : fileURLToPath(new URL(`../../src/bin/${options.program}.ts`, import.meta.url));
    this.#args = options.args;
    this.#env = options.env;
    this.#logFile = join(options.logFolder, `${options.name}.log`);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    const log = openSync(this.#logFile, 'a');
    this.#expectEnd = false;
    this.stopped = false;
    // An executable is a program by itself; sources and bundles are run by our Node.
    const [command, ...args] = /\.(ts|mjs)$/.test(this.#program)
      ? [process.execPath, ...process.execArgv, this.#program, ...this.#args]
      : [this.#program, ...this.#args];
    const child = spawn(command!, args, {
      // As a shell starts it that has a file open of its own, which is nobody else's to read or write.
      stdio: ['ignore', log, log, ...Array.from({ length: INHERITED_FD - 3 }, () => 'ignore' as const), log],
      env: {
        PATH: process.env.PATH ?? '',
        HOME: process.env.HOME ?? '/',
        ...given({
          DROVER_LOG: process.env.DROVER_LOG || undefined,
          NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || undefined,
        }),
        ...this.#env,
      },
    });
    closeSync(log);
    child.once('exit', (code, signal) => {
      if (!this.#expectEnd)
        this.unexpectedEnds.push(`${this.name} ended by itself (${signal ?? `code ${code}`}); see ${this.#logFile}`);
    });
    this.#child = child;
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    if (signal === 'SIGKILL' || signal === 'SIGTERM') this.#expectEnd = true;
    if (signal === 'SIGSTOP') this.stopped = true;
    if (signal === 'SIGCONT') this.stopped = false;
    this.#child?.kill(signal);
  }

  /** Kills and waits for the end; a stopped process dies as well. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async terminate(): Promise<void> {
    if (this.stopped) this.signal('SIGCONT');
    await this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || !this.isAlive) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.signal(signal);
    const cancel = systemClock.after(15_000, () => child.kill('SIGKILL'));
    await ended;
    cancel();
  }
}

export interface ClusterOptions {
  readonly servers: number;
  readonly workers: number;
  readonly agents: number;
  /** Another program in the place of the agent's sources: its bundle, or the executable as it is shipped. */
  readonly agentProgram?: string;
  /** Of the servers. */
  readonly serverEnv?: Readonly<Record<string, string>>;
  readonly agentEnv?: Readonly<Record<string, string>>;
  /** Beside what a worker has to be told. */
  readonly workerArgs?: readonly string[];
  /** Of the token of each, from 1. */
  readonly workerLabels?: (index: number) => Readonly<Record<string, string>>;
  /** Settings of PostgreSQL besides the product's own. */
  readonly postgres?: Readonly<Record<string, string>>;
  /** An empty or migrated database, in the place of a PostgreSQL of its own. */
  readonly databaseUrl?: string;
}

export class Cluster {
  readonly folder: string;
  readonly #postgres: EmbeddedPostgres | undefined;
  readonly #givenUrl: string | undefined;
  readonly servers: ManagedProcess[] = [];
  readonly workers: ManagedProcess[] = [];
  readonly agents: ManagedProcess[] = [];
  readonly urls: string[] = [];
  readonly workerPorts: number[] = [];
  readonly masterKey = randomBytes(32);
  /** An administrator's. */
  readonly token: string;
  store!: Store;
  /** Its authority, in PEM. */
  ca!: string;

  private constructor(options: ClusterOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'drover-cluster-'));
    chmodSync(this.folder, 0o755);
    mkdirSync(join(this.folder, 'logs'));
    this.#givenUrl = options.databaseUrl;
    if (options.databaseUrl === undefined)
      this.#postgres = createEmbeddedPostgres({
        dir: join(this.folder, 'postgres'),
        clock: systemClock,
        log: silentLog,
        ...given({ settings: options.postgres }),
      });
    this.token = newSecret();
  }

  /** Resolves when every agent is linked. Stops what it had started when it fails. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    try {
      await cluster.#start(options);
      return cluster;
    } catch (error) {
      await cluster.stop({ keepFolder: true }).catch(() => undefined);
      throw new Error(`the cluster did not start; its logs are in ${join(cluster.folder, 'logs')}`, { cause: error });
    }
  }

  /** Of its own. */
  get postgres(): EmbeddedPostgres {
    assert(this.#postgres !== undefined, 'a cluster on a database of others has no PostgreSQL');
    return this.#postgres;
  }

  get databaseUrl(): string {
    return this.#givenUrl ?? this.postgres.url;
  }

  get caFile(): string {
    return join(this.folder, 'ca.pem');
  }

  /** Of its authority, as join tokens have it. */
  get fingerprint(): string {
    return fingerprint(this.ca);
  }

  get processes(): readonly ManagedProcess[] {
    return [...this.servers, ...this.workers, ...this.agents];
  }

  get unexpectedEnds(): readonly string[] {
    return this.processes.flatMap((process) => process.unexpectedEnds);
  }

  async #start(options: ClusterOptions): Promise<void> {
    await this.#postgres?.start();
    this.store = await createPostgresStore({
      url: this.databaseUrl,
      clock: systemClock,
      log: silentLog,
      poolMax: 4,
      auditKey: async (secrets) =>
        (await installationKeys(secrets, createMasterKey(this.masterKey), systemClock)).masterKey.auditKey,
    });
    this.ca = (await installationKeys(this.store, createMasterKey(this.masterKey), systemClock)).ca.certificate;
    await this.store.apiTokenCreate(
      { id: newId<'token'>(), hash: hashSecret(this.token), name: 'test', role: 'admin', lifetimeMs: 7 * 86_400_000 },
      { actor: ACTOR, action: 'access.token.create', target: 'test', detail: {} },
    );
    for (let i = 1; i <= options.servers; i++) await this.#addServer(i, options.serverEnv ?? {});
    for (let i = 1; i <= options.workers; i++)
      await this.#addWorker(i, options.workerArgs ?? [], options.workerLabels?.(i));
    await until(
      'every worker to be linked',
      async () =>
        (await this.store.workerList(EVERYTHING)).filter((worker) => worker.linked).length === options.workers ||
        this.#failEarly(),
      60_000,
    );
    for (let i = 1; i <= options.agents; i++) await this.#addAgent(i, options);
    await until(
      'every agent to be linked',
      async () =>
        (await this.store.hostList(EVERYTHING, { linked: true }, { limit: 1_000 })).items.length === options.agents ||
        this.#failEarly(),
      60_000,
    );
  }

  /** Each server's connections bear its name, so that the database can tell who wrote. */
  async #addServer(index: number, env: Readonly<Record<string, string>>): Promise<void> {
    const port = await freePort();
    const server = this.#process(`server-${index}`, 'drover-server', ['--listen', `127.0.0.1:${port}`], {
      DATABASE_URL: `${this.databaseUrl}?application_name=server-${index}`,
      DROVER_MASTER_KEY: this.masterKey.toString('base64'),
      ...env,
    });
    const url = `https://127.0.0.1:${port}`;
    believe(url, this.ca, this.caFile);
    server.start();
    this.servers.push(server);
    this.urls.push(url);
    await until(`${url} to be ready`, async () => (await isReady(url)) || this.#failEarly(), 60_000);
  }

  async #addWorker(index: number, more: readonly string[], labels?: Readonly<Record<string, string>>): Promise<void> {
    const port = await freePort();
    const join = await this.joinToken('worker', 'default', labels);
    const worker = this.#process(
      `worker-${index}`,
      'drover-worker',
      ['--listen', `127.0.0.1:${port}`, '--name', `worker-${index}`, ...more],
      { DROVER_JOIN: join },
    );
    worker.start();
    this.workers.push(worker);
    this.workerPorts.push(port);
  }

  async #addAgent(index: number, options: ClusterOptions): Promise<void> {
    const join = await this.joinToken('agent');
    const agent = this.#process(
      `host-${index}`,
      options.agentProgram ?? 'drover-agent',
      [
        '--name',
        `host-${index}`,
        '--machine-id',
        `machine-${index}`,
        '--label',
        `parity=${index % 2 === 0 ? 'even' : 'odd'}`,
      ],
      { DROVER_JOIN: join, ...options.agentEnv },
    );
    agent.start();
    this.agents.push(agent);
  }

  /** A process that ended by itself will not get ready. */
  #failEarly(): false {
    const [end] = this.unexpectedEnds;
    if (end !== undefined) throw new Error(end);
    return false;
  }

  #process(
    name: string,
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): ManagedProcess {
    return new ManagedProcess({
      name,
      program,
      args: ['--data', join(this.folder, name), ...args],
      env,
      logFolder: join(this.folder, 'logs'),
    });
  }

  async joinToken(
    role: 'agent' | 'worker',
    zone = 'default',
    labels: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const secret = newSecret();
    await this.store.joinTokenCreate(
      {
        id: newId<'token'>(),
        hash: hashSecret(secret),
        role,
        labels,
        zone,
        uses: 1,
        lifetimeMs: JOIN_MS,
      },
      { actor: ACTOR, action: 'fleet.join-token.create', target: role, detail: {} },
    );
    return formatJoinToken({ url: this.urls[0]!, fingerprint: this.fingerprint, secret });
  }

  /** Ends everything, agents first, so that nothing of theirs outlives the folder. */
  async stop(options: { keepFolder?: boolean } = {}): Promise<void> {
    for (const group of [this.agents, this.workers, this.servers])
      await Promise.all(group.map((process) => process.terminate()));
    await this.store?.close().catch(() => undefined);
    await this.#postgres?.stop();
    if (!options.keepFolder) rmSync(this.folder, { recursive: true, force: true });
  }
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
