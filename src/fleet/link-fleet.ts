/**
 * The fleet over links: workers dial in, tell which agents they hold, and pass orders and events. Everything here is rebuilt
 * when a worker links again. What others must see after a restart (presence, facts) is written to the store in batches.
 */
import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { certificateRenew, type EnrolmentContext } from '../app/enrolment.ts';
import { attemptId, isUuid, type AgentId, type AttemptId, type HostId, type ServerId, type WorkerId } from '../base/ids.ts';
import { DroverError, isErrorCode } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Link, LinkListener } from '../link/link.ts';
import { signDispatch } from '../pki/dispatch.ts';
import type { MasterKey } from '../pki/sealer.ts';
import { dispatchMessage } from '../protocol/link/agent-v1.ts';
import { WORKER_PROTOCOL, type ServerToWorkerFrame, type WorkerHello, type WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import type { Store } from '../store/store.ts';
import type { AgentLocation, Assignment, Fleet, FleetListener, LiveOutput } from './fleet.ts';

type WorkerLink = Link<WorkerToServerFrame, ServerToWorkerFrame>;
interface WorkerState { readonly id: WorkerId; readonly hello: WorkerHello; readonly link: WorkerLink; agents: number; queued: number; rssBytes: number; lagMs: number }
interface Watch { readonly attempts: ReadonlyMap<string, HostId>; readonly onOutput: (output: LiveOutput) => void }

export interface LinkFleetOptions {
  readonly serverId: ServerId;
  readonly listener: LinkListener<WorkerToServerFrame, ServerToWorkerFrame>;
  readonly store: Store;
  readonly enrolment: EnrolmentContext;
  readonly masterKey: MasterKey;
  readonly clock: Clock;
  readonly log: Log;
}

const PRESENCE_FLUSH_MS = 200;
const TOPOLOGY_EVERY_MS = 2_000;
const FETCH_MS = 15_000;
const PRESENCE_BATCH_MAX = 2_000;
/** Of some 160 bytes each: far from what a frame may have, and no long pause for the other end. */
const HOSTS_PER_FRAME_MAX = 10_000;

export class LinkFleet implements Fleet {
  readonly name = 'fleet';
  listener: FleetListener = { onEvents() {}, onChunk() {}, onLinked() {}, onUnlinked() {} };
  readonly #options: LinkFleetOptions;
  readonly #workers = new Map<WorkerId, WorkerState>();
  readonly #agents = new Map<HostId, AgentLocation>();
  readonly #dispatchKeys = new Map<string, KeyObject>();
  readonly #watches = new Set<Watch>();
  readonly #fetches = new Map<number, { resolve: (data: { bytes: Uint8Array; size: number; eof: boolean }) => void; reject: (error: unknown) => void; cancel: () => void }>();
  #fetchSeq = 0;
  #owned: readonly { id: number; term: number }[] = [];
  #servers: { id: string; url: string }[] = [];
  #revoked: readonly AgentId[] = [];
  #presence: Parameters<Store['hostPresenceWrite']>[0][number][] = [];
  #facts: Parameters<Store['hostFactsWrite']>[0][number][] = [];
  #flushScheduled = false;
  #flushing: Promise<void> = Promise.resolve();
  #stops: (() => void)[] = [];
  #stopped = false;

  constructor(options: LinkFleetOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { listener, store } = this.#options;
    // First, for it may fail: a start that failed here may be repeated.
    this.#revoked = await store.agentRevokedList();
    listener.onLink = (link) => this.#onWorker(link);
    await listener.start();
    this.#stops.push(store.listen('fleet', () => void this.#reloadRevoked(), () => void this.#reloadRevoked()));
    this.#topology();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    for (const fetch of this.#fetches.values()) fetch.reject(new DroverError('shutting-down'));
    await this.#options.listener.stop();
    await this.#flush();
  }

  locate(hostId: HostId): AgentLocation | undefined {
    return this.#agents.get(hostId);
  }

  workers(): ReturnType<Fleet['workers']> {
    return [...this.#workers.values()].map(({ id, hello, agents, queued, rssBytes, lagMs }) => ({ id, name: hello.name, zone: hello.zone, agents, queued, rssBytes, lagMs }));
  }

  get agentCount(): number {
    return this.#agents.size;
  }

  /** Where agents may link. */
  agentWorkers(): { zone: string; address: string }[] {
    return [...this.#workers.values()].map(({ hello }) => ({ zone: hello.zone, address: hello.agentAddress }));
  }

  /** A worker tells its agents of the workers of its own zone: others they may not reach. */
  #addressesIn(zone: string): string[] {
    return this.agentWorkers().filter((worker) => worker.zone === zone).map(({ address }) => address);
  }

  announceOwned(partitions: readonly { id: number; term: number }[]): void {
    this.#owned = partitions;
    for (const worker of this.#workers.values()) worker.link.send({ t: 'owns', partitions: [...partitions] });
  }

  assign({ workerId, runId, task, partition, term, spec, targets }: Assignment): boolean {
    const worker = this.#workers.get(workerId);
    if (!worker) return false;
    const validUntilMs = this.#options.clock.nowMs() + limits.dispatchValidMs;
    const digest = createHash('sha256').update(spec).digest();
    const signed = targets.map(({ ordinal, attempt, hostId, agentId, watch }) => ({
      ordinal, attempt, hostId, agentId, mac: signDispatch(this.#dispatchKey(agentId), dispatchMessage(attemptId({ runId, task, ordinal, attempt }), agentId, validUntilMs, digest)), ...(watch ? { watch } : {}),
    }));
    // All slices or none count as sent: a start that comes twice is harmless.
    return slices(signed).every((slice) => worker.link.send({ t: 'assign', runId, task, partition, term, priority: 'normal', spec, validUntilMs, targets: slice }));
  }

  cancel(workerId: WorkerId, { partition, term, attempts }: Parameters<Fleet['cancel']>[1]): boolean {
    const link = this.#workers.get(workerId)?.link;
    return link !== undefined && slices(attempts).every((slice) => link.send({ t: 'cancel', partition, term, attempts: slice.map(({ attempt, hostId }) => ({ a: attempt, hostId })) }));
  }

  query(workerId: WorkerId, { partition, term, attempts }: Parameters<Fleet['query']>[1]): boolean {
    const link = this.#workers.get(workerId)?.link;
    return link !== undefined && slices(attempts).every((slice) => link.send({ t: 'query', partition, term, attempts: slice.map(({ attempt, hostId }) => ({ a: attempt, hostId })) }));
  }

  ack(workerId: WorkerId, attempts: readonly { attempt: AttemptId; agentId: AgentId }[]): void {
    for (const slice of slices(attempts)) this.#workers.get(workerId)?.link.send({ t: 'ack', attempts: slice.map(({ attempt, agentId }) => ({ a: attempt, agentId })) });
  }

  ackChunk(workerId: WorkerId, chunk: { attempt: AttemptId; agentId: AgentId; stream: 1 | 2; seq: number }): void {
    this.#workers.get(workerId)?.link.send({ t: 'chunk-ack', a: chunk.attempt, agentId: chunk.agentId, stream: chunk.stream, seq: chunk.seq });
  }

  watch(attempts: readonly { attempt: AttemptId; hostId: HostId }[], onOutput: (output: LiveOutput) => void): () => void {
    const watch: Watch = { attempts: new Map(attempts.map(({ attempt, hostId }) => [attempt, hostId])), onOutput };
    this.#watches.add(watch);
    this.#sendWatch(attempts, true);
    return () => {
      this.#watches.delete(watch);
      this.#sendWatch(attempts.filter(({ attempt }) => ![...this.#watches].some((other) => other.attempts.has(attempt))), false);
    };
  }

  #sendWatch(attempts: readonly { attempt: AttemptId; hostId: HostId }[], on: boolean): void {
    const byWorker = Map.groupBy(attempts, ({ hostId }) => this.#agents.get(hostId)?.workerId);
    for (const [workerId, list] of byWorker) {
      if (workerId) this.#workers.get(workerId)?.link.send({ t: 'watch', on, attempts: list.map(({ attempt, hostId }) => ({ a: attempt, hostId })) });
    }
  }

  async fetchOutput(hostId: HostId, attempt: AttemptId, stream: 1 | 2, offset: number, length: number): Promise<{ bytes: Uint8Array; size: number; eof: boolean }> {
    const location = this.#agents.get(hostId);
    const worker = location && this.#workers.get(location.workerId);
    const id = ++this.#fetchSeq;
    return new Promise((resolve, reject) => {
      const unlinked = new DroverError('host-not-linked', { detail: 'The host is not connected now; its whole output can be fetched when it is back.' });
      const cancel = this.#options.clock.after(FETCH_MS, () => {
        this.#fetches.delete(id);
        reject(unlinked);
      });
      this.#fetches.set(id, { resolve, reject, cancel });
      if (worker?.link.send({ t: 'fetch', id, hostId, a: attempt, stream, offset, length })) return;
      this.#fetches.delete(id);
      cancel();
      reject(unlinked);
    });
  }

  revoke(agentIds: readonly AgentId[]): void {
    for (const worker of this.#workers.values()) worker.link.send({ t: 'revoked', agentIds: [...agentIds] });
  }

  #dispatchKey(agentId: string): KeyObject {
    let key = this.#dispatchKeys.get(agentId);
    if (!key) this.#dispatchKeys.set(agentId, (key = createSecretKey(this.#options.masterKey.dispatchKey(agentId))));
    return key;
  }

  // — workers —

  #onWorker(link: WorkerLink): void {
    const id = link.peer.id as WorkerId;
    let state: WorkerState | undefined;
    link.onFrame = (frame) => {
      if (frame.t === 'hello') state = this.#onHello(link, frame);
      else if (state && this.#workers.get(id) === state) this.#onFrame(state, frame);
    };
    link.onClose = (reason) => {
      if (!state || this.#workers.get(id) !== state) return;
      this.#workers.delete(id);
      this.#options.log.info({ workerId: id, reason }, 'a worker is gone');
      const atMs = this.#options.clock.nowMs();
      for (const [hostId, location] of this.#agents) if (location.workerId === id) this.#unlinked(hostId, location.agentId, id, atMs);
      void this.#options.store.workerSeen({ id, agentAddress: state.hello.agentAddress, version: state.hello.version, linked: false }).catch(() => undefined);
    };
  }

  #onHello(link: WorkerLink, hello: WorkerHello): WorkerState | undefined {
    const { clock, log, serverId, store } = this.#options;
    if (hello.workerId !== link.peer.id) return void link.close('certificate-invalid', 'The certificate belongs to another worker.');
    if (hello.protocol.min > WORKER_PROTOCOL.max || hello.protocol.max < WORKER_PROTOCOL.min) return void link.close('protocol-unsupported', `This server speaks worker protocol ${WORKER_PROTOCOL.min} to ${WORKER_PROTOCOL.max}.`);
    const id = link.peer.id as WorkerId;
    const former = this.#workers.get(id);
    const state: WorkerState = { id, hello, link, agents: 0, queued: 0, rssBytes: 0, lagMs: 0 };
    this.#workers.set(id, state);
    former?.link.close('shutting-down', 'The worker linked again.');
    link.send({ t: 'welcome', protocol: 1, serverId, nowMs: clock.nowMs(), servers: this.#servers, workers: this.#addressesIn(hello.zone) });
    link.send({ t: 'revoked', agentIds: [...this.#revoked] });
    link.send({ t: 'owns', partitions: [...this.#owned] });
    log.info({ workerId: id, name: hello.name, zone: hello.zone }, 'a worker linked');
    void store.workerSeen({ id, agentAddress: hello.agentAddress, version: hello.version, linked: true }).catch(() => undefined);
    for (const other of this.#workers.values()) other.link.send({ t: 'topology', servers: this.#servers, workers: this.#addressesIn(other.hello.zone) });
    return state;
  }

  #onFrame(worker: WorkerState, frame: WorkerToServerFrame): void {
    switch (frame.t) {
      case 'agents':
        for (const { hostId, agentId, sinceMs } of frame.agents) this.#linked(hostId as HostId, agentId as AgentId, worker.id, sinceMs);
        return;
      case 'linked':
        this.#linked(frame.hostId as HostId, frame.agentId as AgentId, worker.id, frame.atMs);
        if (Math.abs(frame.skewMs) > limits.clockSkewMsMax) this.#options.log.warn({ hostId: frame.hostId, skewMs: frame.skewMs }, 'the clock of a host is off');
        return this.#factsHeard(frame.hostId, frame.agentId, frame.version, { ...frame.facts, bootId: frame.bootId, clockSkewMs: frame.skewMs });
      case 'facts':
        return this.#factsHeard(frame.hostId, frame.agentId, String(frame.facts.agentVersion ?? ''), { ...frame.facts });
      case 'unlinked':
        if (this.#agents.get(frame.hostId as HostId)?.workerId === worker.id) this.#unlinked(frame.hostId as HostId, frame.agentId as AgentId, worker.id, frame.atMs);
        return;
      case 'events':
        return this.listener.onEvents(worker.id, frame.events);
      case 'chunk':
        return this.listener.onChunk(worker.id, { attempt: frame.a as AttemptId, agentId: frame.agentId as AgentId, stream: frame.stream, seq: frame.seq, bytes: frame.bytes });
      case 'output': {
        const output: LiveOutput = { attempt: frame.a as AttemptId, stream: frame.stream, offset: frame.offset, bytes: frame.bytes, skipped: frame.skipped ?? 0 };
        for (const watch of this.#watches) if (watch.attempts.has(frame.a)) watch.onOutput(output);
        return;
      }
      case 'data': {
        const fetch = this.#fetches.get(frame.id);
        this.#fetches.delete(frame.id);
        fetch?.cancel();
        if (frame.error) fetch?.reject(new DroverError(isErrorCode(frame.error) ? frame.error : 'internal'));
        else fetch?.resolve({ bytes: frame.bytes, size: frame.size, eof: frame.eof });
        return;
      }
      case 'renew':
        return void this.#renew(worker, frame);
      case 'load':
        [worker.agents, worker.queued, worker.rssBytes, worker.lagMs] = [frame.agents, frame.queued, frame.rssBytes, frame.lagMs];
    }
  }

  async #renew(worker: WorkerState, frame: Extract<WorkerToServerFrame, { t: 'renew' }>): Promise<void> {
    const who = frame.agentId === undefined ? ({ role: 'worker', id: worker.id } as const) : ({ role: 'agent', id: frame.agentId as AgentId } as const);
    const answer = await certificateRenew(this.#options.enrolment, who, frame.csr, frame.signature).catch(() => ({ error: 'internal' }));
    worker.link.send({ t: 'certificate', id: frame.id, ...answer });
  }

  /** Facts are whatever a host says; they are written together with those of others, so what the database would refuse stays out. */
  #factsHeard(hostId: string, agentId: string, version: string, facts: Record<string, unknown>): void {
    const storable = storableFacts(facts);
    if (!storable || !isUuid(hostId) || !isUuid(agentId)) return this.#options.log.warn({ hostId, agentId }, 'facts that cannot be kept were passed over');
    this.#facts.push({ hostId: hostId as HostId, agentId: agentId as AgentId, version: version.slice(0, 100).replaceAll('\0', ''), facts: storable });
    this.#scheduleFlush();
  }

  #linked(hostId: HostId, agentId: AgentId, workerId: WorkerId, atMs: number): void {
    if (!isUuid(hostId) || !isUuid(agentId) || !Number.isSafeInteger(atMs)) return this.#options.log.warn({ hostId, agentId }, 'a link of nobody was passed over');
    const known = this.#agents.get(hostId);
    // An agent that moved: the later link is the living one.
    if (known && known.workerId !== workerId && known.sinceMs > atMs) return;
    const location: AgentLocation = { workerId, agentId, sinceMs: atMs };
    this.#agents.set(hostId, location);
    this.#presence.push({ hostId, agentId, workerId, linked: true, atMs });
    this.#scheduleFlush();
    this.listener.onLinked(hostId, location);
    for (const watch of this.#watches) {
      const mine = [...watch.attempts].filter(([, host]) => host === hostId).map(([a]) => ({ attempt: a as AttemptId, hostId }));
      if (mine.length > 0) this.#sendWatch(mine, true);
    }
  }

  #unlinked(hostId: HostId, agentId: AgentId, workerId: WorkerId, atMs: number): void {
    this.#agents.delete(hostId);
    this.#presence.push({ hostId, agentId, workerId, linked: false, atMs });
    this.#scheduleFlush();
    this.listener.onUnlinked(hostId, agentId, atMs);
  }

  // — what the store is told —

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#stopped) return;
    this.#flushScheduled = true;
    this.#options.clock.after(PRESENCE_FLUSH_MS, () => {
      this.#flushScheduled = false;
      this.#flushing = this.#flushing.then(() => this.#flush());
    }, { unref: true });
  }

  async #flush(): Promise<void> {
    while (this.#presence.length > 0 || this.#facts.length > 0) {
      const presence = this.#presence.splice(0, PRESENCE_BATCH_MAX);
      const facts = this.#facts.splice(0, PRESENCE_BATCH_MAX);
      try {
        if (presence.length > 0) await this.#options.store.hostPresenceWrite(presence);
        if (facts.length > 0) await this.#options.store.hostFactsWrite(facts);
      } catch (error) {
        this.#options.log.warn({ err: error }, 'presence of hosts could not be written; it will be again');
        this.#presence.unshift(...presence);
        this.#facts.unshift(...facts);
        if (!this.#stopped) this.#scheduleFlush();
        return;
      }
    }
  }

  async #reloadRevoked(): Promise<void> {
    try {
      this.#revoked = await this.#options.store.agentRevokedList();
      this.revoke(this.#revoked);
    } catch {
      // The next hint, gap or topology round brings it.
    }
  }

  #topology(): void {
    const round = async (): Promise<void> => {
      try {
        const servers = (await this.#options.store.serverList()).map(({ id, url }) => ({ id: id as string, url }));
        if (JSON.stringify(servers) !== JSON.stringify(this.#servers)) {
          this.#servers = servers;
          for (const worker of this.#workers.values()) worker.link.send({ t: 'topology', servers, workers: this.#addressesIn(worker.hello.zone) });
        }
      } catch {
        // Asked again in a moment.
      }
      if (!this.#stopped) this.#stops.push(this.#options.clock.after(TOPOLOGY_EVERY_MS, () => void round(), { unref: true }));
      if (this.#stops.length > 16) this.#stops.splice(1, this.#stops.length - 3);
    };
    void round();
  }
}

/** A list in parts that fit into a frame. */
function slices<T>(list: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / HOSTS_PER_FRAME_MAX) }, (_, i) => list.slice(i * HOSTS_PER_FRAME_MAX, (i + 1) * HOSTS_PER_FRAME_MAX));
}

const FACTS_BYTES_MAX = 64 * 1024;

/** As JSON that PostgreSQL takes: no NUL, no half of a surrogate pair, no number that JSON has not, and of a bounded size. */
function storableFacts(facts: Record<string, unknown>): Record<string, unknown> | undefined {
  try {
    const text = JSON.stringify(facts, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : value));
    return text.length > FACTS_BYTES_MAX || text.includes('\\u0000') ? undefined : (JSON.parse(text) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}
