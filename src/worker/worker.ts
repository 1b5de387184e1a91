/**
 * A worker holds the links of its zone's agents and a link to every server. It hands orders down and truth up, and keeps
 * nothing that matters: whatever it forgets, an agent's journal or an owner's query brings back.
 */
import { parseAttemptId, partitionAmong } from '../base/ids.ts';
import type { Clock } from '../base/clock.ts';
import { DroverError, errorCodeOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Service } from '../base/service.ts';
import { QUEUE_WEIGHTS, type QueueWeights } from '../domain/placement/queue-pick.ts';
import type { AttemptWord } from '../conversation/words.ts';
import type { EngineName, NamedExecutor } from '../domain/run/executor.ts';
import { decodeFrame, encodeFrame } from '../link/codec.ts';
import { AGENT_FRAMES } from '../protocol/link/agent-frames.ts';
import type { LinkDialer, LinkListener } from '../link/link.ts';
import {
  AGENT_PROTOCOL,
  type AgentFrame,
  type AgentHello,
  type WorkerToAgentFrame,
} from '../protocol/link/agent-v1.ts';
import { commonProtocol, isSpoken } from '../protocol/link/protocol-range.ts';
import { saidHead } from '../protocol/link/said-head.ts';
import { decodeLinkProof, type OrderMark, type Sealed } from '../protocol/link/session.ts';
import { KeptProof } from './kept-proof.ts';
import type { SshAccess, SshHostKey } from '../protocol/link/ssh-access.ts';
import {
  WORKER_PROTOCOL,
  type AttemptEvent,
  type ConnectionStep,
  type LaneName,
  type OrderedAttempt,
  type ServerToWorkerFrame,
  type WorkerLoad,
  type WorkerToServerFrame,
} from '../protocol/link/worker-v1.ts';
import { acksPass } from './acks-pass.ts';
import { AgentLoads } from './agent-loads.ts';
import { Drain } from './drain.ts';
import { EventOutbox } from './event-outbox.ts';
import { LoadReport } from './load-report.ts';
import { OwnEngine, type WorkerEngine } from './own-engine.ts';
import { OutputRelay, type AgentLink, type ServerLink } from './output-relay.ts';
import { Renewals } from './renewals.ts';
import { ServerRequests } from './server-requests.ts';
import { StartDispatch, type LinkedAgent, type LinkedExecutor } from './start-dispatch.ts';

export type ServerDialer = LinkDialer<ServerToWorkerFrame, WorkerToServerFrame>;

/** What servers want of a worker that speaks SSH, beside executions. */
export interface SshAccessSide {
  /** Hosts or accounts have changed. */
  accessChanged(): void;
  /** Step by step; rejects where there is nothing to be tried. */
  test(hostId: string, accountId?: string): Promise<ConnectionStep[]>;
}

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
  /** What this worker carries out by itself, each of another name. */
  readonly engines?: readonly WorkerEngine[];
  /** Absent: this worker does no SSH. */
  readonly ssh?: SshAccessSide;
  /** The worker's own certificate is renewed through the server. */
  readonly onCertificate?: (certificate: string) => void;
}

interface HeldAgent extends LinkedAgent {
  readonly agentId: string;
  readonly hostId: string;
  readonly linkedAtMs: number;
  readonly protocol: number;
  readonly proof: KeptProof;
}
interface ServerState {
  readonly url: string;
  readonly dialer: ServerDialer;
  link: ServerLink | undefined;
  serverId: string;
  readonly events: EventOutbox;
  workers: readonly string[];
}

/** How long events may wait for company before they are sent on. */
const EVENT_FLUSH_MS = 2;

export class WorkerService implements Service {
  readonly name = 'worker';
  readonly #options: WorkerOptions;
  readonly #agents = new Map<string, HeldAgent>();
  readonly #byAgentId = new Map<string, HeldAgent>();
  readonly #servers = new Map<string, ServerState>();
  readonly #owners = new Map<number, { serverId: string; term: number }>();
  /** As servers say when they welcome this worker; before, nobody owns anything. */
  #partitionCount = 1;
  readonly #revoked = new Set<string>();
  readonly #loads = new AgentLoads();
  readonly #relay: OutputRelay;
  readonly #dispatch: StartDispatch;
  readonly #requests: ServerRequests;
  readonly #renewals: Renewals;
  readonly #drain: Drain;
  readonly #report: LoadReport;
  /** This worker itself, as an executor by each of its engines. */
  readonly #engines: ReadonlyMap<EngineName, OwnEngine>;
  #zoneWorkers: readonly string[] = [];
  #flushing = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { id: workerId, clock, random, log } = options;
    this.#renewals = new Renewals({
      clock,
      log,
      servers: () => this.#serverLinks(),
      onOwn: (certificate) => options.onCertificate?.(certificate),
    });
    this.#drain = new Drain({
      clock,
      log,
      agents: () => this.#agents.values(),
      hasOthers: () => this.#zoneWorkers.some((address) => address !== options.agentAddress),
    });
    this.#relay = new OutputRelay({
      clock: options.clock,
      executor: (executor) => this.#find(executor)?.link,
      server: (url) => this.#servers.get(url)?.link,
      servers: () => this.#serverLinks(),
    });
    this.#requests = new ServerRequests(options.clock, () => this.#serverLinks());
    const onWord = (self: OwnEngine, word: AttemptWord): void => this.#onOwnWord(self, word);
    this.#engines = new Map(
      (options.engines ?? []).map((engine) => [
        engine.name,
        new OwnEngine({ workerId, engine, clock, random, log, onWord }),
      ]),
    );
    this.#dispatch = new StartDispatch({
      capacity: options.capacity,
      weights: options.weights ?? QUEUE_WEIGHTS,
      clock: options.clock,
      random: options.random,
      find: (hostId, executor) =>
        executor.kind === 'agent' ? this.#agentAt(hostId, executor.id) : this.#find(executor),
      isCurrent: (order) => this.#isCurrent(order),
      event: (a, event) => this.#event(a, event),
      watch: ({ a, order: { target, server } }) => this.#relay.watchFromStart(a, target.executor, server),
    });
    this.#report = new LoadReport({
      clock: options.clock,
      agentLoads: () => this.#loads.take(),
      figures: () => ({
        agents: this.#agents.size,
        queued: this.#dispatch.queued,
        outputBytesHeld: this.#relay.heldBytes,
        lanes: this.#dispatch.figures(),
        ...options.frameCounts?.(),
      }),
      send: (frame) => {
        for (const link of this.#serverLinks()) link.send(frame);
      },
    });
  }

  #agentAt(hostId: string, agentId: string): HeldAgent | undefined {
    const agent = this.#agents.get(hostId);
    return agent?.agentId === agentId ? agent : undefined;
  }

  /** What a session on the host needs, as the server sees it now. Rejects with the server's reason. */
  async requestAccess(hostId: string, accountId?: string): Promise<SshAccess> {
    const { access } = await this.#requests.ask<'access'>({
      t: 'access',
      hostId,
      ...(accountId === undefined ? {} : { accountId }),
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

  *#serverLinks(): Generator<ServerLink> {
    for (const { link } of this.#servers.values()) if (link) yield link;
  }

  get agentCount(): number {
    return this.#agents.size;
  }

  isLinkedToServer(): boolean {
    return [...this.#servers.values()].some((server) => server.link !== undefined);
  }

  /** Why an agent may not link here. */
  refusalOf(agentId: string): 'agent-revoked' | 'worker-draining' | undefined {
    if (this.#revoked.has(agentId)) return 'agent-revoked';
    return this.#drain.isRetired ? 'worker-draining' : undefined;
  }

  /** This worker has been revoked: its agents are of use elsewhere only. */
  retire(): void {
    this.#drain.retire();
  }

  async start(): Promise<void> {
    const { agents } = this.#options;
    for (const engine of this.#engines.values()) await engine.start();
    agents.onLink = (link) => this.#onAgent(link);
    await agents.start();
    for (const url of [this.#options.serverUrl, ...(this.#options.knownServers ?? [])]) this.#dial(url);
    this.#report.start();
  }

  async stop(): Promise<void> {
    this.#report.stop();
    this.#drain.stop();
    await this.#options.agents.stop();
    for (const engine of this.#engines.values()) await engine.stop();
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
    const { id, version, agentAddress, clock } = this.#options;
    // One server may be known by two addresses (the one we joined by, and its own). Two links would displace each other for ever;
    // the second says nothing and ends, and is tried again ever more slowly, in case the first address stops being good.
    if ([...this.#servers.values()].some((other) => other !== state && other.link && other.serverId === link.peer.id))
      return link.close('shutting-down', 'This server is linked by another address.');
    state.link = link;
    state.serverId = link.peer.id;
    link.onFrame = (frame) => this.#onServerFrame(state, frame);
    link.onClose = () => {
      state.link = undefined;
      state.events.clear();
      this.#relay.serverGone(state.url);
      this.#requests.onUnlinked(link);
    };
    link.send({
      t: 'hello',
      protocol: WORKER_PROTOCOL,
      workerId: id,
      version,
      agentAddress,
      nowMs: clock.nowMs(),
      features: [...this.#engines.keys()],
    });
    const held = [...this.#agents.values()].map(({ hostId, agentId, linkedAtMs, proof }) => ({
      hostId,
      agentId,
      sinceMs: linkedAtMs,
      proof: proof.sealed(),
    }));
    for (let from = 0; from === 0 || from < held.length; from += limits.linksPerFrameMax) {
      link.send({
        t: 'agents',
        agents: held.slice(from, from + limits.linksPerFrameMax),
        last: from + limits.linksPerFrameMax >= held.length,
      });
    }
    this.#requests.onLinked();
    // What has changed while no server could tell is not known here.
    this.#options.ssh?.accessChanged();
  }

  #onServerFrame(state: ServerState, frame: ServerToWorkerFrame): void {
    switch (frame.t) {
      case 'welcome':
        if (!isSpoken(WORKER_PROTOCOL, frame.protocol)) {
          this.#options.log.error(
            { server: state.url, protocol: frame.protocol, code: 'protocol-unsupported' },
            'the server speaks a protocol that this worker does not know',
          );
          return state.link?.close(
            'protocol-unsupported',
            `This worker speaks worker protocol ${WORKER_PROTOCOL.min} to ${WORKER_PROTOCOL.max}.`,
          );
        }
        this.#partitionCount = frame.partitionCount;
        return this.#onTopology(state, frame);
      case 'topology':
        return this.#onTopology(state, frame);
      case 'owns':
        for (const { id, term } of frame.partitions)
          if (term >= (this.#owners.get(id)?.term ?? 0)) this.#owners.set(id, { serverId: state.serverId, term });
        return;
      case 'revoked':
        for (const agentId of frame.agentIds) {
          this.#revoked.add(agentId);
          this.#byAgentId.get(agentId)?.link.close('agent-revoked', 'The agent has been revoked.');
        }
        return;
      case 'assign':
        this.#report.stir();
        return this.#dispatch.assign(state.url, frame);
      case 'cancel':
        if (!this.#isCurrent(frame)) return;
        for (const attempt of frame.attempts)
          if (!this.#dispatch.cancel(attempt.a)) this.#pass('cancel', attempt, frame);
        return;
      case 'query':
        if (!this.#isCurrent(frame)) return;
        for (const attempt of frame.attempts) this.#pass('query', attempt, frame);
        return;
      case 'watch':
        for (const { a, executor } of frame.attempts) this.#relay.watch(a, executor, state.url, frame.on);
        return;
      case 'ack':
        for (const { a } of frame.attempts) this.#relay.settled(a);
        return acksPass(frame.attempts, (executor) => this.#find(executor));
      case 'chunk-ack': {
        const { executor, ...ack } = frame;
        return void this.#find(executor)?.link.send(ack);
      }
      case 'time': {
        const { server, nonce, serverMs, mac } = frame;
        this.#agentAt(frame.hostId, frame.agentId)?.link.send({ t: 'time', server, nonce, serverMs, mac });
        return;
      }
      case 'refused': {
        const agent = this.#agentAt(frame.hostId, frame.agentId);
        if (agent?.proof.instance() === frame.instance) agent.link.close(frame.code, frame.detail);
        return;
      }
      case 'fetch':
        return this.#relay.fetch(state.url, frame);
      case 'certificate':
        return this.#renewals.onAnswer(frame);
      case 'access':
      case 'secrets':
      case 'host-key':
        return this.#requests.onAnswer(frame);
      case 'access-changed':
        return this.#options.ssh?.accessChanged();
      case 'connection-test':
        return void this.#testConnection(state, frame);
      case 'drain':
        this.#report.tell();
        return this.#drain.set(frame.on);
      case 'upgrade':
        for (const { hostId, agentId, mac } of frame.targets)
          if (this.#agents.get(hostId)?.agentId === agentId)
            this.#agents.get(hostId)!.link.send({
              t: 'upgrade',
              id: frame.id,
              server: frame.server,
              order: frame.order,
              mac,
            });
        return;
      case 'bye':
        this.#options.log.info({ server: state.url, code: frame.code }, 'the server ended the link');
        if (frame.code === 'worker-revoked') this.retire();
    }
  }

  async #testConnection(
    state: ServerState,
    { id, hostId, accountId }: Extract<ServerToWorkerFrame, { t: 'connection-test' }>,
  ): Promise<void> {
    const { ssh } = this.#options;
    try {
      if (!ssh) throw new DroverError('zone-without-worker', { detail: 'This worker reaches no hosts over SSH.' });
      state.link?.send({ t: 'connection-tested', id, steps: await ssh.test(hostId, accountId) });
    } catch (error) {
      state.link?.send({
        t: 'connection-tested',
        id,
        error: {
          code: errorCodeOf(error),
          detail: error instanceof DroverError ? error.message : 'The worker met a fault of its own.',
        },
      });
    }
  }

  #pass(t: 'cancel' | 'query', { a, executor: of, mac }: OrderedAttempt, { server, order }: OrderMark): void {
    const executor = this.#find(of);
    if (!executor?.link.send({ t, a, server, order, ...(mac ? { mac } : {}) }))
      return this.#event(a, { k: 'undelivered', a, code: 'host-not-linked' });
    if (t === 'cancel') this.#dispatch.cancelling(executor, a);
  }

  #onTopology(state: ServerState, frame: Extract<ServerToWorkerFrame, { t: 'welcome' | 'topology' }>): void {
    state.workers = frame.workers;
    this.#tellWorkers();
    const urls = frame.servers.map(({ url }) => url).sort();
    for (const url of urls) this.#dial(url);
    this.#options.onServers?.(urls);
    // A server that left for good is not dialed for ever; the one we joined by always is.
    for (const [url, server] of this.#servers) {
      if (url !== this.#options.serverUrl && !server.link && !urls.includes(url)) {
        this.#servers.delete(url);
        void server.dialer.stop();
      }
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
    for (const [protocol, agents] of Map.groupBy(this.#agents.values(), (agent) => agent.protocol)) {
      const welcome = encodeFrame(this.#welcome(protocol));
      for (const agent of agents) agent.link.sendEncoded(welcome);
    }
  }

  #welcome(protocol: number): WorkerToAgentFrame {
    return {
      t: 'welcome',
      protocol,
      workerId: this.#options.id,
      nowMs: this.#options.clock.nowMs(),
      workers: [...this.#zoneWorkers],
    };
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
      if (agent) this.#dispatch.gone(agent);
      if (agent && this.#byAgentId.get(agent.agentId) === agent) this.#byAgentId.delete(agent.agentId);
      if (!agent || this.#agents.get(agent.hostId) !== agent) return;
      this.#agents.delete(agent.hostId);
      this.#loads.gone(agent.hostId);
      const atMs = this.#options.clock.nowMs();
      for (const server of this.#servers.values())
        server.link?.send({ t: 'unlinked', hostId: agent.hostId, agentId: agent.agentId, atMs });
    };
  }

  #onHello(link: AgentLink, hello: AgentHello): HeldAgent | undefined {
    const { clock } = this.#options;
    if (this.#revoked.has(link.peer.id)) return void link.close('agent-revoked', 'The agent has been revoked.');
    if (hello.agentId !== link.peer.id)
      return void link.close('certificate-invalid', 'The certificate belongs to another agent.');
    // Else an agent could take the place of any other host, and be sent that host's scripts and secrets.
    if (link.peer.hostId !== undefined && hello.hostId !== link.peer.hostId)
      return void link.close('certificate-invalid', 'The certificate belongs to another host.');
    const protocol = commonProtocol(AGENT_PROTOCOL, hello.protocol);
    if (protocol === undefined)
      return void link.close(
        'protocol-unsupported',
        `This worker speaks agent protocol ${AGENT_PROTOCOL.min} to ${AGENT_PROTOCOL.max}.`,
      );
    if (!decodeLinkProof(hello.proof.body))
      return void link.close('frame-invalid', 'The proof of the link cannot be read.');
    const nowMs = clock.nowMs();
    const agent: HeldAgent = {
      proof: new KeptProof(hello.proof),
      // Those of the link where it has them: what comes with a frame may keep all the text of the frame in memory.
      hostId: link.peer.hostId ?? hello.hostId,
      executor: { kind: 'agent', id: link.peer.id },
      agentId: link.peer.id,
      link,
      linkedAtMs: nowMs,
      protocol,
      lane: 'agent',
      out: undefined,
    };
    const former = this.#agents.get(hello.hostId);
    this.#agents.set(hello.hostId, agent);
    this.#byAgentId.set(hello.agentId, agent);
    former?.link.close('shutting-down', 'The agent linked again.');
    this.#dispatch.underWay(
      agent,
      hello.attempts.filter(({ state }) => state !== 'finished').map(({ a }) => a),
    );
    link.send(this.#welcome(protocol));
    for (const server of this.#servers.values())
      server.link?.send({
        t: 'linked',
        hostId: agent.hostId,
        agentId: agent.agentId,
        atMs: nowMs,
        proof: hello.proof,
      });
    return agent;
  }

  #onAgentFrame(agent: HeldAgent, frame: AgentFrame): void {
    const { agentId, hostId } = agent;
    switch (frame.t) {
      case 'renew':
        return this.#renewals.ask(frame, agent);
      case 'load':
        return this.#loads.heard(hostId, frame, this.#options.clock.nowMs());
      case 'said':
        return this.#onSaid(agent, frame);
      case 'ask-time':
        for (const server of this.#servers.values())
          server.link?.send({ t: 'ask-time', hostId, agentId, nonce: frame.nonce });
        return;
      default:
        agent.link.close('frame-invalid', 'What is meant for the servers has to be sealed.');
    }
  }

  /**
   * What an agent tells the servers is passed on as it is; it is read here for the room that it takes and for where it belongs. Of what is
   * an event of an attempt that is in the beginning, and the server that opens the seal reads the whole.
   */
  #onSaid(agent: HeldAgent, { body, mac }: Sealed): void {
    const { agentId } = agent;
    const frame = saidHead(body) ?? (decodeFrame(body, AGENT_FRAMES) as AgentFrame | undefined);
    const said = { agentId, body, mac };
    switch (frame?.t) {
      case 'report':
      case 'unknown':
      case 'busy':
        this.#dispatch.ended(agent, frame.a);
        return this.#event(frame.a, { k: 'said', a: frame.a, ...said });
      case 'accepted':
      case 'started':
        return this.#event(frame.a, { k: 'said', a: frame.a, ...said });
      case 'output':
        return this.#relay.output(agent.link, frame.a, { t: 'said', ...said });
      case 'chunk': {
        const owner = this.#ownerState(frame.a)?.link;
        return owner && this.#relay.chunk(agent, { t: 'said', ...said }, owner);
      }
      case 'data':
        return this.#relay.data(agent.link, frame.id, (id) => ({ t: 'data-said', id, ...said }));
      case 'facts':
      case 'upgrade-state':
        for (const server of this.#servers.values()) server.link?.send({ t: 'said', ...said });
    }
  }

  /** What this worker's own engine says of the attempts that it carries out. */
  #onOwnWord(self: OwnEngine, frame: AttemptWord): void {
    const { executor } = self;
    switch (frame.t) {
      case 'accepted':
        return this.#event(frame.a, { k: 'accepted', a: frame.a, executor });
      case 'started':
        return this.#event(frame.a, { k: 'started', a: frame.a, executor, atMs: frame.atMs, pid: frame.pid });
      case 'report':
        this.#dispatch.ended(self, frame.a);
        return this.#event(frame.a, { k: 'report', executor, report: frame });
      case 'unknown':
        this.#dispatch.ended(self, frame.a);
        return this.#event(frame.a, { k: 'unknown', a: frame.a, executor, ...order(frame) });
      case 'busy':
        this.#dispatch.ended(self, frame.a);
        return this.#event(frame.a, { k: 'undelivered', a: frame.a, code: 'agent-busy', executor, ...order(frame) });
      case 'output':
        return this.#relay.output(self.link, frame.a, frame);
      case 'chunk': {
        const owner = this.#ownerState(frame.a)?.link;
        return owner && this.#relay.chunk(self, { ...frame, executor }, owner);
      }
      case 'data': {
        const { bytes, size, eof, error } = frame;
        return this.#relay.data(self.link, frame.id, (id) => ({
          t: 'data',
          id,
          bytes,
          size,
          eof,
          ...(error === undefined ? {} : { error }),
        }));
      }
    }
  }

  /** Asks for a new certificate for the worker itself. */
  renewOwn(csr: string, signature: Uint8Array): void {
    this.#renewals.ask({ csr, signature });
  }

  #find(executor: NamedExecutor): LinkedExecutor | undefined {
    if (executor.kind === 'agent') return this.#byAgentId.get(executor.id);
    return executor.id === this.#options.id ? this.#engines.get(executor.engine) : undefined;
  }

  // — truth up —

  #ownerState(a: string): ServerState | undefined {
    const key = parseAttemptId(a);
    const owner = key && this.#owners.get(partitionAmong(this.#partitionCount, key.runId));
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
}

function order({ order: of, server }: Partial<OrderMark>): Partial<OrderMark> {
  return of === undefined || server === undefined ? {} : { order: of, server };
}
