/**
 * A real worker between servers that a test plays and real agents with a driver in memory, over real links. A played server
 * records what the worker tells it and signs orders as a server does.
 */
import { createHash } from 'node:crypto';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { attemptId, newId, newRunId, partitionOf, type AttemptId, type RunId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { AgentService, type AgentOptions } from '../../src/agent/agent.ts';
import { createLocalExecutor } from '../../src/agent/local-executor.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import { SERVER_FRAMES, WORKER_FRAMES } from '../../src/protocol/link/worker-frames.ts';
import type { Link } from '../../src/link/link.ts';
import { signDispatch } from '../../src/pki/dispatch.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import {
  AGENT_PROTOCOL,
  dispatchMessage,
  type AgentFrame,
  type ExecutionSpec,
  type WorkerToAgentFrame,
} from '../../src/protocol/link/agent-v1.ts';
import { encodeExecutionSpec } from '../../src/protocol/link/execution-spec.ts';
import type {
  AttemptEvent,
  ServerAssign,
  ServerToWorkerFrame,
  WorkerToServerFrame,
} from '../../src/protocol/link/worker-v1.ts';
import { WorkerService } from '../../src/worker/worker.ts';
import { LinkRig, type Listening, type RigIdentity } from './link-rig.ts';
import { MemoryDriver } from './memory-driver.ts';
import { until } from './until.ts';

export const masterKey = createMasterKey(Buffer.alloc(32, 7));
const VALID_MS = 60_000;

/** A run of a chosen partition: the last byte of the id decides. */
export function runIn(partition: number): RunId {
  for (;;) {
    const id = newRunId(systemClock.nowMs());
    if (partitionOf(id) === partition) return id;
  }
}

export function specOf(runId: string, script = 'true'): ExecutionSpec {
  return {
    v: 1,
    runId,
    runName: 'test',
    script: Buffer.from(script),
    args: [],
    env: {},
    params: {},
    secrets: {},
    timeoutMs: 60_000,
    killAfterMs: 1_000,
    outputKeptBytes: 4 << 20,
  };
}

export interface RigAgent {
  readonly agentId: string;
  readonly hostId: string;
  readonly driver: MemoryDriver;
  readonly service: AgentService;
  readonly workersTold: string[][];
  isLinked(): boolean;
}

export interface BareAgent {
  readonly agentId: string;
  readonly hostId: string;
  readonly link: Link<WorkerToAgentFrame, AgentFrame>;
  readonly frames: WorkerToAgentFrame[];
  readonly refusals: string[];
}

/** One server of the control plane, played by the test. */
export class PlayedServer {
  readonly listening: Listening<WorkerToServerFrame, ServerToWorkerFrame>;
  readonly frames: WorkerToServerFrame[] = [];
  /** How many links it has seen. */
  linkCount = 0;
  link: Link<WorkerToServerFrame, ServerToWorkerFrame> | undefined;
  readonly id: string;
  onFrame: (frame: WorkerToServerFrame) => void = () => undefined;

  constructor(id: string, listening: Listening<WorkerToServerFrame, ServerToWorkerFrame>) {
    this.id = id;
    this.listening = listening;
    listening.links.onLink = (link) => {
      this.linkCount++;
      link.onFrame = (frame) => {
        if (frame.t === 'hello') this.link = link;
        this.frames.push(frame);
        this.onFrame(frame);
      };
      link.onClose = () => {
        if (this.link === link) this.link = undefined;
      };
    };
  }

  get url(): string {
    return `https://127.0.0.1:${this.listening.port}`;
  }

  send(frame: ServerToWorkerFrame): void {
    if (!this.link?.send(frame)) throw new Error('the played server has no link');
  }

  owns(partition: number, term: number): void {
    this.send({ t: 'owns', partitions: [{ id: partition, term }] });
  }

  get events(): AttemptEvent[] {
    return this.frames.flatMap((frame) => (frame.t === 'events' ? frame.events : []));
  }

  eventsOf(a: string): AttemptEvent[] {
    return this.events.filter((event) => (event.k === 'report' ? event.report.a : event.a) === a);
  }

  told<K extends AttemptEvent['k']>(a: string, k: K): Promise<Extract<AttemptEvent, { k: K }>> {
    return until(
      `${this.id} to hear ${k} of ${a}`,
      () => this.eventsOf(a).find((event) => event.k === k) as Extract<AttemptEvent, { k: K }> | undefined,
    );
  }

  frame<T extends WorkerToServerFrame['t']>(
    t: T,
    match: (frame: Extract<WorkerToServerFrame, { t: T }>) => boolean = () => true,
  ): Promise<Extract<WorkerToServerFrame, { t: T }>> {
    return until(`${this.id} to hear ${t}`, () =>
      this.frames.find(
        (frame): frame is Extract<WorkerToServerFrame, { t: T }> =>
          frame.t === t && match(frame as Extract<WorkerToServerFrame, { t: T }>),
      ),
    );
  }

  /** When this comes back, everything that was sent before has been carried out by the worker and has reached the agent. */
  async echoed(agent: { readonly hostId: string }): Promise<void> {
    const id = 1_000_000 + this.frames.length;
    this.send({
      t: 'fetch',
      id,
      hostId: agent.hostId,
      a: attemptId({ runId: runIn(0), task: 0, ordinal: 0, attempt: 1 }),
      stream: 1,
      offset: 0,
      length: 1,
    });
    await this.frame('data', (frame) => frame.id === id);
  }

  /** Signs and sends; the answer is the attempt ids in the order of the agents. */
  assign(
    runId: RunId,
    agents: readonly { agentId: string; hostId: string }[],
    options: Partial<Pick<ServerAssign, 'term' | 'priority' | 'validUntilMs' | 'accountId'>> & {
      spec?: ExecutionSpec;
      attempt?: number;
      mac?: Uint8Array;
      watch?: boolean;
    } = {},
  ): AttemptId[] {
    const spec = encodeExecutionSpec(options.spec ?? specOf(runId));
    const digest = createHash('sha256').update(spec).digest();
    const validUntilMs = options.validUntilMs ?? systemClock.nowMs() + VALID_MS;
    const attempt = options.attempt ?? 1;
    const ids = agents.map((_, ordinal) => attemptId({ runId, task: 0, ordinal, attempt }));
    this.send({
      t: 'assign',
      runId,
      task: 0,
      partition: partitionOf(runId),
      term: options.term ?? 1,
      priority: options.priority ?? 'normal',
      spec,
      validUntilMs,
      ...(options.accountId ? { accountId: options.accountId } : {}),
      targets: agents.map(({ agentId, hostId }, ordinal) => ({
        ordinal,
        attempt,
        hostId,
        agentId,
        mac:
          options.mac ??
          signDispatch(masterKey.dispatchKey(agentId), dispatchMessage(ids[ordinal]!, agentId, validUntilMs, digest)),
        ...(options.watch ? { watch: true } : {}),
      })),
    });
    return ids;
  }
}

export class WorkerRig {
  readonly links: LinkRig;
  readonly servers: PlayedServer[] = [];
  readonly worker: WorkerService;
  readonly agentsListening: Listening<AgentFrame, WorkerToAgentFrame>;
  readonly workerIdentity: RigIdentity;
  /** What the worker carries out itself. */
  readonly ssh = new MemoryDriver();
  /** How often it was told that hosts or accounts have changed. */
  accessChanges = 0;

  private constructor(
    links: LinkRig,
    workerIdentity: RigIdentity,
    agentsListening: Listening<AgentFrame, WorkerToAgentFrame>,
    first: PlayedServer,
    capacity: { agent: number; ssh: number },
  ) {
    this.links = links;
    this.servers.push(first);
    this.workerIdentity = workerIdentity;
    this.agentsListening = agentsListening;
    this.worker = new WorkerService({
      id: workerIdentity.id,
      version: '0.1.0',
      agentAddress: `127.0.0.1:${agentsListening.port}`,
      agents: agentsListening.links,
      serverUrl: first.url,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      capacity,
      ssh: {
        ...createLocalExecutor({
          workerId: workerIdentity.id,
          driver: this.ssh,
          version: '0.1.0',
          clock: systemClock,
          random: systemRandom,
          log: silentLog,
        }),
        accessChanged: () => void this.accessChanges++,
        test: async () => [{ step: 'dns', result: 'ok' }],
      },
      dial: (url) =>
        links.dialer<ServerToWorkerFrame, WorkerToServerFrame>({
          urls: [url.replace(/^https?/, 'wss')],
          peerRole: 'server',
          shapes: SERVER_FRAMES,
          identity: workerIdentity,
        }),
    });
  }

  /** One server that owns every partition under term 1, one worker linked to it. */
  static async create(capacity: { agent?: number; ssh?: number } = {}): Promise<WorkerRig> {
    const links = await LinkRig.create();
    const first = await playServer(links);
    const as = await links.identity('worker');
    let refuse: (id: string) => 'agent-revoked' | 'worker-draining' | undefined = () => undefined;
    const listening = await links.listen<AgentFrame, WorkerToAgentFrame>({
      as,
      role: 'agent',
      shapes: AGENT_FRAMES,
      refuse: (id) => refuse(id),
    });
    const rig = new WorkerRig(links, as, listening, first, { agent: 1_000, ssh: 1_000, ...capacity });
    refuse = (id) => rig.worker.refusalOf(id);
    await links.started(rig.worker);
    await first.frame('agents', (frame) => frame.last);
    first.send({ t: 'owns', partitions: Array.from({ length: 32 }, (_, id) => ({ id, term: 1 })) });
    return rig;
  }

  get server(): PlayedServer {
    return this.servers[0]!;
  }

  /** Another server, made known to the worker by the first. */
  async addServer(): Promise<PlayedServer> {
    const server = await playServer(this.links);
    this.servers.push(server);
    this.server.send({ t: 'topology', servers: this.servers.map(({ id, url }) => ({ id, url })), workers: [] });
    await server.frame('agents', (frame) => frame.last);
    return server;
  }

  async agent(
    options: { clock?: Clock; dispatchKey?: Uint8Array; hostId?: string; heartbeatMs?: number; silentMs?: number } = {},
  ): Promise<RigAgent> {
    const identity = await this.links.identity('agent');
    const hostId = options.hostId ?? newId();
    const driver = new MemoryDriver();
    const clock = options.clock ?? systemClock;
    const dialer = this.links.dialer<WorkerToAgentFrame, AgentFrame>({
      urls: [this.agentsListening.url],
      peerRole: 'worker',
      shapes: WORKER_TO_AGENT_FRAMES,
      identity,
      clock,
      ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
      ...(options.silentMs === undefined ? {} : { silentMs: options.silentMs }),
    });
    const workersTold: string[][] = [];
    const service = this.agentService({
      agentId: identity.id,
      hostId,
      ...(options.dispatchKey ? { dispatchKey: options.dispatchKey } : {}),
      driver,
      dialer,
      clock,
      onWorkers: (workers) => workersTold.push([...workers]),
    });
    await this.links.started(service);
    await this.server.frame('linked', (frame) => frame.agentId === identity.id);
    return { agentId: identity.id, hostId, driver, service, workersTold, isLinked: () => service.isLinked };
  }

  /** The real agent, on whatever it is given; it is not started. */
  agentService(options: Pick<AgentOptions, 'dialer' | 'hostId'> & Partial<AgentOptions>): AgentService {
    const agentId = options.agentId ?? newId();
    return new AgentService({
      agentId,
      version: '0.1.0',
      bootId: 'boot',
      dispatchKey: masterKey.dispatchKey(agentId),
      driver: new MemoryDriver(),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      facts: () => ({ name: options.hostId, os: 'linux' }),
      load: async () => ({
        running: 0,
        unreported: 0,
        freeSpoolBytes: 0,
        rssBytes: 1,
        loadAverage: 0,
        freeMemoryBytes: 1,
      }),
      onWorkers: () => undefined,
      onCertificate: () => undefined,
      onUpgrade: () => undefined,
      onUnlinked: () => undefined,
      ...options,
    });
  }

  /** A bare agent link, for frames that no real agent would send. */
  async bareAgent(hostId: string = newId(), identity?: RigIdentity): Promise<BareAgent> {
    const agent = await this.knock(hostId, identity);
    await this.server.frame('linked', (frame) => frame.agentId === agent.agentId && frame.hostId === hostId);
    return agent;
  }

  /** Links and says hello; whether the worker lets it stay is another question. */
  async knock(
    hostId: string,
    identity?: RigIdentity,
    protocol = AGENT_PROTOCOL as { min: number; max: number },
  ): Promise<BareAgent> {
    const as = identity ?? (await this.links.identity('agent'));
    const frames: WorkerToAgentFrame[] = [];
    const refusals: string[] = [];
    const dialer = this.links.dialer<WorkerToAgentFrame, AgentFrame>({
      urls: [this.agentsListening.url],
      peerRole: 'worker',
      shapes: WORKER_TO_AGENT_FRAMES,
      identity: as,
      onRefused: (code) => refusals.push(code),
    });
    const linked = new Promise<Link<WorkerToAgentFrame, AgentFrame>>((resolve) => {
      dialer.onLink = (link) => {
        link.onFrame = (frame) => void frames.push(frame);
        link.send({ ...helloOf(as.id, hostId), protocol });
        resolve(link);
      };
    });
    await this.links.started(dialer);
    return { agentId: as.id, hostId, link: await linked, frames, refusals };
  }

  end(): Promise<void> {
    return this.links.end();
  }
}

export function helloOf(agentId: string, hostId: string): Extract<AgentFrame, { t: 'hello' }> {
  return {
    t: 'hello',
    protocol: { min: 1, max: 1 },
    agentId,
    hostId,
    version: '0.1.0',
    bootId: 'boot',
    nowMs: systemClock.nowMs(),
    facts: { name: hostId, os: 'linux' },
    attempts: [],
  };
}

async function playServer(links: LinkRig): Promise<PlayedServer> {
  const as = await links.identity('server');
  return new PlayedServer(
    as.id,
    await links.listen<WorkerToServerFrame, ServerToWorkerFrame>({ as, role: 'worker', shapes: WORKER_FRAMES }),
  );
}
