/**
 * `drover up`: server, worker and agents of this machine as supervised processes, with embedded PostgreSQL unless DATABASE_URL is
 * set. The same programs as in a cluster; what is special is only who starts them. A child that dies is started again.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient, dataOf, type DroverClient } from '@drover/sdk';
import { eachAtOnce } from '../base/at-once.ts';
import { pause, systemClock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { FreeSpace } from '../base/free-space.ts';
import { limits } from '../base/limits.ts';
import { upDataDir } from '../base/node-data-folder.ts';
import { acquireFolderLock } from '../base/node-lock.ts';
import { createJsonLog } from '../base/node-log.ts';
import { MANY_CONNECTIONS } from '../base/node-memory.ts';
import { onStopSignal, runMain } from '../base/node-process.ts';
import { Waiting } from '../base/node-waiting.ts';
import { trustAuthority } from '../base/node-trust.ts';
import { programName } from '../cli/program-name.ts';
import { noteFolder } from '../cli/servers/local-folders.ts';
import { assertFolderRestored } from '../embedded/database-of-folder.ts';
import { createEmbeddedPostgres, type EmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import { authorityFile } from '../pki/authority-file.ts';
import { agentBundle } from './agent-program.ts';
import { SupervisedChild, type ChildOptions } from './supervised-child.ts';
import { ACCESS, isDue, isValid, readAccess, renewToken, writeAccess, type Access } from './up-access.ts';
import { parseConfig, type UpConfig } from './up-config.ts';
import { joinEnv, joinedIds } from './up-join.ts';

interface ServerReady {
  readonly url: string;
  readonly localUrl: string;
  readonly ca: string;
  readonly token?: string;
}
const READY_MS = 60_000;
/** Agents that start at the same time: more would only take the processors from each other, until all of them are late. */
const AGENTS_AT_ONCE = 2 * availableParallelism();
const LOOK_AFTER_MS = 60 * 60_000;

/** The agent must stay small: these keep V8's young generation and its helper threads at what an idle process needs. */
const AGENT_NODE_FLAGS = ['--max-semi-space-size=1', '--v8-pool-size=1'];
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];

async function main(): Promise<void> {
  const config = parseConfig();
  const log = createJsonLog({ role: 'up' }, config.json ? 'warn' : 'error');
  await acquireFolderLock(config.dataDir, 'up');
  assertFolderRestored(config.dataDir);
  const up = new Up(config, log);
  onStopSignal(log, () => up.stop());
  process.on('SIGINT', () => up.interrupted());
  const { url, token } = await up.start().catch(async (error: unknown) => {
    // Told to stop while starting: whoever told us ends the process; what failed meanwhile is of no interest.
    if (up.isStopping) return new Promise<never>(() => undefined);
    await up.stop();
    throw error;
  });
  const ca = authorityFile(config.dataDir);
  if (config.json) process.stdout.write(`${JSON.stringify({ ready: true, url, token, ca })}\n`);
  else process.stdout.write(welcome(config, url, token));
}

function welcome(config: UpConfig, url: string, token: string): string {
  const known = config.dataDir === upDataDir();
  const program = programName();
  const ca = authorityFile(config.dataDir);
  const access = known ? '' : `  export DROVER_URL=${url} DROVER_TOKEN=${token} DROVER_CA=${ca}\n`;
  return (
    `Drover is up at ${url}\n\n  data     ${config.dataDir}\n  token    ` +
    `${known ? join(config.dataDir, ACCESS) : token}\n  ca       ${ca}\n  hosts    ${config.agents}${scriptsAs(config)}\n\nGo on in ` +
    `another terminal:\n${access}  ${program} hosts list\n  ${program} run -t all -- uptime\n\nCtrl-C stops it; the ` +
    'data stays.\n'
  );
}

function scriptsAs({ agents, agentsAs, isTokenExposed }: UpConfig): string {
  if (agents === 0) return '';
  return isTokenExposed
    ? ', where scripts run as you: they can read your token, so tokens for operators are refused (--agents-as)'
    : `, where scripts run as ${agentsAs}`;
}

class Up {
  readonly #config: UpConfig;
  readonly #log: ReturnType<typeof createJsonLog>;
  readonly #children: SupervisedChild[] = [];
  readonly #waiting = new Waiting({
    clock: systemClock,
    isWatched: process.stderr.isTTY,
    write: (text) => void (this.#config.json || process.stderr.write(text)),
  });
  #postgres: EmbeddedPostgres | undefined;
  #disk: FreeSpace | undefined;
  #databaseStart: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  #interrupts = 0;

  constructor(config: UpConfig, log: ReturnType<typeof createJsonLog>) {
    this.#config = config;
    this.#log = log;
  }

  async start(): Promise<{ url: string; token: string }> {
    const { dataDir, agents } = this.#config;
    mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 });
    // Agents of another user pass through it to their own.
    mkdirSync(join(dataDir, 'agents'), { recursive: true });
    chmodSync(join(dataDir, 'agents'), 0o711);
    this.#waiting.step(this.#config.databaseUrl ? 'Making ready …' : 'Starting PostgreSQL …');
    const [databaseUrl, agentProgram] = await Promise.all([this.#database(), agentBundle(dataDir)]);
    this.#waiting.step('Starting the server …');
    const { access, publicUrl } = await this.#server(databaseUrl);
    const client = createClient({ baseUrl: access.url, token: access.token });
    const joined = await joinedIds(client);
    this.#waiting.step('Starting the worker …');
    const workerAddress = await this.#worker(client, access, { joined, publicUrl });
    const wanted =
      agents === 1 ? [hostname().toLowerCase()] : Array.from({ length: agents }, (_, i) => `local-${i + 1}`);
    const late = new Set<string>();
    if (wanted.length > 0)
      this.#waiting.step(wanted.length === 1 ? 'Starting the agent …' : `Starting ${wanted.length} agents …`);
    await eachAtOnce(wanted, AGENTS_AT_ONCE, async (name) => {
      if (this.isStopping) return;
      const isInTime = await this.#agent(client, access, { joined, name, program: agentProgram, workerAddress });
      if (!isInTime) late.add(name);
    });
    // The others have said that they are linked; the server's list says so a moment later.
    await polled('Not every agent', async () => {
      const linked = new Set(
        dataOf(await client.GET('/api/v1/hosts', { params: { query: { linked: 'true', limit: 1_000 } } })).items.map(
          (host) => host.name,
        ),
      );
      return wanted.every((name) => linked.has(name) || late.has(name));
    });
    this.#waiting.end();
    this.#lookAfter(access);
    return { url: publicUrl, token: access.token };
  }

  /** To whoever sees our terminal; where programs read it, the log has the same. */
  #say(words: string): void {
    this.#waiting.end();
    if (!this.#config.json) process.stderr.write(`drover: ${words}\n`);
  }

  get isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#waiting.end();
    // Agents first: what they run goes on without them. The database last, and never one that is still coming up.
    for (const group of ['agent', 'worker', 'server'])
      await Promise.all(this.#children.filter((child) => child.role === group).map((child) => child.stop()));
    await this.#databaseStart.catch(() => undefined);
    await this.#disk?.stop();
    await this.#postgres?.stop();
  }

  /** The second Ctrl-C does not wait for anybody. */
  interrupted(): void {
    if (++this.#interrupts < 2) return;
    for (const child of this.#children) child.kill();
    // Immediate shutdown: no checkpoint, the next start recovers.
    if (this.#postgres?.pid) process.kill(this.#postgres.pid, 'SIGQUIT');
    process.exit(130);
  }

  async #database(): Promise<string> {
    if (this.#config.databaseUrl) return this.#config.databaseUrl;
    const folder = join(this.#config.dataDir, 'postgres');
    this.#postgres = createEmbeddedPostgres({
      dir: folder,
      clock: systemClock,
      log: this.#log,
      onRestart: (why, logFile) => {
        this.#say(`PostgreSQL ended by itself (${why}); starting it again. Its log: ${logFile}`);
      },
      onBack: () => this.#say('PostgreSQL answers again'),
      onNote: (note) => this.#say(note),
    });
    this.#disk = this.#watchedDisk(folder);
    await (this.#databaseStart = this.#postgres.start());
    await this.#disk.start();
    return this.#postgres.url;
  }

  #watchedDisk(folder: string): FreeSpace {
    return new FreeSpace({
      folder,
      bytesMin: limits.databaseFreeBytesMin,
      clock: systemClock,
      onChange: (isLow, freeBytes) => {
        const free = `${Math.floor(freeBytes / 1_048_576)} MiB left at ${folder}`;
        this.#log.warn({ freeBytes, folder }, isLow ? 'the disk of the database is full' : 'there is space again');
        this.#say(
          isLow
            ? `The disk is full: ${free}. New work is refused (database-full), the rest goes on. Make room; nothing has to be restarted.`
            : `There is space again: ${free}. New work is taken.`,
        );
      },
    });
  }

  async #server(databaseUrl: string): Promise<{ access: Access; publicUrl: string }> {
    const { dataDir, listen } = this.#config;
    const known = readAccess(dataDir);
    // Any port: the one it had before, if it can be had again.
    const any = listen.endsWith(':0');
    const on = (port: string): string => (any ? `${listen.slice(0, -1)}${port}` : listen);
    const args = (address: string, fresh: boolean): string[] => [
      'server',
      '--data',
      join(dataDir, 'server'),
      '--listen',
      address,
      ...(fresh ? ['--bootstrap-token'] : []),
      ...(this.#config.isTokenExposed ? ['--agents-share-user'] : []),
      ...(this.#disk ? ['--database-folder', this.#disk.folder] : []),
    ];
    const before = on(any && known ? new URL(known.url).port : '0');
    const wantsToken = !known || isDue(known);
    const child = this.#child('server', 'server', { env: { DATABASE_URL: databaseUrl } }, args(before, wantsToken));
    let ready = await child.start<ServerReady>().catch((error: unknown) => {
      if (before === on('0')) throw error;
      child.args = args(on('0'), wantsToken);
      return child.start<ServerReady>();
    });
    const address = on(new URL(ready.localUrl).port);
    trustAuthority(ready.ca);
    // A token of another database, or one that was revoked, opens nothing here.
    if (known && !ready.token && !(await isValid(ready.localUrl, known.token))) {
      await child.stop();
      child.args = args(address, true);
      ready = await child.start<ServerReady>();
    }
    child.args = args(address, false);
    const access: Access = {
      url: ready.localUrl,
      ca: ready.ca,
      packages: process.env.DROVER_PACKAGES ?? join(dataDir, 'server', 'packages'),
      ...(ready.token
        ? { token: ready.token, expiresAtMs: systemClock.nowMs() + limits.apiTokenMsDefault }
        : { token: known!.token, expiresAtMs: known!.expiresAtMs }),
    };
    writeAccess(dataDir, access);
    this.#noteFolder();
    return { access, publicUrl: ready.url };
  }

  /** Commands look into the default folder by themselves, and into others that they have been told of. */
  #noteFolder(): void {
    const { dataDir } = this.#config;
    try {
      if (dataDir !== upDataDir()) noteFolder(dataDir);
    } catch (error) {
      this.#log.warn({ err: error }, 'commands of this machine will not know this server by its address alone');
    }
  }

  async #worker(
    client: DroverClient,
    access: Access,
    worker: { joined: ReadonlySet<string>; publicUrl: string },
  ): Promise<string> {
    const folder = join(this.#config.dataDir, 'worker');
    const env = await joinEnv(client, access, { folder, role: 'worker', joined: worker.joined });
    const host = this.#config.listen.slice(0, this.#config.listen.lastIndexOf(':'));
    const child = this.#child(
      'worker',
      'worker',
      { env: { ...env, ...MANY_CONNECTIONS.env }, execArgv: [...NODE_FLAGS, ...MANY_CONNECTIONS.nodeFlags] },
      [
        ...['worker', '--data', folder, '--listen', `${host}:0`, '--server', worker.publicUrl],
        ...(this.#config.processUser === undefined ? [] : ['--process-user', this.#config.processUser]),
        ...(this.#config.callAllow === undefined ? [] : ['--call-allow', this.#config.callAllow]),
      ],
    );
    const { agentAddress } = await child.start<{ agentAddress: string }>();
    // Agents are sent away for as long as no worker is linked. Only a live link has a count of agents.
    await polled('No worker', async () =>
      dataOf(await client.GET('/api/v1/workers')).items.some(
        (item) => item.agentAddress === agentAddress && item.agents !== undefined,
      ),
    );
    return agentAddress;
  }

  /** False when it is late: it goes on, and takes work once it is linked. */
  async #agent(
    client: DroverClient,
    access: Access,
    agent: { joined: ReadonlySet<string>; name: string; program: string; workerAddress: string },
  ): Promise<boolean> {
    const folder = join(this.#config.dataDir, 'agents', agent.name);
    const env = await joinEnv(client, access, { folder, role: 'agent', joined: agent.joined, host: agent.name });
    const { promise: late, resolve: isLate } = Promise.withResolvers<boolean>();
    const child = this.#child(
      'agent',
      `agent-${agent.name}`,
      {
        env,
        program: agent.program,
        execArgv: AGENT_NODE_FLAGS,
        isReady: (message) => 'linked' in message,
        onLate: () => {
          this.#waiting.end();
          process.stderr.write(`drover: ${agent.name} is not linked yet; it goes on trying\n`);
          isLate(false);
        },
      },
      // Several on one machine are hosts of their own; a single one is this machine.
      [
        '--data',
        folder,
        '--name',
        agent.name,
        '--worker',
        agent.workerAddress,
        ...(this.#config.agentsAs === undefined ? [] : ['--run-as', this.#config.agentsAs]),
        ...(this.#config.agents === 1 ? [] : ['--machine-id', `${hostname()} ${folder}`]),
      ],
    );
    return Promise.race([child.start().then(() => true), late]);
  }

  #child(
    role: ChildOptions['role'],
    name: string,
    options: Pick<ChildOptions, 'env'> & Partial<ChildOptions>,
    args: readonly string[],
  ): SupervisedChild {
    const onRestart = (why: string): void => {
      this.#log.warn({ child: name, why }, 'a process ended by itself; starting it again');
      this.#say(`${name} ended by itself (${why}); starting it again. Its log: ${logFile}`);
    };
    const logFile = join(this.#config.dataDir, 'logs', `${name}.log`);
    const child = new SupervisedChild(
      {
        role,
        name,
        program: entryPoint(),
        execArgv: NODE_FLAGS,
        logFile,
        isReady: (message) => 'ready' in message,
        onRestart,
        ...options,
      },
      args,
    );
    this.#children.push(child);
    return child;
  }

  /** Logs stay bounded, and the token outlives a long life of ours. */
  #lookAfter(access: Access): void {
    systemClock.after(
      LOOK_AFTER_MS,
      () => {
        for (const child of this.#children) child.trimLog();
        renewToken(this.#config.dataDir, access).then(
          (renewed) => this.#lookAfter(renewed),
          (error: unknown) => {
            this.#log.warn({ err: error }, 'the local token could not be renewed yet');
            this.#lookAfter(access);
          },
        );
      },
      { unref: true },
    );
  }
}

function entryPoint(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './drover.ts' : './drover.mjs', import.meta.url));
}

async function polled(who: string, condition: () => Promise<boolean>): Promise<void> {
  const until = systemClock.monotonicMs() + READY_MS;
  while (!(await condition())) {
    if (systemClock.monotonicMs() > until)
      throw new DroverError('host-not-linked', {
        detail: `${who} was linked within ${READY_MS / 1_000} s; see the logs in the data folder.`,
      });
    await pause(systemClock, 10);
  }
}

await runMain(main);
