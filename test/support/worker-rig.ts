/**
 * A real worker between servers that a test plays and real agents with a ledger in memory, over real links. A played server
 * records what the worker tells it and signs orders as a server does.
 */
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { newId } from '../../src/base/ids.ts';
import { PARTITION_COUNT } from '../../src/domain/run/partition.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { AgentService, type AgentOptions } from '../../src/agent/agent.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import { SERVER_FRAMES, WORKER_FRAMES } from '../../src/protocol/link/worker-frames.ts';
import type { Link } from '../../src/link/link.ts';
import { AgentSession } from '../../src/agent/session.ts';
import { type Sealed } from '../../src/protocol/link/session.ts';
import { AGENT_PROTOCOL, type AgentFrame, type WorkerToAgentFrame } from '../../src/protocol/link/agent-v1.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../../src/protocol/link/worker-v1.ts';
import { WorkerService } from '../../src/worker/worker.ts';
import { LinkRig, type Listening, type RigIdentity } from './link-rig.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { masterKey, PlayedServer } from './played-server.ts';
import { until } from './until.ts';

export { executorOf, runIn, specOf } from './played-server.ts';

export interface RigAgent {
  readonly identity: RigIdentity;
  readonly agentId: string;
  readonly hostId: string;
  readonly ledger: MemoryLedger;
  readonly service: AgentService;
  readonly workersTold: string[][];
  isLinked(): boolean;
}

export interface BareAgent {
  readonly agentId: string;
  readonly hostId: string;
  readonly link: Link<AgentFrame>;
  /** Under its seal. */
  readonly say: (frame: AgentFrame) => boolean;
  readonly frames: WorkerToAgentFrame[];
  readonly refusals: string[];
}

export class WorkerRig {
  readonly links: LinkRig;
  readonly servers: PlayedServer[] = [];
  readonly worker: WorkerService;
  readonly agentsListening: Listening<AgentFrame, WorkerToAgentFrame>;
  readonly workerIdentity: RigIdentity;
  /** What the worker carries out itself. */
  readonly ssh = new MemoryLedger();
  /** How often it was told that hosts or accounts have changed. */
  accessChanges = 0;

  private constructor(
    links: LinkRig,
    workerIdentity: RigIdentity,
    agentsListening: Listening<AgentFrame, WorkerToAgentFrame>,
    first: PlayedServer,
    capacity: { agent: number; ssh: number; process: number; calls: number },
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
      engines: [{ name: 'ssh', ledger: this.ssh }],
      ssh: {
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
    const rig = new WorkerRig(links, as, listening, first, {
      agent: 1_000,
      ssh: 1_000,
      process: 0,
      calls: 0,
      ...capacity,
    });
    refuse = (id) => rig.worker.refusalOf(id);
    await links.started(rig.worker);
    await first.frame('agents', (frame) => frame.last);
    first.send({ t: 'owns', partitions: Array.from({ length: PARTITION_COUNT }, (_, id) => ({ id, term: 1 })) });
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
    options: {
      clock?: Clock;
      dispatchKey?: Uint8Array;
      hostId?: string;
      /** The worker's own, unless something is between. */
      port?: number;
      heartbeatMs?: number;
      silentMs?: number;
      /** Of an agent that is started anew. */
      identity?: RigIdentity;
      start?: number;
    } = {},
  ): Promise<RigAgent> {
    const identity = options.identity ?? (await this.links.identity('agent'));
    const hostId = options.hostId ?? newId();
    const ledger = new MemoryLedger();
    const clock = options.clock ?? systemClock;
    const dialer = this.links.dialer<WorkerToAgentFrame, AgentFrame>({
      urls: [options.port === undefined ? this.agentsListening.url : `wss://127.0.0.1:${options.port}/link`],
      peerRole: 'worker',
      shapes: WORKER_TO_AGENT_FRAMES,
      identity,
      clock,
      ...given({ heartbeatMs: options.heartbeatMs, silentMs: options.silentMs }),
    });
    const workersTold: string[][] = [];
    const service = this.agentService({
      agentId: identity.id,
      hostId,
      session: sessionOf(identity.id, hostId, clock, options.dispatchKey, options.start),
      ledger,
      dialer,
      clock,
      onWorkers: (workers) => workersTold.push([...workers]),
    });
    await this.links.started(service);
    await this.server.frame('linked', (frame) => frame.agentId === identity.id);
    if (!options.dispatchKey)
      await until(
        'the server to know the agent',
        () => this.server.sessions.of(identity.id)?.start === (options.start ?? 1),
      );
    return { identity, agentId: identity.id, hostId, ledger, service, workersTold, isLinked: () => service.isLinked };
  }

  /** The real agent, on whatever it is given; it is not started. */
  agentService(options: Pick<AgentOptions, 'dialer' | 'hostId'> & Partial<AgentOptions>): AgentService {
    const agentId = options.agentId ?? newId();
    return new AgentService({
      agentId,
      version: '0.1.0',
      bootId: 'boot',
      session: sessionOf(agentId, options.hostId, systemClock),
      ledger: new MemoryLedger(),
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
    await until('the server to know the agent', () => this.server.sessions.of(agent.agentId));
    return agent;
  }

  /** Links and says hello; whether the worker lets it stay is another question. */
  async knock(
    hostId: string,
    identity?: RigIdentity,
    protocol = AGENT_PROTOCOL as { min: number; max: number },
  ): Promise<BareAgent> {
    const as = identity ?? (await this.links.identity('agent'));
    const session = sessionOf(as.id, hostId, systemClock);
    const frames: WorkerToAgentFrame[] = [];
    const refusals: string[] = [];
    const dialer = this.links.dialer<WorkerToAgentFrame, AgentFrame>({
      urls: [this.agentsListening.url],
      peerRole: 'worker',
      shapes: WORKER_TO_AGENT_FRAMES,
      identity: as,
      onRefused: (code) => refusals.push(code),
    });
    const link = await new Promise<Link<AgentFrame>>((resolve) => {
      void dialer.start((linked) => {
        linked.send({ ...helloOf(as.id, hostId, session.proof(linked.peer.id)), protocol });
        resolve(linked);
        return { onFrame: (frame) => void frames.push(frame), onClose: () => undefined };
      });
    });
    return {
      agentId: as.id,
      hostId,
      link,
      frames,
      refusals,
      say: (frame) => link.send({ t: 'said', ...session.seal(frame) }),
    };
  }

  end(): Promise<void> {
    return this.links.end();
  }
}

function sessionOf(agentId: string, hostId: string, clock: Clock, dispatchKey?: Uint8Array, start = 1): AgentSession {
  return new AgentSession({
    agentId,
    hostId,
    dispatchKey: dispatchKey ?? masterKey.dispatchKey(agentId),
    start: { instance: newId(), start },
    clock,
  });
}

export function helloOf(
  agentId: string,
  hostId: string,
  proof: Sealed = sessionOf(agentId, hostId, systemClock).proof(newId()),
): Extract<AgentFrame, { t: 'hello' }> {
  return {
    t: 'hello',
    protocol: { min: 1, max: 1 },
    agentId,
    hostId,
    version: '0.1.0',
    bootId: 'boot',
    proof,
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
