/** A server of the control plane that a test plays: it records what a worker tells it, opens what agents have sealed, and signs as a server does. */
import { createHash } from 'node:crypto';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { attemptId, newRunId, type AttemptId, type RunId, type WorkerId } from '../../src/base/ids.ts';
import { PARTITION_COUNT, partitionOf } from '../../src/domain/run/partition.ts';
import type { NamedExecutor } from '../../src/domain/run/executor.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Link } from '../../src/link/link.ts';
import { AgentSessions } from '../../src/fleet/agent-sessions.ts';
import { attemptEventOf } from '../../src/fleet/agent-words.ts';
import {
  ackMessage,
  attemptMessage,
  chunkAckMessage,
  startMessage,
  type Marked,
  type Sealed,
} from '../../src/protocol/link/session.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { type AgentFrame, type ExecutionSpec } from '../../src/protocol/link/agent-v1.ts';
import { encodeExecutionSpec } from '../../src/protocol/link/execution-spec.ts';
import type {
  AttemptEvent,
  ServerAssign,
  ServerToWorkerFrame,
  WorkerToServerFrame,
} from '../../src/protocol/link/worker-v1.ts';
import { HOST, specOf as scriptSpecOf } from './execution-spec.ts';
import { type Listening } from './link-rig.ts';
import { until } from './until.ts';

export const masterKey = createMasterKey(Buffer.alloc(32, 7));
const VALID_MS = 60_000;

export function executorOf({ agentId }: { readonly agentId: string }): NamedExecutor {
  return { kind: 'agent', id: agentId };
}

/** A run of a chosen partition: the last byte of the id decides. */
export function runIn(partition: number): RunId {
  for (;;) {
    const id = newRunId(systemClock.nowMs());
    if (partitionOf(id) === partition) return id;
  }
}

export function specOf(runId: string, script = 'true'): ExecutionSpec {
  return scriptSpecOf(script, { runId, runName: 'test', timeoutMs: 60_000, killAfterMs: 1_000 });
}

/** One server of the control plane, played by the test. */
export class PlayedServer {
  readonly listening: Listening<WorkerToServerFrame, ServerToWorkerFrame>;
  readonly frames: WorkerToServerFrame[] = [];
  /** How many links it has seen. */
  linkCount = 0;
  link: Link<ServerToWorkerFrame> | undefined;
  readonly id: string;
  onFrame: (frame: WorkerToServerFrame) => void = () => undefined;
  /** As of a real server, but that every start of an agent counts. */
  readonly sessions: AgentSessions;
  #orders = 0;

  constructor(id: string, listening: Listening<WorkerToServerFrame, ServerToWorkerFrame>) {
    this.id = id;
    this.listening = listening;
    this.sessions = new AgentSessions({
      serverId: id,
      store: { agentInstancesShow: async (shown) => shown.map(() => 'admitted') },
      masterKey,
      clock: { ...systemClock, nowMs: () => systemClock.nowMs() + this.offsetMs },
      log: silentLog,
      admitted: (session, { nonce }) => void this.link?.send(this.sessions.time(session, nonce)),
      refused: () => undefined,
    });
    void listening.links.start((link) => {
      this.linkCount++;
      return {
        onFrame: (frame) => {
          if (frame.t === 'hello') {
            this.link = link;
            this.welcome();
          }
          this.frames.push(frame);
          this.#hear(link.peer.id as WorkerId, frame);
          this.onFrame(frame);
        },
        onClose: () => {
          if (this.link === link) this.link = undefined;
        },
      };
    });
  }

  /** Other servers are told by the test, as a change of the topology. */
  welcome(partitionCount = PARTITION_COUNT): void {
    const nowMs = systemClock.nowMs() + this.offsetMs;
    const [serverId, servers, workers] = [this.id, [], []];
    this.link?.send({ t: 'welcome', protocol: 1, serverId, nowMs, partitionCount, servers, workers });
  }

  get url(): string {
    return `https://127.0.0.1:${this.listening.port}`;
  }

  /** What agents have sealed is heard in clear too. */
  #hear(workerId: WorkerId, frame: WorkerToServerFrame): void {
    const open = (agentId: string, sealed: Sealed): AgentFrame | undefined =>
      this.sessions.open(workerId, agentId, sealed)?.frame;
    if (frame.t === 'linked') void this.sessions.show(workerId, frame);
    else if (frame.t === 'agents') for (const agent of frame.agents) void this.sessions.show(workerId, agent);
    else if (frame.t === 'ask-time') {
      const session = this.sessions.of(frame.agentId);
      if (session) this.link?.send(this.sessions.time(session, frame.nonce));
    } else if (frame.t === 'said' || frame.t === 'data-said') {
      const said = open(frame.agentId, frame);
      if (said)
        this.#push({
          ...said,
          ...(frame.t === 'said' ? { agentId: frame.agentId, executor: executorOf(frame) } : { id: frame.id }),
        } as never);
    } else if (frame.t === 'events')
      for (const event of frame.events) {
        const session = event.k === 'said' ? this.sessions.of(event.agentId) : undefined;
        const said = event.k === 'said' ? open(event.agentId, event) : undefined;
        const told = session && said ? attemptEventOf(said, session) : event.k === 'said' ? undefined : event;
        if (told) this.events.push(told);
      }
  }

  /** Orders and acknowledgements to agents are signed as a server signs them. */
  send(frame: ServerToWorkerFrame | Unsigned): void {
    this.sendUnsigned(this.#signed(frame));
  }

  sendUnsigned(frame: ServerToWorkerFrame): void {
    this.sent.push(frame);
    if (!this.link?.send(frame)) throw new Error('the played server has no link');
  }

  owns(partition: number, term: number): void {
    this.send({ t: 'owns', partitions: [{ id: partition, term }] });
  }

  #push(frame: WorkerToServerFrame): void {
    this.frames.push(frame);
    this.onFrame(frame);
  }

  #signed(frame: ServerToWorkerFrame | Unsigned): ServerToWorkerFrame {
    if (frame.t === 'ack')
      return {
        ...frame,
        attempts: frame.attempts.map((ack) => ({
          ...ack,
          ...this.#macOf(ack.executor, (agentId, instance) => ackMessage(agentId, instance, ack.a)),
        })),
      };
    if (frame.t === 'chunk-ack')
      return {
        ...frame,
        ...this.#macOf(frame.executor, (agentId, instance) => chunkAckMessage(agentId, instance, frame)),
      };
    if (frame.t !== 'cancel' && frame.t !== 'query') return frame as ServerToWorkerFrame;
    const mark = { server: this.id, order: ++this.#orders };
    const attempts = frame.attempts.map((attempt) => ({
      ...attempt,
      ...this.#macOf(attempt.executor, (agentId, instance) =>
        attemptMessage(frame.t, agentId, instance, attempt.a, mark),
      ),
    }));
    return { ...frame, ...mark, attempts };
  }

  #macOf({ kind, id }: NamedExecutor, message: (agentId: string, instance: string) => Marked): { mac?: Uint8Array } {
    const mac = kind === 'agent' ? this.sessions.sign(id, ({ instance }) => message(id, instance)) : undefined;
    return mac ? { mac } : {};
  }

  #agentOf(hostId: string): string | undefined {
    for (const frame of this.frames.toReversed()) {
      if (frame.t === 'linked' && frame.hostId === hostId) return frame.agentId;
      const held = frame.t === 'agents' ? frame.agents.find((agent) => agent.hostId === hostId) : undefined;
      if (held) return held.agentId;
    }
    return undefined;
  }

  readonly events: AttemptEvent[] = [];
  readonly sent: ServerToWorkerFrame[] = [];
  /** Of its clock, as it tells it to agents. */
  offsetMs = 0;

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
    const agentId = await until('the agent to be known', () => {
      const known = this.#agentOf(agent.hostId);
      return known !== undefined && this.sessions.of(known) ? known : undefined;
    });
    const id = 1_000_000 + this.frames.length;
    this.send({
      t: 'fetch',
      id,
      executor: executorOf({ agentId }),
      a: attemptId({ runId: runIn(0), task: 0, ordinal: 0, attempt: 1 }),
      stream: 1,
      offset: 0,
      length: 1,
    });
    await this.frame('data', (frame) => frame.id === id);
  }

  /** Signs and sends; the answer is the attempt ids in the order of the hosts. */
  assign(
    runId: RunId,
    to: readonly ({ hostId: string; hostName?: string } & ({ agentId: string } | { executor: NamedExecutor }))[],
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
    const mark = { server: this.id, order: ++this.#orders, validUntilMs };
    const ids = to.map((_, ordinal) => attemptId({ runId, task: 0, ordinal, attempt }));
    this.send({
      t: 'assign',
      runId,
      task: 0,
      partition: partitionOf(runId),
      term: options.term ?? 1,
      priority: options.priority ?? 'normal',
      spec,
      ...mark,
      ...given({ accountId: options.accountId || undefined }),
      targets: to.map((one, ordinal) => {
        const executor: NamedExecutor = 'executor' in one ? one.executor : executorOf(one);
        const { hostName = HOST.hostName! } = one;
        const place = { a: ids[ordinal]!, hostName };
        return {
          ordinal,
          attempt,
          hostId: one.hostId,
          hostName,
          executor,
          mac: Buffer.alloc(0),
          ...this.#macOf(executor, (agentId, instance) => startMessage(agentId, instance, place, mark, digest)),
          ...given({ mac: options.mac, watch: options.watch || undefined }),
        };
      }),
    });
    return ids;
  }
}

type Loose<F> = F extends { t: 'cancel' | 'query' } ? Omit<F, 'server' | 'order'> : never;
/** An order as a test writes it. */
type Unsigned = Loose<ServerToWorkerFrame>;
