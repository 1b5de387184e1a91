/**
 * The fleet over links: workers dial in, tell which agents they hold, and pass orders and events. Everything here is rebuilt
 * when a worker links again. What others must see after a restart (presence, facts) is written to the store in batches.
 */
import { createHash } from 'node:crypto';
import { isInForce } from '../app/enrolment.ts';
import { attemptId, type AccountId, type AgentId, type AttemptId, type HostId, type WorkerId } from '../base/ids.ts';
import { PARTITION_COUNT } from '../domain/run/partition.ts';
import { DroverError } from '../base/errors.ts';
import { agentExecutor, isWorker, type Executor, type Route } from '../domain/run/executor.ts';
import { limits } from '../base/limits.ts';
import type { Link } from '../link/link.ts';
import { commonProtocol } from '../protocol/link/protocol-range.ts';
import { ackMessage, attemptMessage, chunkAckMessage, type Marked, type Sealed } from '../protocol/link/session.ts';
import { upgradeMessage } from '../protocol/link/upgrade-order.ts';
import {
  WORKER_PROTOCOL,
  type AttemptEvent,
  type ConnectionStep,
  type ServerToWorkerFrame,
  type WorkerHello,
  type WorkerToServerFrame,
} from '../protocol/link/worker-v1.ts';
import type { FleetLook } from '../store/contract/fleet-look.ts';
import type { WorkerRecord } from '../store/contract/worker.ts';
import { AgentHealth } from './agent-health.ts';
import { slices } from './attempt-orders.ts';
import { attemptEventOf, upgradeHeard } from './agent-words.ts';
import { AgentSnapshot } from './agent-snapshot.ts';
import { AgentSessions, type AgentSession } from './agent-sessions.ts';
import type {
  AgentLocation,
  Assignment,
  AttemptOrder,
  AttemptPlace,
  ChunkName,
  Fleet,
  FleetListener,
  UpgradeListener,
  HeardEvent,
  LiveOutput,
  LiveWorker,
  SshObstacle,
} from './fleet.ts';
import type { LinkFleetOptions } from './link-fleet-options.ts';
import { LiveWatches } from './live-watches.ts';
import { OrderMarks } from './order-marks.ts';
import { PresenceRecord } from './presence-record.ts';
import { ServedZones } from './served-zones.ts';
import { SshRoutes } from './ssh-routes.ts';
import { WorkerDesk } from './worker-desk.ts';
import { WorkerRequests } from './worker-requests.ts';

type WorkerLink = Link<WorkerToServerFrame, ServerToWorkerFrame>;
interface WorkerState {
  readonly id: WorkerId;
  /** What its enrolment says of it. */
  readonly name: string;
  readonly zone: string;
  readonly hello: WorkerHello;
  readonly heardAtMs: number;
  readonly link: WorkerLink;
  readonly snapshot: AgentSnapshot;
  load: Omit<LiveWorker, 'id' | 'name' | 'zone'>;
}

/** How long a revocation, a drain or a new way to a host goes unseen at most, where no hint of it comes through. */
const LOOK_MS = 2_000;
const FETCH_MS = 15_000;
/** A host that says nothing is given up after half a minute; a jump host before it may be as slow. */
const CONNECTION_TEST_MS = 90_000;
const NO_MAC = new Uint8Array(0);

export class LinkFleet implements Fleet {
  readonly name = 'fleet';
  readonly health: AgentHealth;
  readonly #options: LinkFleetOptions;
  #runs!: FleetListener;
  #upgrades!: UpgradeListener;
  readonly #workers = new Map<WorkerId, WorkerState>();
  readonly #agents = new Map<HostId, AgentLocation>();
  readonly #sessions: AgentSessions;
  readonly #marks: OrderMarks;
  readonly #desk: WorkerDesk;
  #orders = 0;
  readonly #watches = new LiveWatches((attempts, on) => this.#sendWatch(attempts, on));
  readonly #fetches: WorkerRequests<{ bytes: Uint8Array; size: number; eof: boolean }>;
  /** What of which attempt was asked for under which number. */
  readonly #fetched = new Map<number, AttemptPlace & { stream: 1 | 2; offset: number }>();
  readonly #tests: WorkerRequests<readonly ConnectionStep[]>;
  #owned: readonly { id: number; term: number }[] = [];
  #servers: FleetLook['servers'] = [];
  #revoked: readonly AgentId[] = [];
  #drained: ReadonlySet<WorkerId> = new Set();
  /** As last read; one that joined since is asked for when it links. */
  #enrolled: ReadonlyMap<WorkerId, WorkerRecord> = new Map();
  /** Something of what `#reload` reads has changed since it was read. */
  #isStale = false;
  #isRefreshing = false;
  readonly #sshRoutes = new SshRoutes();
  readonly #servedZones: ServedZones;
  readonly hasWorker = (hostId: HostId): boolean => this.#servedZones.has(hostId);
  readonly #record: PresenceRecord;
  #stops: (() => void)[] = [];
  #cancelLook = (): void => undefined;
  #stopped = false;

  constructor(options: LinkFleetOptions) {
    this.#options = options;
    this.#fetches = new WorkerRequests(
      options.clock,
      FETCH_MS,
      new DroverError('host-not-linked', {
        detail: 'The host is not connected now; its whole output can be fetched when it is back.',
      }),
    );
    this.#tests = new WorkerRequests(
      options.clock,
      CONNECTION_TEST_MS,
      new DroverError('zone-without-worker', {
        detail: 'The worker of the host has not answered in time, or has gone away.',
      }),
    );
    this.#record = new PresenceRecord({
      store: options.store,
      clock: options.clock,
      log: options.log,
      heldBy: (workerId) => [...this.#agents].filter(([, at]) => at.workerId === workerId).map(([hostId]) => hostId),
    });
    this.health = new AgentHealth(options.clock);
    this.#desk = new WorkerDesk(options);
    this.#servedZones = new ServedZones(options.store);
    this.#sessions = new AgentSessions({
      ...options,
      admitted: (session, { nonce }) => this.#admitted(session, nonce),
      refused: (workerId, refusal, isNobody) => {
        this.#workers.get(workerId)?.link.send(refusal);
        if (isNobody) this.#copied(refusal.hostId as HostId);
      },
    });
    this.#marks = new OrderMarks(this.#sessions);
  }

  async start(runs: FleetListener, upgrades: UpgradeListener): Promise<void> {
    const { listener, store } = this.#options;
    [this.#runs, this.#upgrades] = [runs, upgrades];
    // First, for it may fail: a start that failed here may be repeated.
    await this.#reload();
    listener.onLink = (link) => this.#onWorker(link);
    await listener.start();
    this.#stops.push(...(['fleet', 'hosts'] as const).map((of) => store.listen(of, this.#lookNow, this.#lookNow)));
    this.#lookByTime();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    this.#cancelLook();
    this.#sessions.stop();
    this.#fetches.stop();
    this.#tests.stop();
    await this.#options.listener.stop();
    await this.#record.stop();
  }

  locate(hostId: HostId): AgentLocation | undefined {
    return this.#agents.get(hostId);
  }

  sshRoute(hostId: HostId): WorkerId | undefined {
    return this.#sshRoutes.pick(hostId, this.#sshWorkers());
  }

  sshObstacle(hostId: HostId): SshObstacle | undefined {
    if (!this.#sshRoutes.has(hostId)) return 'no-address';
    if (this.sshRoute(hostId)) return undefined;
    return this.#sshRoutes.pick(hostId, this.#sshWorkers(true)) ? 'drained' : 'no-worker';
  }

  *#sshWorkers(withDrained = false): Generator<{ id: WorkerId; zone: string }> {
    for (const { id, zone, hello } of this.#workers.values())
      if (hello.features?.includes('ssh') && (withDrained || !this.#drained.has(id))) yield { id, zone };
  }

  isLinked(workerId: WorkerId): boolean {
    return this.#workers.has(workerId);
  }

  takesWork(workerId: WorkerId): boolean {
    return this.#workers.has(workerId) && !this.#drained.has(workerId);
  }

  workers(): readonly LiveWorker[] {
    return [...this.#workers.values()].map(({ id, name, zone, load }) => ({ id, name, zone, ...load }));
  }

  get agentCount(): number {
    return this.#agents.size;
  }

  /** Where agents may link. */
  agentWorkers(): { zone: string; address: string }[] {
    return [...this.#workers.values()]
      .filter(({ id }) => !this.#drained.has(id))
      .map(({ zone, hello }) => ({ zone, address: hello.agentAddress }));
  }

  /** A worker tells its agents of the workers of its own zone: others they may not reach. */
  #addressesIn(zone: string): string[] {
    return this.agentWorkers()
      .filter((worker) => worker.zone === zone)
      .map(({ address }) => address);
  }

  announceOwned(partitions: readonly { id: number; term: number }[]): void {
    this.#owned = partitions;
    for (const worker of this.#workers.values()) worker.link.send({ t: 'owns', partitions: [...partitions] });
  }

  nextOrder(): number {
    return ++this.#orders;
  }

  assign({ workerId, runId, task, partition, term, order, priority, accountId, spec, targets }: Assignment): boolean {
    const worker = this.#workers.get(workerId);
    if (!worker) return false;
    const validUntilMs = this.#options.clock.nowMs() + limits.dispatchValidMs;
    const digest = createHash('sha256').update(spec).digest();
    const mark = { server: this.#options.serverId as string, order, validUntilMs };
    const signed = targets.map(({ instance, watch, ...target }) => ({
      ...target,
      ...(watch ? { watch } : {}),
      mac: this.#marks.ofStart({ ...target, instance }, attemptId({ runId, task, ...target }), mark, digest),
    }));
    // A start that comes twice is harmless; one that has gone must not be taken as not gone.
    const sent = slices(signed).map((slice) =>
      worker.link.send({
        t: 'assign',
        runId,
        task,
        partition,
        term,
        priority,
        spec,
        ...mark,
        targets: slice,
        ...(accountId === undefined ? {} : { accountId }),
      }),
    );
    return sent.includes(true);
  }

  cancel(workerId: WorkerId, order: AttemptOrder): boolean {
    return this.#order('cancel', workerId, order);
  }

  query(workerId: WorkerId, order: AttemptOrder): boolean {
    return this.#order('query', workerId, order);
  }

  #order(t: 'cancel' | 'query', workerId: WorkerId, { partition, term, order, attempts }: AttemptOrder): boolean {
    const link = this.#workers.get(workerId)?.link;
    const mark = { server: this.#options.serverId as string, order };
    const signed = attempts.flatMap((place) => {
      const executor = this.#at(place)?.executor;
      const sign = (agentId: string, instance: string): Marked =>
        attemptMessage(t, agentId, instance, place.attempt, mark);
      return executor ? [{ a: place.attempt, executor, ...this.#marks.of(executor, sign) }] : [];
    });
    return (
      link !== undefined && slices(signed).every((slice) => link.send({ t, partition, term, ...mark, attempts: slice }))
    );
  }

  /** Who is asked about an attempt, and by whose link: the worker that carries it out, else the agent that its host has now. */
  #at({ hostId, executor }: AttemptPlace): Route | undefined {
    return executor?.kind === 'worker' ? { executor, workerId: executor.id } : this.#agents.get(hostId);
  }

  ack(workerId: WorkerId, attempts: readonly { attempt: AttemptId; executor: Executor }[]): void {
    for (const slice of slices(attempts))
      this.#workers.get(workerId)?.link.send({
        t: 'ack',
        attempts: slice.map(({ attempt: a, executor }) => ({
          a,
          executor,
          ...this.#marks.of(executor, (agentId, instance) => ackMessage(agentId, instance, a)),
        })),
      });
  }

  ackChunk(workerId: WorkerId, { attempt: a, executor, stream, seq }: ChunkName): void {
    const mac = this.#marks.of(executor, (agentId, instance) => chunkAckMessage(agentId, instance, { a, stream, seq }));
    this.#workers.get(workerId)?.link.send({ t: 'chunk-ack', a, executor, stream, seq, ...mac });
  }

  watch(attempts: readonly AttemptPlace[], onOutput: (output: LiveOutput) => void): () => void {
    return this.#watches.add(attempts, onOutput);
  }

  #sendWatch(attempts: readonly AttemptPlace[], on: boolean): void {
    const asked = attempts.flatMap((place) => {
      const at = this.#at(place);
      return at ? [{ workerId: at.workerId, attempt: { a: place.attempt, executor: at.executor } }] : [];
    });
    for (const [workerId, list] of Map.groupBy(asked, ({ workerId: id }) => id))
      for (const slice of slices(list))
        this.#workers.get(workerId)?.link.send({ t: 'watch', on, attempts: slice.map(({ attempt }) => attempt) });
  }

  async fetchOutput(
    place: AttemptPlace,
    stream: 1 | 2,
    offset: number,
    length: number,
  ): Promise<{ bytes: Uint8Array; size: number; eof: boolean }> {
    const at = this.#at(place);
    let asked = 0;
    return this.#fetches
      .ask(at && this.#workers.get(at.workerId)?.link, (id) => {
        asked = id;
        const { executor } = at!;
        this.#fetched.set(id, { ...place, executor, stream, offset });
        return { t: 'fetch', id, executor, a: place.attempt, stream, offset, length };
      })
      .finally(() => this.#fetched.delete(asked));
  }

  async testConnection(hostId: HostId, accountId?: AccountId): Promise<readonly ConnectionStep[]> {
    const workerId = this.sshRoute(hostId);
    const worker = workerId && this.#workers.get(workerId);
    if (!worker)
      throw new DroverError('zone-without-worker', {
        detail: "No worker of the host's zone is linked and takes work. See: drover workers list.",
      });
    return this.#tests.ask(worker.link, (id) => ({
      t: 'connection-test',
      id,
      hostId,
      ...(accountId === undefined ? {} : { accountId }),
    }));
  }

  /** Whatever their workers make of it: nothing is sent to them any more. */
  revoke(agentIds: readonly AgentId[]): void {
    for (const { hostId, agentId } of agentIds.flatMap((id) => this.#sessions.of(id) ?? []))
      if (this.#agents.get(hostId)?.executor.id === agentId) this.#unlinked(hostId);
      else this.#sessions.forget(agentId);
    for (const worker of this.#workers.values())
      for (const slice of slices(agentIds)) worker.link.send({ t: 'revoked', agentIds: slice });
  }

  revokeWorker(workerId: WorkerId): void {
    this.#workers.get(workerId)?.link.close('worker-revoked', 'The worker has been revoked.');
  }

  upgrade(id: string, order: Uint8Array, agents: readonly { hostId: HostId; agentId: AgentId }[]): void {
    const digest = createHash('sha256').update(order).digest();
    const server = this.#options.serverId as string;
    for (const [workerId, group] of Map.groupBy(agents, ({ hostId }) => this.#agents.get(hostId)?.workerId)) {
      const targets = group.map(({ hostId, agentId }) => ({
        hostId,
        agentId,
        mac:
          this.#sessions.sign(agentId, ({ instance }) => upgradeMessage(id, agentId, instance, server, digest)) ??
          NO_MAC,
      }));
      for (const slice of workerId ? slices(targets) : [])
        this.#workers.get(workerId!)?.link.send({ t: 'upgrade', id, server, order, targets: slice });
    }
  }

  // — workers —

  #onWorker(link: WorkerLink): void {
    const id = link.peer.id as WorkerId;
    let state: WorkerState | undefined;
    let isGreeted = false;
    const early: WorkerToServerFrame[] = [];
    const hear = (frame: WorkerToServerFrame): void => {
      if (state && this.#workers.get(id) === state) this.#onFrame(state, frame);
    };
    link.onFrame = (frame) => {
      if (frame.t !== 'hello') {
        if (!isGreeted) return undefined;
        if (state) hear(frame);
        else early.push(frame);
        return undefined;
      }
      if (isGreeted) return link.close('frame-invalid', 'A link has one hello.');
      isGreeted = true;
      // Nothing but what has come in one piece with the hello is read before it is known who says it.
      link.pause();
      return this.#recordOf(id)
        .then(
          (record) => {
            if (isClosed) return;
            state = this.#onHello(link, frame, record);
            for (const said of early.splice(0)) hear(said);
          },
          () => link.close('database-unavailable', 'The record of the worker cannot be read now.'),
        )
        .finally(() => link.resume());
    };
    let isClosed = false;
    link.onClose = (reason) => {
      isClosed = true;
      if (!state || this.#workers.get(id) !== state) return;
      this.#workers.delete(id);
      this.#sessions.takeBack(id);
      this.#desk.gone(id);
      this.#lookNow();
      this.#options.log.info({ workerId: id, reason }, 'a worker is gone');
      for (const [hostId, location] of this.#agents) if (location.workerId === id) this.#unlinked(hostId);
      this.#runs.onRoutesChanged();
      void this.#options.store
        .workerSeen({ id, agentAddress: state.hello.agentAddress, version: state.hello.version, linked: false })
        .catch(() => undefined);
    };
  }

  /** Read anew, for what is cached may be older than the revocation; what is cached counts while the database is away. */
  async #recordOf(id: WorkerId): Promise<WorkerRecord | undefined> {
    return this.#options.store.workerFetch(id).catch((error: unknown) => {
      const cached = this.#enrolled.get(id);
      if (cached) return cached;
      throw error;
    });
  }

  /** Why a worker may not link, as far as is known without asking. */
  refusalOf(id: string): 'worker-revoked' | undefined {
    const record = this.#enrolled.get(id as WorkerId);
    return record && !isInForce(record) ? 'worker-revoked' : undefined;
  }

  #onHello(link: WorkerLink, hello: WorkerHello, record: WorkerRecord | undefined): WorkerState | undefined {
    const { clock, log, serverId, store } = this.#options;
    if (hello.workerId !== link.peer.id)
      return void link.close('certificate-invalid', 'The certificate belongs to another worker.');
    if (!isInForce(record)) return void link.close('worker-revoked', 'The worker has been revoked.');
    const { name, zone } = record;
    const protocol = commonProtocol(WORKER_PROTOCOL, hello.protocol);
    if (protocol === undefined)
      return void link.close(
        'protocol-unsupported',
        `This server speaks worker protocol ${WORKER_PROTOCOL.min} to ${WORKER_PROTOCOL.max}.`,
      );
    const id = link.peer.id as WorkerId;
    const former = this.#workers.get(id);
    const state: WorkerState = {
      id,
      name,
      zone,
      hello,
      heardAtMs: clock.nowMs(),
      link,
      snapshot: new AgentSnapshot(),
      load: { agents: 0, queued: 0, rssBytes: 0, lagMs: 0 },
    };
    this.#workers.set(id, state);
    former?.link.close('shutting-down', 'The worker linked again.');
    const [servers, workers, partitionCount] = [[...this.#servers], this.#addressesIn(zone), PARTITION_COUNT];
    link.send({ t: 'welcome', protocol, serverId, nowMs: clock.nowMs(), partitionCount, servers, workers });
    for (const slice of slices(this.#revoked)) link.send({ t: 'revoked', agentIds: slice });
    link.send({ t: 'owns', partitions: [...this.#owned] });
    log.info({ workerId: id, name, zone }, 'a worker linked');
    void store
      .workerSeen({ id, agentAddress: hello.agentAddress, version: hello.version, linked: true })
      .catch(() => undefined);
    this.#lookNow();
    this.#tellTopology();
    if (this.#drained.has(id)) link.send({ t: 'drain', on: true });
    this.#runs.onRoutesChanged(id);
    return state;
  }

  #onFrame(worker: WorkerState, frame: WorkerToServerFrame): void {
    switch (frame.t) {
      case 'agents':
        if (!worker.snapshot.take(frame.agents, (agent) => this.#sessions.show(worker.id, agent)))
          return worker.link.close('frame-invalid', 'No worker holds so many agents.');
        if (frame.last)
          void worker.snapshot.decided().then(() => {
            if (this.#workers.get(worker.id) === worker) this.#snapshotEnded(worker);
          });
        return;
      case 'linked':
        if (this.#sessions.show(worker.id, frame)) worker.snapshot.add(frame.hostId);
        return;
      case 'unlinked': {
        this.#sessions.takeBack(worker.id, frame.agentId);
        const held = this.#agents.get(frame.hostId as HostId);
        if (held?.workerId === worker.id && held.executor.id === frame.agentId) this.#unlinked(frame.hostId as HostId);
        return;
      }
      case 'events':
        return this.#runs.onEvents(worker.id, this.#heard(worker, frame.events));
      case 'chunk':
        // In clear a worker speaks for itself alone.
        if (!isWorker(frame.executor, worker.id)) return;
        return this.#runs.onChunk(worker.id, {
          attempt: frame.a as AttemptId,
          executor: frame.executor as Executor,
          stream: frame.stream,
          seq: frame.seq,
          bytes: frame.bytes,
        });
      case 'output': {
        const output: LiveOutput = {
          attempt: frame.a as AttemptId,
          stream: frame.stream,
          offset: frame.offset,
          bytes: frame.bytes,
          skipped: frame.skipped ?? 0,
        };
        return this.#watches.heard(output, (place) => isWorker(place.executor, worker.id));
      }
      case 'said':
        return this.#said(worker, frame.agentId, frame);
      case 'ask-time': {
        const session = this.#sessions.of(frame.agentId);
        if (session?.workerId === worker.id) worker.link.send(this.#sessions.time(session, frame.nonce));
        return;
      }
      case 'data-said': {
        const asked = this.#fetched.get(frame.id);
        const said = this.#sessions.open(worker.id, frame.agentId, frame);
        if (said?.frame.t !== 'data' || !asked || asked.hostId !== said.session.hostId) return;
        const { a, stream, offset, bytes, size, eof, error } = said.frame;
        if (a !== asked.attempt || stream !== asked.stream || offset !== asked.offset) return;
        return this.#fetches.answer(worker.link, frame.id, error === undefined ? undefined : { code: error }, {
          bytes,
          size,
          eof,
        });
      }
      case 'data':
        // Over agents nothing but that there is no answer.
        if (!isWorker(this.#fetched.get(frame.id)?.executor, worker.id) && frame.error === undefined) return;
        return this.#fetches.answer(
          worker.link,
          frame.id,
          frame.error === undefined ? undefined : { code: frame.error },
          {
            bytes: frame.bytes,
            size: frame.size,
            eof: frame.eof,
          },
        );
      case 'agent-loads':
        for (const load of frame.loads)
          if (this.#agents.get(load.h as HostId)?.workerId === worker.id) this.health.heard(load);
        return;
      case 'connection-tested':
        return this.#tests.answer(worker.link, frame.id, frame.error, frame.steps ?? []);
      case 'load': {
        const { t: _type, outputBytesHeld: _held, ...figures } = frame;
        worker.load = { ...figures, heardAtMs: this.#options.clock.nowMs() };
        return;
      }
      case 'access':
      case 'secrets':
      case 'host-key':
      case 'renew':
        return this.#desk.answer(worker, frame);
    }
  }

  /** What counts of it: an agent's words under its seal, and a worker's of what it carries out itself or has not handed on. */
  #heard(worker: WorkerState, events: readonly AttemptEvent[]): HeardEvent[] {
    const heard: HeardEvent[] = [];
    for (const event of events) {
      if (event.k === 'said') {
        const said = this.#sessions.open(worker.id, event.agentId, event);
        const told = said && attemptEventOf(said.frame, said.session);
        if (told) heard.push(told);
      } else if (event.k === 'queued' || event.executor === undefined || isWorker(event.executor, worker.id))
        heard.push(event);
      else
        this.#options.log.warn(
          { workerId: worker.id, executor: event.executor, event: event.k },
          'what a worker said for an agent was passed over',
        );
    }
    return heard;
  }

  #said(worker: WorkerState, agentId: string, sealed: Sealed): void {
    const said = this.#sessions.open(worker.id, agentId, sealed);
    if (!said) return;
    const { frame, session } = said;
    const { hostId } = session;
    switch (frame.t) {
      case 'output': {
        const { a, stream, offset, bytes, skipped = 0 } = frame;
        const output = { attempt: a as AttemptId, stream, offset, bytes, skipped };
        return this.#watches.heard(output, (place) => place.executor?.kind !== 'worker' && place.hostId === hostId);
      }
      case 'chunk': {
        const { a, stream, seq, bytes } = frame;
        return this.#runs.onChunk(worker.id, {
          attempt: a as AttemptId,
          executor: agentExecutor(session.agentId),
          stream,
          seq,
          bytes,
        });
      }
      case 'facts': {
        const skewMs = frame.nowMs - this.#options.clock.nowMs();
        this.health.skewed(hostId, skewMs);
        return this.#record.facts(hostId, agentId, frame.version, {
          ...frame.facts,
          bootId: frame.bootId,
          clockSkewMs: Math.round(skewMs),
        });
      }
      case 'upgrade-state': {
        const heard = upgradeHeard(session, frame);
        if (heard) this.#upgrades.onUpgradeState(heard);
      }
    }
  }

  /** The agent itself has proved the link: from here on its host is with that worker. */
  #admitted(session: AgentSession, nonce: Uint8Array): void {
    this.health.linked(session.hostId, `${session.instance}/${session.link}`);
    this.#linked(session);
    this.#workers.get(session.workerId)?.link.send(this.#sessions.time(session, nonce));
  }

  /** Neither of two starts of an agent is given anything, until one is left or somebody decides. */
  #copied(hostId: HostId): void {
    this.health.copied(hostId);
    const held = this.#agents.get(hostId);
    const session = held && this.#sessions.of(held.executor.id);
    if (!held || !session) return;
    this.#unlinked(hostId);
    this.#workers.get(held.workerId)?.link.send({
      t: 'refused',
      hostId,
      agentId: held.executor.id,
      instance: session.instance,
      code: 'agent-copied',
      detail: 'Another start of this agent shows itself: its data folder is in use twice.',
    });
  }

  #linked(session: AgentSession): void {
    const { workerId, hostId, agentId, instance, link } = session;
    const former = this.#agents.get(hostId);
    if (former && former.executor.id !== agentId) this.#sessions.forget(former.executor.id);
    const location: AgentLocation = { workerId, executor: { kind: 'agent', id: agentId }, instance, link };
    this.#agents.set(hostId, location);
    this.#record.presence({ hostId, agentId, workerId, linked: true });
    this.#runs.onLinked(hostId, location);
    this.#watches.askAgain((place) => place.hostId === hostId && place.executor?.kind !== 'worker');
  }

  /** What a worker does not hold, it has lost: since its former link to us, or while no server was there at all. */
  #snapshotEnded(worker: WorkerState): void {
    const told = worker.snapshot.end();
    for (const [hostId, { workerId }] of this.#agents)
      if (workerId === worker.id && !told.has(hostId)) this.#unlinked(hostId);
    this.#record.reconcile(worker.id, worker.heardAtMs);
  }

  /** Whom a host's link was with is known here, and is nobody's word. */
  #unlinked(hostId: HostId): void {
    const held = this.#agents.get(hostId);
    if (!held) return;
    const { workerId } = held;
    const agentId = held.executor.id;
    this.#agents.delete(hostId);
    this.#sessions.forget(agentId);
    this.health.unlinked(hostId);
    this.#record.presence({ hostId, agentId, workerId, linked: false });
    this.#runs.onUnlinked(hostId, agentId);
  }

  readonly #lookNow = (): void => {
    this.#isStale = true;
    void this.#refresh();
  };

  /** One reading at a time, or an older answer could come after a newer one; what fails is read again in the next look. */
  async #refresh(): Promise<void> {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    try {
      while (this.#isStale && !this.#stopped) {
        this.#isStale = false;
        await this.#reload();
      }
    } catch {
      this.#isStale = true;
    } finally {
      this.#isRefreshing = false;
    }
  }

  /** What others may have changed: who is cut off, who is drained, which servers live, which hosts are reached over SSH. */
  async #reload(): Promise<void> {
    const { revoked, workers, servers, hostAccessVersion } = await this.#options.store.fleetLook();
    const known = this.#sshRoutes.version;
    const hosts = hostAccessVersion === known ? 'unchanged' : await this.#options.ssh.hosts(known);
    if (revoked.join() !== this.#revoked.join()) this.revoke(revoked);
    this.#revoked = revoked;
    this.#enrolled = new Map(workers.map((worker) => [worker.id, worker]));
    for (const { id, link } of this.#workers.values())
      if (this.refusalOf(id)) link.close('worker-revoked', 'The worker has been revoked.');
    this.#setServers(servers);
    this.#setDrained(new Set(workers.filter(({ drained }) => drained).map(({ id }) => id)));
    await this.#servedZones.look(this.#workers.values(), hosts !== 'unchanged');
    if (hosts === 'unchanged') return;
    this.#sshRoutes.replace(hosts);
    for (const { link } of this.#workers.values()) link.send({ t: 'access-changed' });
    this.#runs.onRoutesChanged();
  }

  #setServers(servers: FleetLook['servers']): void {
    if (JSON.stringify(servers) === JSON.stringify(this.#servers)) return;
    this.#servers = servers;
    this.#tellTopology();
  }

  #setDrained(drained: ReadonlySet<WorkerId>): void {
    const former = this.#drained;
    this.#drained = drained;
    const changed = [...this.#workers.values()].filter(({ id }) => former.has(id) !== drained.has(id));
    if (changed.length === 0) return;
    this.#tellTopology();
    for (const { id, link } of changed) link.send({ t: 'drain', on: drained.has(id) });
    this.#runs.onRoutesChanged();
  }

  #tellTopology(): void {
    for (const { link, zone } of this.#workers.values())
      link.send({ t: 'topology', servers: [...this.#servers], workers: this.#addressesIn(zone) });
  }

  /** Whatever was hinted: revoked, drained and moved hosts are found by time. */
  #lookByTime(): void {
    this.#cancelLook = this.#options.clock.after(
      LOOK_MS,
      () => {
        this.#lookNow();
        this.#lookByTime();
      },
      { unref: true },
    );
  }
}
