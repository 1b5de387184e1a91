/**
 * A worker holds the links of its zone's agents and a link to every server. It hands orders down and truth up, and keeps
 * nothing that matters: whatever it forgets, an agent's journal or an owner's query brings back.
 */
import { attemptId, parseAttemptId, partitionOf, type RunId } from '../base/ids.ts';
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Service } from '../base/service.ts';
import { pickQueue, PRIORITIES, type Priority } from '../domain/placement/queue-pick.ts';
import { encodeFrame } from '../link/codec.ts';
import type { LinkDialer, LinkListener } from '../link/link.ts';
import { AGENT_PROTOCOL, type AgentFrame, type AgentHello, type WorkerToAgentFrame } from '../protocol/link/agent-v1.ts';
import { WORKER_PROTOCOL, type AttemptEvent, type ServerAssign, type ServerToWorkerFrame, type WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import { EventOutbox } from './event-outbox.ts';
import { OutputRelay, type AgentLink, type ServerLink } from './output-relay.ts';
import { StartFrames, StartQueue, StartRoom, type QueuedStart } from './start-queue.ts';

export type ServerDialer = LinkDialer<ServerToWorkerFrame, WorkerToServerFrame>;

export interface WorkerOptions {
  readonly id: string;
  readonly name: string;
  readonly zone: string;
  readonly version: string;
  readonly agentAddress: string;
  readonly agents: LinkListener<AgentFrame, WorkerToAgentFrame>;
  /** One dialer per server; the first is known from joining, the others are told. */
  readonly dial: (url: string) => ServerDialer;
  readonly serverUrl: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The worker's own certificate is renewed through the server. */
  readonly onCertificate?: (certificate: string) => void;
}

interface HeldAgent { readonly hostId: string; readonly agentId: string; readonly link: AgentLink; readonly linkedAtMs: number }
interface ServerState { readonly url: string; readonly dialer: ServerDialer; link: ServerLink | undefined; serverId: string; readonly events: EventOutbox; workers: readonly string[] }

/** How long events may wait for company before they are sent on. */
const EVENT_FLUSH_MS = 2;
const LOAD_EVERY_MS = 5_000;
const SNAPSHOT_AGENTS = 2_000;
/** Starts handed to agents per turn of the event loop, so that nothing else waits for a large fan-out. */
const STARTS_PER_TURN = 500;
/** An agent that has so much unread gets no more starts; its owner tries again. */
const UNREAD_BYTES_MAX = 2 * 1024 * 1024;
const ROOM_LOOK_MS = 10;

export class WorkerService implements Service {
  readonly name = 'worker';
  readonly #options: WorkerOptions;
  readonly #agents = new Map<string, HeldAgent>();
  readonly #byAgentId = new Map<string, HeldAgent>();
  readonly #servers = new Map<string, ServerState>();
  readonly #owners = new Map<number, { serverId: string; term: number }>();
  readonly #revoked = new Set<string>();
  readonly #queues: Record<Priority, StartQueue> = { high: new StartQueue(), normal: new StartQueue(), low: new StartQueue() };
  readonly #cancelledInQueue = new Set<string>();
  readonly #relay: OutputRelay;
  #zoneWorkers: readonly string[] = [];
  readonly #room = new StartRoom(limits.workerStartBytesMax);
  #flushing = false;
  #starting = false;
  #stopLoad = (): void => undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#relay = new OutputRelay({
      clock: options.clock, agent: (hostId) => this.#agents.get(hostId)?.link, server: (url) => this.#servers.get(url)?.link, servers: () => this.#serverLinks(),
    });
  }

  *#serverLinks(): Generator<ServerLink> {
    for (const { link } of this.#servers.values()) if (link) yield link;
  }

  get agentCount(): number {
    return this.#agents.size;
  }

  isLinkedToServer(): boolean {
    return [...this.#servers.values()].some((server) => server.link !== undefined);
  }

  isRevoked(agentId: string): boolean {
    return this.#revoked.has(agentId);
  }

  async start(): Promise<void> {
    this.#options.agents.onLink = (link) => this.#onAgent(link);
    await this.#options.agents.start();
    this.#dial(this.#options.serverUrl);
    this.#scheduleLoad();
  }

  async stop(): Promise<void> {
    this.#stopLoad();
    await this.#options.agents.stop();
    await Promise.all([...this.#servers.values()].map((server) => server.dialer.stop()));
  }

  // — servers —

  #dial(url: string): void {
    if (this.#servers.has(url)) return;
    const dialer = this.#options.dial(url);
    const state: ServerState = { url, dialer, link: undefined, serverId: '', events: new EventOutbox(), workers: [] };
    this.#servers.set(url, state);
    dialer.onLink = (link) => this.#onServer(state, link);
    void dialer.start();
  }

  #onServer(state: ServerState, link: ServerLink): void {
    const { id, name, zone, version, agentAddress, clock } = this.#options;
    // One server may be known by two addresses (the one we joined by, and its own). Two links would displace each other for ever;
    // the second says nothing and ends, and is tried again ever more slowly, in case the first address stops being good.
    if ([...this.#servers.values()].some((other) => other !== state && other.link && other.serverId === link.peer.id)) return link.close('shutting-down', 'This server is linked by another address.');
    state.link = link;
    state.serverId = link.peer.id;
    link.onFrame = (frame) => this.#onServerFrame(state, frame);
    link.onClose = () => {
      state.link = undefined;
      state.events.clear();
      this.#relay.serverGone(state.url);
    };
    link.send({ t: 'hello', protocol: WORKER_PROTOCOL, workerId: id, name, zone, version, agentAddress, nowMs: clock.nowMs() });
    const held = [...this.#agents.values()].map(({ hostId, agentId, linkedAtMs }) => ({ hostId, agentId, sinceMs: linkedAtMs }));
    for (let from = 0; from === 0 || from < held.length; from += SNAPSHOT_AGENTS) {
      link.send({ t: 'agents', agents: held.slice(from, from + SNAPSHOT_AGENTS), last: from + SNAPSHOT_AGENTS >= held.length });
    }
  }

  #onServerFrame(state: ServerState, frame: ServerToWorkerFrame): void {
    switch (frame.t) {
      case 'welcome':
      case 'topology':
        state.workers = frame.workers;
        this.#tellWorkers();
        for (const { url } of frame.servers) this.#dial(url);
        // A server that left for good is not dialed for ever; the one we joined by always is.
        for (const [url, server] of this.#servers) {
          if (url !== this.#options.serverUrl && !server.link && !frame.servers.some((known) => known.url === url)) {
            this.#servers.delete(url);
            void server.dialer.stop();
          }
        }
        return;
      case 'owns':
        for (const { id, term } of frame.partitions) if (term >= (this.#owners.get(id)?.term ?? 0)) this.#owners.set(id, { serverId: state.serverId, term });
        return;
      case 'revoked':
        for (const agentId of frame.agentIds) {
          this.#revoked.add(agentId);
          this.#agentById(agentId)?.link.close('agent-revoked', 'The agent has been revoked.');
        }
        return;
      case 'assign':
        return this.#onAssign(state, frame);
      case 'cancel':
        if (!this.#isCurrent(frame)) return;
        for (const { a, hostId } of frame.attempts) {
          if (this.#starting) this.#cancelledInQueue.add(a);
          if (!this.#agents.get(hostId)?.link.send({ t: 'cancel', a })) this.#event(a, { k: 'undelivered', a, code: 'host-not-linked' });
        }
        return;
      case 'query':
        if (!this.#isCurrent(frame)) return;
        for (const { a, hostId } of frame.attempts) if (!this.#agents.get(hostId)?.link.send({ t: 'query', a })) this.#event(a, { k: 'undelivered', a, code: 'host-not-linked' });
        return;
      case 'watch':
        for (const { a, hostId } of frame.attempts) this.#relay.watch(a, hostId, state.url, frame.on);
        return;
      case 'ack':
        return this.#onAck(frame.attempts);
      case 'chunk-ack':
        this.#agentById(frame.agentId)?.link.send({ t: 'chunk-ack', a: frame.a, stream: frame.stream, seq: frame.seq });
        return;
      case 'fetch':
        return this.#relay.fetch(state.url, frame);
      case 'certificate':
        return this.#onCertificate(frame);
      case 'bye':
        this.#options.log.info({ server: state.url, code: frame.code }, 'the server ended the link');
    }
  }

  #isCurrent(order: { partition: number; term: number }): boolean {
    return order.term >= (this.#owners.get(order.partition)?.term ?? 0);
  }

  /** Agents keep the list for the day that this worker is gone; each server knows the workers that are linked to it. */
  #tellWorkers(): void {
    const workers = [...new Set([...this.#servers.values()].flatMap((server) => server.workers))].sort();
    if (workers.join() === this.#zoneWorkers.join()) return;
    this.#zoneWorkers = workers;
    const welcome = encodeFrame(this.#welcome());
    for (const agent of this.#agents.values()) agent.link.sendEncoded(welcome);
  }

  #welcome(): WorkerToAgentFrame {
    return { t: 'welcome', protocol: 1, workerId: this.#options.id, nowMs: this.#options.clock.nowMs(), workers: [...this.#zoneWorkers] };
  }

  // — orders —

  #onAssign(state: ServerState, assign: ServerAssign): void {
    if (!this.#isCurrent(assign)) return;
    const priority = PRIORITIES.includes(assign.priority) ? assign.priority : 'normal';
    const queue = this.#queues[priority];
    const frames = new StartFrames(assign);
    for (const target of assign.targets) {
      if (queue.length < limits.workerQueueMax) queue.push({ assign, target, server: state.url, frames });
      else {
        const a = attemptId({ runId: assign.runId as RunId, task: assign.task, ordinal: target.ordinal, attempt: target.attempt });
        this.#event(a, { k: 'undelivered', a, code: 'agent-busy' });
      }
    }
    this.#startQueued();
  }

  /** Hands out queued starts by weighted draw, a slice per turn of the loop. */
  #startQueued(): void {
    if (this.#starting) return;
    this.#starting = true;
    const turn = (): void => {
      for (let n = 0; n < STARTS_PER_TURN; n++) {
        if (!this.#room.isLeft()) return void this.#options.clock.after(ROOM_LOOK_MS, turn);
        const lengths = { high: this.#queues.high.length, normal: this.#queues.normal.length, low: this.#queues.low.length };
        const priority = pickQueue(lengths, this.#options.random);
        if (priority === undefined) {
          this.#starting = false;
          this.#cancelledInQueue.clear();
          return;
        }
        this.#startOne(this.#queues[priority].take());
      }
      setImmediate(turn);
    };
    turn();
  }

  #startOne({ assign, target, server, frames }: QueuedStart): void {
    const a = attemptId({ runId: assign.runId as RunId, task: assign.task, ordinal: target.ordinal, attempt: target.attempt });
    if (this.#cancelledInQueue.has(a)) return this.#event(a, { k: 'unknown', a, agentId: target.agentId });
    // While it waited here the partition may have gone to another server.
    if (!this.#isCurrent(assign)) return;
    const agent = this.#agents.get(target.hostId);
    if (agent?.agentId !== target.agentId) return this.#event(a, { k: 'undelivered', a, code: 'host-not-linked' });
    if (agent.link.bufferedBytes > UNREAD_BYTES_MAX) return this.#event(a, { k: 'undelivered', a, code: 'agent-busy' });
    if (target.watch) this.#relay.watchFromStart(a, target.hostId, server);
    const sent = agent.link.sendEncoded(frames.encode(a, target.mac, target.watch === true));
    if (!sent) return this.#event(a, { k: 'undelivered', a, code: 'host-not-linked' });
    this.#room.sent(agent.link, assign.spec.length);
  }

  #onAck(attempts: readonly { a: string; agentId: string }[]): void {
    const byAgent = new Map<string, string[]>();
    for (const { a, agentId } of attempts) {
      const list = byAgent.get(agentId);
      if (list) list.push(a);
      else byAgent.set(agentId, [a]);
      this.#relay.settled(a);
    }
    for (const [agentId, a] of byAgent) this.#agentById(agentId)?.link.send({ t: 'ack', a });
  }

  #onCertificate(frame: Extract<ServerToWorkerFrame, { t: 'certificate' }>): void {
    const asked = this.#renewals.get(frame.id);
    this.#renewals.delete(frame.id);
    if (!frame.certificate || !frame.ca) return this.#options.log.warn({ error: frame.error }, 'a certificate was not renewed');
    if (asked === 'self') this.#options.onCertificate?.(frame.certificate);
    else asked?.send({ t: 'certificate', certificate: frame.certificate, ca: frame.ca });
  }

  // — agents —

  #onAgent(link: AgentLink): void {
    let agent: HeldAgent | undefined;
    link.onFrame = (frame) => {
      if (frame.t === 'hello' && !agent) agent = this.#onHello(link, frame);
      else if (frame.t === 'hello') link.close('frame-invalid', 'A link has one hello.');
      else if (agent) this.#onAgentFrame(agent, frame);
    };
    link.onClose = () => {
      this.#relay.agentGone(link);
      this.#room.forget(link);
      if (agent && this.#byAgentId.get(agent.agentId) === agent) this.#byAgentId.delete(agent.agentId);
      if (!agent || this.#agents.get(agent.hostId) !== agent) return;
      this.#agents.delete(agent.hostId);
      const atMs = this.#options.clock.nowMs();
      for (const server of this.#servers.values()) server.link?.send({ t: 'unlinked', hostId: agent.hostId, agentId: agent.agentId, atMs });
    };
  }

  #onHello(link: AgentLink, hello: AgentHello): HeldAgent | undefined {
    const { clock } = this.#options;
    if (this.#revoked.has(link.peer.id)) return void link.close('agent-revoked', 'The agent has been revoked.');
    if (hello.agentId !== link.peer.id) return void link.close('certificate-invalid', 'The certificate belongs to another agent.');
    // Else an agent could take the place of any other host, and be sent that host's scripts and secrets.
    if (link.peer.hostId !== undefined && hello.hostId !== link.peer.hostId) return void link.close('certificate-invalid', 'The certificate belongs to another host.');
    if (hello.protocol.min > AGENT_PROTOCOL.max || hello.protocol.max < AGENT_PROTOCOL.min) return void link.close('protocol-unsupported', `This worker speaks agent protocol ${AGENT_PROTOCOL.min} to ${AGENT_PROTOCOL.max}.`);
    const nowMs = clock.nowMs();
    const agent: HeldAgent = { hostId: hello.hostId, agentId: hello.agentId, link, linkedAtMs: nowMs };
    const former = this.#agents.get(hello.hostId);
    this.#agents.set(hello.hostId, agent);
    this.#byAgentId.set(hello.agentId, agent);
    former?.link.close('shutting-down', 'The agent linked again.');
    link.send(this.#welcome());
    for (const server of this.#servers.values()) server.link?.send({ t: 'linked', hostId: agent.hostId, agentId: agent.agentId, atMs: nowMs, bootId: hello.bootId, version: hello.version, skewMs: hello.nowMs - nowMs, facts: hello.facts });
    return agent;
  }

  #onAgentFrame(agent: HeldAgent, frame: AgentFrame): void {
    const { agentId, hostId } = agent;
    switch (frame.t) {
      case 'accepted':
        return this.#event(frame.a, { k: 'accepted', a: frame.a, agentId });
      case 'started':
        return this.#event(frame.a, { k: 'started', a: frame.a, agentId, atMs: frame.atMs, pid: frame.pid });
      case 'report':
        return this.#event(frame.a, { k: 'report', agentId, report: frame });
      case 'unknown':
        return this.#event(frame.a, { k: 'unknown', a: frame.a, agentId });
      case 'busy':
        return this.#event(frame.a, { k: 'undelivered', a: frame.a, code: 'agent-busy' });
      case 'output':
        return this.#relay.output(frame);
      case 'chunk': {
        const owner = this.#ownerState(frame.a)?.link;
        return owner && this.#relay.chunk(agent, frame, owner);
      }
      case 'data':
        return this.#relay.data(agent.link, frame);
      case 'renew':
        return this.#renew(frame, agent);
      case 'facts':
        for (const server of this.#servers.values()) server.link?.send({ t: 'facts', hostId, agentId, facts: frame.facts });
    }
  }

  readonly #renewals = new Map<number, AgentLink | 'self'>();
  #renewalSeq = 0;

  #renew(frame: { csr: string; signature: Uint8Array }, agent?: HeldAgent): void {
    const server = [...this.#servers.values()].find((candidate) => candidate.link);
    const id = ++this.#renewalSeq;
    if (server?.link?.send({ t: 'renew', id, ...(agent ? { agentId: agent.agentId } : {}), csr: frame.csr, signature: frame.signature })) this.#renewals.set(id, agent?.link ?? 'self');
  }

  /** Asks for a new certificate for the worker itself. */
  renewOwn(csr: string, signature: Uint8Array): void {
    this.#renew({ csr, signature });
  }

  #agentById(agentId: string): HeldAgent | undefined {
    return this.#byAgentId.get(agentId);
  }

  // — truth up —

  #ownerState(a: string): ServerState | undefined {
    const key = parseAttemptId(a);
    const owner = key && this.#owners.get(partitionOf(key.runId));
    if (!owner) return undefined;
    for (const server of this.#servers.values()) if (server.link && server.serverId === owner.serverId) return server;
    return undefined;
  }

  /** To the owner, in company. Without one, or when it is far behind, the event is dropped: reports come again, the rest can be asked. */
  #event(a: string, event: AttemptEvent): void {
    const server = this.#ownerState(a);
    if (!server?.events.push(event)) return;
    if (server.link && server.events.isFrameFull) server.events.flush(server.link);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing || [...this.#servers.values()].every((server) => server.events.isEmpty)) return;
    this.#flushing = true;
    this.#options.clock.after(EVENT_FLUSH_MS, () => {
      this.#flushing = false;
      for (const { events, link } of this.#servers.values()) if (link) events.flush(link);
      this.#flushSoon();
    });
  }

  #scheduleLoad(): void {
    const { clock } = this.#options;
    let expected = clock.monotonicMs() + LOAD_EVERY_MS;
    const report = (): void => {
      const lagMs = Math.max(0, clock.monotonicMs() - expected);
      expected = clock.monotonicMs() + LOAD_EVERY_MS;
      const queued = PRIORITIES.reduce((sum, priority) => sum + this.#queues[priority].length, 0);
      for (const server of this.#servers.values()) {
        server.link?.send({ t: 'load', agents: this.#agents.size, queued, rssBytes: process.memoryUsage.rss(), lagMs, outputBytesHeld: this.#relay.heldBytes });
      }
      this.#stopLoad = clock.after(LOAD_EVERY_MS, report, { unref: true });
    };
    this.#stopLoad = clock.after(LOAD_EVERY_MS, report, { unref: true });
  }
}
