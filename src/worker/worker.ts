/**
 * A worker holds the links of its zone's agents and a link to every server. It hands orders down and truth up, and keeps
 * nothing that matters: whatever it forgets, an agent's journal or an owner's query brings back. This file joins its parts.
 */
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import { newId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Service } from '../base/service.ts';
import { QUEUE_WEIGHTS, type QueueWeights } from '../domain/placement/queue-pick.ts';
import type { EngineName, NamedExecutor } from '../domain/run/executor.ts';
import type { LinkListener } from '../link/link.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../protocol/link/agent-v1.ts';
import type { SshAccess, SshHostKey } from '../protocol/link/ssh-access.ts';
import type { LaneName, WorkerLoad } from '../protocol/link/worker-v1.ts';
import { AgentLinks } from './agent-links.ts';
import { AgentLoads } from './agent-loads.ts';
import { AttemptEvents } from './attempt-events.ts';
import { Drain } from './drain.ts';
import { ExecutorWords } from './executor-words.ts';
import { LoadReport } from './load-report.ts';
import { OwnEngine, type WorkerEngine } from './own-engine.ts';
import type { OwnRoom } from './own-room.ts';
import { OutputRelay, type ServerLink } from './output-relay.ts';
import { PartitionOwners } from './partition-owners.ts';
import { Renewals } from './renewals.ts';
import { ServerLinks, type ServerDialer } from './server-links.ts';
import { ServerRequests } from './server-requests.ts';
import { ServerWords, type SshAccessSide } from './server-words.ts';
import { StartDispatch, type LinkedExecutor } from './start-dispatch.ts';

export interface WorkerOptions {
  readonly id: string;
  readonly version: string;
  readonly agentAddress: string;
  readonly agents: LinkListener<AgentFrame, WorkerToAgentFrame>;
  /** One dialer per server; the first is known from joining, the others are told. */
  readonly dial: (url: string) => ServerDialer;
  readonly serverUrl: string;
  /** Others that it was told of in an earlier life; the one it joined by may be down. */
  readonly knownServers?: readonly string[];
  /** Told of the servers there are, sorted, whenever one of them tells. */
  onServers?(urls: readonly string[]): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Executions under way at once, by the way they go. */
  readonly capacity: Readonly<Record<LaneName, number>>;
  readonly weights?: QueueWeights;
  /** Of the links of this process, since the start. */
  readonly frameCounts?: () => Pick<WorkerLoad, 'framesRefused' | 'framesPassedOver'>;
  /** Of its own machine, for tasks without hosts; absent: it takes none that want anything of it. */
  readonly room?: OwnRoom;
  /** What this worker carries out by itself, each of another name. */
  readonly engines?: readonly WorkerEngine[];
  /** Absent: this worker does no SSH. */
  readonly ssh?: SshAccessSide;
  /** The worker's own certificate is renewed through the server. */
  readonly onCertificate?: (certificate: string) => void;
}

export class WorkerService implements Service {
  readonly name = 'worker';
  readonly #options: WorkerOptions;
  readonly #servers: ServerLinks;
  readonly #agents: AgentLinks;
  /** This worker itself, as an executor by each of its engines. */
  readonly #engines: ReadonlyMap<EngineName, OwnEngine>;
  readonly #loads = new AgentLoads();
  readonly #relay: OutputRelay;
  readonly #dispatch: StartDispatch;
  readonly #requests: ServerRequests;
  readonly #renewals: Renewals;
  readonly #drain: Drain;
  readonly #report: LoadReport;

  constructor(options: WorkerOptions) {
    const { id: workerId, agentAddress, clock, random, log } = options;
    const instance = newId();
    const owners = new PartitionOwners();
    const find = (executor: NamedExecutor): LinkedExecutor | undefined => this.#find(executor);
    this.#options = options;
    this.#servers = new ServerLinks({
      clock,
      dial: options.dial,
      serverUrl: options.serverUrl,
      knownServers: options.knownServers ?? [],
      hello: () => ({
        workerId,
        version: options.version,
        agentAddress,
        features: [...this.#engines.keys()],
        instance,
      }),
      onLinked: (link) => this.#onServerLinked(link),
      onFrame: (server, frame) => serverWords.heard(server, frame),
      onUnlinked: ({ url }, link) => {
        this.#relay.serverGone(url);
        this.#requests.onUnlinked(link);
      },
      onServers: (urls) => options.onServers?.(urls),
    });
    const servers = (): Iterable<ServerLink> => this.#servers.links();
    const events = new AttemptEvents({ clock, servers: this.#servers, owners });
    this.#agents = new AgentLinks({
      workerId,
      clock,
      agentAddress,
      underWay: (agent, attempts) => this.#dispatch.underWay(agent, attempts),
      onLinked: ({ hostId, agentId, linkedAtMs: atMs }, proof) =>
        this.#servers.sendAll({ t: 'linked', hostId, agentId, atMs, proof }),
      onFrame: (agent, frame) => executorWords.heardAgent(agent, frame),
      onClosed: (link, agent) => {
        this.#relay.agentGone(link);
        if (agent) this.#dispatch.gone(agent);
      },
      onUnlinked: ({ hostId, agentId }) => {
        this.#loads.gone(hostId);
        this.#servers.sendAll({ t: 'unlinked', hostId, agentId, atMs: clock.nowMs() });
      },
    });
    this.#renewals = new Renewals({
      clock,
      log,
      servers,
      onOwn: (certificate) => options.onCertificate?.(certificate),
    });
    this.#drain = new Drain({
      clock,
      log,
      agents: () => this.#agents.all(),
      hasOthers: () => this.#agents.hasOtherWorkers,
    });
    this.#relay = new OutputRelay({
      clock,
      executor: (executor) => find(executor)?.link,
      server: (url) => this.#servers.at(url),
      servers,
    });
    this.#requests = new ServerRequests(clock, servers);
    this.#engines = new Map(
      (options.engines ?? []).map((engine) => [
        engine.name,
        new OwnEngine({
          workerId,
          engine,
          clock,
          random,
          log,
          onWord: (self, word) => executorWords.heardEngine(self, word),
        }),
      ]),
    );
    this.#dispatch = new StartDispatch({
      capacity: options.capacity,
      weights: options.weights ?? QUEUE_WEIGHTS,
      clock,
      random,
      find: (hostId, executor) =>
        executor.kind === 'agent' ? this.#agents.at(hostId ?? '', executor.id) : this.#find(executor),
      isCurrent: (order) => owners.isCurrent(order),
      event: (a, event) => events.tell(a, event),
      watch: ({ a, order: { target, server } }) => this.#relay.watchFromStart(a, target.executor, server),
      ...given({ room: options.room }),
    });
    this.#report = new LoadReport({
      clock,
      agentLoads: () => this.#loads.take(),
      figures: () => ({
        agents: this.#agents.count,
        queued: this.#dispatch.queued,
        outputBytesHeld: this.#relay.heldBytes,
        lanes: this.#dispatch.figures(),
        ...given({ resources: options.room?.told() }),
        ...options.frameCounts?.(),
      }),
      send: (frame) => this.#servers.sendAll(frame),
    });
    const parts = {
      clock,
      log,
      servers: this.#servers,
      owners,
      agents: this.#agents,
      events,
      dispatch: this.#dispatch,
      relay: this.#relay,
      requests: this.#requests,
      renewals: this.#renewals,
      drain: this.#drain,
      report: this.#report,
      loads: this.#loads,
      ssh: options.ssh,
      find,
    };
    const serverWords = new ServerWords(parts);
    const executorWords = new ExecutorWords(parts);
  }

  async start(): Promise<void> {
    const { agents } = this.#options;
    for (const engine of this.#engines.values()) await engine.start();
    await agents.start((link) => this.#agents.accept(link));
    this.#servers.start();
    this.#report.start();
  }

  async stop(): Promise<void> {
    this.#report.stop();
    this.#drain.stop();
    await this.#options.agents.stop();
    for (const engine of this.#engines.values()) await engine.stop();
    await this.#servers.stop();
  }

  get agentCount(): number {
    return this.#agents.count;
  }

  isLinkedToServer(): boolean {
    const [first] = this.#servers.links();
    return first !== undefined;
  }

  /** Why an agent may not link here. */
  refusalOf(agentId: string): 'agent-revoked' | 'worker-draining' | undefined {
    if (this.#agents.isRevoked(agentId)) return 'agent-revoked';
    return this.#drain.isRetired ? 'worker-draining' : undefined;
  }

  /** This worker has been revoked: its agents are of use elsewhere only. */
  retire(): void {
    this.#drain.retire();
  }

  /** Asks for a new certificate for the worker itself. */
  renewOwn(csr: string, signature: Uint8Array): void {
    this.#renewals.ask({ csr, signature });
  }

  /** What a session on the host needs, as the server sees it now. Rejects with the server's reason. */
  async requestAccess(hostId: string, accountId?: string): Promise<SshAccess> {
    const { access } = await this.#requests.ask<'access'>({
      t: 'access',
      hostId,
      ...given({ accountId }),
    });
    return access!;
  }

  /** Values to mask in the output of an attempt of this worker's. Rejects with the server's reason. */
  async secretsOf(a: string): Promise<readonly string[]> {
    return (await this.#requests.ask<'secrets'>({ t: 'secrets', a })).values ?? [];
  }

  /** Rejects with the server's reason where the key may not be believed. */
  async recordHostKey(hostId: string, { algorithm, key }: SshHostKey): Promise<'recorded' | 'refused'> {
    return (await this.#requests.ask<'host-key'>({ t: 'host-key', hostId, algorithm, key })).answer;
  }

  #find(executor: NamedExecutor): LinkedExecutor | undefined {
    if (executor.kind === 'agent') return this.#agents.of(executor.id);
    return executor.id === this.#options.id ? this.#engines.get(executor.engine) : undefined;
  }

  /** The server is told which agents are here, and asked what could not be asked before. */
  #onServerLinked(link: ServerLink): void {
    const held = Array.from(this.#agents.all(), ({ hostId, agentId, linkedAtMs, proof }) => ({
      hostId,
      agentId,
      sinceMs: linkedAtMs,
      proof: proof.sealed(),
    }));
    for (let from = 0; from === 0 || from < held.length; from += limits.linksPerFrameMax) {
      const to = from + limits.linksPerFrameMax;
      link.send({ t: 'agents', agents: held.slice(from, to), last: to >= held.length });
    }
    this.#requests.onLinked();
    // What has changed while no server could tell is not known here.
    this.#options.ssh?.accessChanged();
  }
}
