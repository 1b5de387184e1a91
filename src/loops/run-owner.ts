/**
 * Owns partitions and advances their runs. One `Run` per run decides; this carries out: commits in batches under the
 * partition's term, sends orders after the commit, acknowledges reports after the commit. It finds its work in the database; hints
 * and wakes only make it sooner.
 *
 * When a commit fails, nobody knows whether it landed, or will: the partition is given up and taken again under another term, so that
 * nothing of before can land beside what is read and decided then. What was heard meanwhile is heard again, because nothing was acknowledged.
 */
import type { NewRunSeed, Ownership } from '../app/context.ts';
import {
  attemptId,
  attemptKeyOf,
  parseAttemptId,
  type HostId,
  type RunId,
  type ServerId,
  type WorkerId,
} from '../base/ids.ts';
import { partitionOf } from '../domain/run/partition.ts';
import { errorCodeOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Service } from '../base/service.ts';
import { isTerminalExecution } from '../domain/crew/execution-machine.ts';
import { executorKey, isSameExecutor, type Route } from '../domain/run/executor.ts';
import type { AgentLocation, FleetListener, HeardChunk, HeardEvent } from '../fleet/fleet.ts';
import type { OwnerLook } from '../store/contract/lease.ts';
import type { NotKept, RunSeed } from '../store/contract/owner-commit.ts';
import { isInstant, toldEndOf } from './attempt-report.ts';
import { isPieceOf } from './chunk-check.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { DueSoon } from './due-soon.ts';
import { collectBatch, collectFirst, type Batch } from './commit-batch.ts';
import { isWordOf } from './event-check.ts';
import { lateReportOf } from './execution-change.ts';
import { ackOf, newPartition, type Ack, type Loading, type OwnedPartition, type OwnedRun } from './owned-partition.ts';
import { ownedRunOf } from './owned-run.ts';
import { routeOf } from './route.ts';
import type { RunOwnerOptions } from './run-owner-options.ts';
import { BUSY_RETRY_MS, sendOrders } from './run-orders.ts';
import { SenderRoom } from './sender-room.ts';
import { UnknownRuns } from './unknown-runs.ts';

/** How long a run that nobody has told of, or a cancel or retry of it, or a partition that nobody alive has, goes unseen at most. */
const LOOK_MS = 2_000;
const TICK_MS = 250;
/** A finished run stays in memory this long, so that late duplicates are answered without a look into the database. */
const IDLE_MS = 15_000;
/** Runs of a partition that are read at once because of a report; more come again. */
const LOADS_MAX = 256;
const RUNNING_WAITS_MS = 30;

export class RunOwner implements Service, Ownership, FleetListener {
  readonly name = 'run-owner';
  readonly #options: RunOwnerOptions;
  readonly #partitions = new Map<number, OwnedPartition>();
  readonly #hosts = new Map<HostId, Set<OwnedRun>>();
  /** Partitions with the term under which they were last given up here: each is taken again under another. */
  readonly #givenUp = new Map<number, number>();
  readonly #progress = new Map<string, Set<() => void>>();
  /** Commits that failed one after the other, of all partitions. */
  #failures = 0;
  readonly #loadsOf = new SenderRoom(limits.runLoadsPerSenderMax);
  #stops: (() => void)[] = [];
  #stopped = true;

  readonly #unknown: UnknownRuns;
  readonly #dueSoon: DueSoon<OwnedRun>;

  constructor(options: RunOwnerOptions) {
    this.#options = options;
    this.#dueSoon = new DueSoon(options.clock, (run) => {
      const owned = this.#partitions.get(partitionOf(run.actor.id));
      if (owned?.runs.get(run.actor.id) === run) this.#advance(owned, run);
    });
    const { log, fleet, onUnknownReport } = options;
    this.#unknown = new UnknownRuns({ log, ack: (ack) => fleet.ack(ack.workerId, [ack]), onReport: onUnknownReport });
  }

  async start(): Promise<void> {
    const { store, fleet } = this.#options;
    this.#stopped = false;
    fleet.listener = this;
    this.#stops.push(
      store.listen(
        'run',
        (runId) => this.wake(runId),
        () => void this.#look(),
      ),
    );
    await this.#look();
    this.#lookLater();
  }

  /** Gives the partitions back, so that nobody has to wait for the lease to run out. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    this.#cancelLook();
    this.#cancelTick();
    await this.#looking;
    const ids = [...this.#partitions.keys()];
    this.#partitions.clear();
    await this.#options.store.partitionRelease(this.#options.serverId, ids).catch(() => undefined);
  }

  owned(): readonly { id: number; term: number }[] {
    return this.#options.isLeaseTrusted() ? [...this.#partitions.values()].map(({ id, term }) => ({ id, term })) : [];
  }

  get runCount(): number {
    return [...this.#partitions.values()].reduce((sum, owned) => sum + owned.runs.size, 0);
  }

  wake(runId: string, seed?: RunSeed): void {
    const owned = this.#partitions.get(partitionOf(runId as RunId));
    if (!owned) return;
    if (seed && !owned.runs.has(seed.run.id) && !owned.loading.has(seed.run.id)) this.#admit(owned, seed);
    else void this.#load(owned, runId as RunId, true);
  }

  plan({ run: { id, name }, spec, sealedSecrets, executions }: NewRunSeed): ReturnType<Ownership['plan']> {
    const owned = this.#partitions.get(partitionOf(id));
    if (!owned || !this.#options.isLeaseTrusted()) return undefined;
    const nowMs = this.#options.clock.nowMs();
    const run = ownedRunOf(
      this.#options,
      {
        id,
        name,
        state: 'waiting',
        round: 1,
        seq: 1,
        roundAgeMs: 0,
      },
      { spec, executions, ...(sealedSecrets ? { sealedSecrets } : {}) },
    );
    this.#decide(run);
    const batch = collectFirst(run, nowMs);
    const change = batch.runs[0]!;
    if (batch.executions.length === 0 || change.to === undefined) return undefined;
    return {
      dispatch: {
        fence: this.#fence(owned),
        run: { ...change, to: change.to },
        timeline: batch.timeline,
        dispatchedAtMs: nowMs,
        executions: batch.executions.map(({ ordinal, route }) => ({ ordinal, route: route as Route })),
      },
      written: () => {
        // Ours no more, or read meanwhile by the hint: whoever holds it goes on from what is written.
        if (this.#partitions.get(owned.id) !== owned || owned.runs.has(id) || owned.loading.has(id))
          return this.wake(id);
        this.#hold(owned, run);
        this.#landed(owned, batch, new Set());
      },
    };
  }

  /** Calls back after every commit that touched the run, here and now; the answer ends it. */
  onProgress(runId: RunId, callback: () => void): () => void {
    const callbacks = this.#progress.get(runId) ?? new Set();
    this.#progress.set(runId, callbacks);
    callbacks.add(callback);
    return () => {
      callbacks.delete(callback);
      if (callbacks.size === 0) this.#progress.delete(runId);
    };
  }

  // — ownership —

  #cancelLook = (): void => undefined;

  #lookLater(): void {
    if (this.#stopped) return;
    this.#cancelLook = this.#options.clock.after(this.#options.lookMs ?? LOOK_MS, () => {
      void this.#look();
      this.#lookLater();
    });
  }

  #isLookDue = false;
  #looking: Promise<void> | undefined;

  /** By time, whatever was hinted: what is ours, and what is asked for there. One look at a time; it is over when what it found is read. */
  async #look(): Promise<void> {
    this.#isLookDue = true;
    this.#looking ??= this.#lookWhileDue().finally(() => (this.#looking = undefined));
    await this.#looking;
    await this.#finding;
  }

  async #lookWhileDue(): Promise<void> {
    while (this.#isLookDue && !this.#stopped) {
      this.#isLookDue = false;
      try {
        const { store, serverId, isLeaseTrusted } = this.#options;
        const { partitions, runs } = isLeaseTrusted() ? await store.ownerLook(serverId) : { partitions: [], runs: [] };
        // A write under a term that was given up may be under way still, and would land beside what is decided from now on.
        const again = partitions.filter(({ id, term }) => this.#givenUp.get(id) === term);
        if (again.length > 0) {
          this.#isLookDue = true;
          await store.partitionRelease(
            serverId,
            again.map(({ id }) => id),
          );
        }
        this.#take(partitions.filter((partition) => !again.includes(partition)));
        this.#find(runs);
      } catch (error) {
        this.#options.log.warn({ err: error }, 'partitions and runs could not be looked for; they will be in a moment');
      }
    }
  }

  #take(now: OwnerLook['partitions']): void {
    const before = this.#partitions.size;
    const terms = new Map(now.map(({ id, term }) => [id, term]));
    for (const [id, owned] of this.#partitions) if (terms.get(id) !== owned.term) this.#drop(owned);
    const gained = now.filter(({ id }) => !this.#partitions.has(id));
    for (const { id, term } of gained) this.#partitions.set(id, newPartition(id, term, this.#chunkWriter(id, term)));
    if (gained.length > 0) this.#options.log.info({ partitions: gained.map(({ id }) => id) }, 'partitions taken over');
    // Workers that link later are told by the fleet; those that are there know what has not changed.
    if (gained.length > 0 || now.length !== before) this.#options.fleet.announceOwned(now);
  }

  #found: OwnerLook['runs'] | undefined;
  #finding: Promise<void> | undefined;

  /** Reads what is asked for and not under way here. A newer list takes the place of one that waits: reading much keeps nobody from looking. */
  #find(runs: OwnerLook['runs']): void {
    this.#found = runs;
    this.#finding ??= this.#readFound().finally(() => (this.#finding = undefined));
  }

  async #readFound(): Promise<void> {
    for (let runs = this.#found; runs && !this.#stopped; runs = this.#found) {
      this.#found = undefined;
      for (const asked of runs) {
        const owned = this.#partitions.get(partitionOf(asked.id));
        const known = owned?.runs.get(asked.id)?.actor;
        const isUnderWay =
          known?.round === asked.round && (!asked.isCancelRequested || known.cancelRequestedBy !== undefined);
        if (owned && !isUnderWay) await this.#load(owned, asked.id, true);
      }
    }
  }

  #chunkWriter(partition: number, term: number): ChunkWriter {
    const { store, fleet, log, serverId, isLeaseTrusted } = this.#options;
    const fence = { partition, term, serverId };
    return new ChunkWriter({
      log,
      write: async (chunks) => (isLeaseTrusted() ? store.outputChunkWrite(fence, chunks) : 'fenced'),
      written: (workerId, { stream, seq, executor, ...key }) =>
        fleet.ackChunk(workerId, { attempt: attemptId(key), executor, stream, seq }),
    });
  }

  #drop(owned: OwnedPartition): void {
    if (this.#partitions.get(owned.id) === owned) this.#partitions.delete(owned.id);
    this.#givenUp.set(owned.id, owned.term);
    for (const run of owned.runs.values()) this.#forgetHosts(run);
    owned.runs.clear();
    this.#options.log.info({ partition: owned.id, term: owned.term }, 'a partition is no longer ours');
  }

  /** Reads a run, or reads it again when somebody else changed it (cancel, retry); one read at a time. True: certainly there is none. */
  #load(owned: OwnedPartition, runId: RunId, again: boolean): Promise<boolean> {
    const loading = owned.loading.get(runId);
    if (loading) {
      // What is under way may have read what was there before the change.
      loading.again ||= again;
      return loading.done;
    }
    const known = owned.runs.get(runId);
    if (known && !again) return Promise.resolve(false);
    const done = this.#read(owned, runId, known)
      .catch((error: unknown) => {
        this.#options.log.warn({ runId, err: error }, 'a run could not be read; it will be again');
        return false;
      })
      .then((isAbsent) => {
        owned.loading.delete(runId);
        return work.again ? this.#load(owned, runId, true) : isAbsent;
      });
    const work: Loading = { done, again: false };
    owned.loading.set(runId, work);
    return done;
  }

  async #read(owned: OwnedPartition, runId: RunId, known: OwnedRun | undefined): Promise<boolean> {
    const { store, isLeaseTrusted } = this.#options;
    if (known && !known.actor.isFinished) {
      const run = await store.runFetch(runId, 'own');
      if (run?.cancelRequestedAtMs !== undefined) known.actor.cancel(run.cancelRequestedBy ?? '');
      if (run?.round === known.actor.round) {
        this.#advance(owned, known);
        return false;
      }
    }
    const seed = await store.runSeed(runId);
    if (this.#partitions.get(owned.id) !== owned) return false;
    if (!seed) return isLeaseTrusted();
    if (known) this.#forgetHosts(known);
    this.#admit(owned, seed);
    return false;
  }

  #admit(owned: OwnedPartition, seed: RunSeed): void {
    const roundAgeMs = this.#options.clock.nowMs() - seed.run.roundStartedAtMs;
    const run = ownedRunOf(this.#options, { ...seed.run, roundAgeMs }, seed);
    this.#hold(owned, run);
    this.#advance(owned, run);
  }

  #hold(owned: OwnedPartition, run: OwnedRun): void {
    owned.runs.set(run.actor.id, run);
    this.#tickLater();
    for (const execution of run.actor.crew.executions) {
      if (isTerminalExecution(execution.state)) continue;
      const runs = this.#hosts.get(execution.hostId);
      if (runs) runs.add(run);
      else this.#hosts.set(execution.hostId, new Set([run]));
    }
  }

  #forgetHosts(run: OwnedRun): void {
    for (const { hostId } of run.actor.crew.executions) {
      const runs = this.#hosts.get(hostId);
      if (runs?.delete(run) && runs.size === 0) this.#hosts.delete(hostId);
    }
  }

  // — what is heard —

  onLinked(hostId: HostId, _location: AgentLocation): void {
    for (const run of this.#hosts.get(hostId) ?? []) {
      run.actor.crew.onLinked(hostId);
      this.#dueSoon.add(run);
    }
  }

  onUnlinked(hostId: HostId): void {
    for (const run of this.#hosts.get(hostId) ?? [])
      run.actor.crew.onUnlinked(hostId, this.#options.clock.monotonicMs());
  }

  onRoutesChanged(workerId?: WorkerId): void {
    for (const owned of this.#partitions.values()) {
      for (const run of owned.runs.values()) {
        if (run.actor.isFinished) continue;
        run.actor.crew.onRoutesChanged(workerId);
        this.#dueSoon.add(run);
      }
    }
  }

  onEvents(workerId: WorkerId, events: readonly HeardEvent[]): void {
    const touched = new Map<OwnedRun, OwnedPartition>();
    for (const event of events) {
      const key = parseAttemptId(event.k === 'report' ? event.report.a : event.a);
      const owned = key && this.#partitions.get(partitionOf(key.runId));
      if (!key || !owned) continue;
      const run = owned.runs.get(key.runId);
      if (run) {
        this.#onEvent(run, workerId, key, event);
        touched.set(run, owned);
      } else if (event.k === 'report') {
        const ack = ackOf(workerId, event);
        this.#lookFor(owned, key.runId, ack, () => this.onEvents(workerId, [event]));
      }
    }
    for (const [run, owned] of touched) this.#advance(owned, run);
  }

  /** A run that left memory, or never was: it is read, and what was told of it is heard again, or let go. More than are read at once come again. */
  #lookFor(owned: OwnedPartition, runId: RunId, ack: Ack, onFound: () => void): void {
    if (owned.loading.size >= LOADS_MAX || !this.#loadsOf.enter(executorKey(ack.executor))) return;
    void this.#load(owned, runId, false)
      .then((isAbsent) => {
        if (owned.runs.has(runId)) onFound();
        else if (isAbsent) this.#unknown.release(runId, ack);
      })
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'a report could not be carried out'))
      .finally(() => this.#loadsOf.leave(executorKey(ack.executor)));
  }

  /** Not of this run as we know it: perhaps we are behind, or its database is older than the attempt. */
  #lookForAttempt(runId: RunId, key: { task: number; ordinal: number; attempt: number }, ack: Ack): void {
    const owned = this.#partitions.get(partitionOf(runId));
    if (!owned || !this.#loadsOf.enter(executorKey(ack.executor))) return;
    const { store, isLeaseTrusted } = this.#options;
    const isOurs = (): boolean => isLeaseTrusted() && this.#partitions.get(owned.id) === owned;
    const looking = { seed: () => store.runSeed(runId), isOurs, isKnown: () => this.wake(runId) };
    void this.#unknown.lookFor(runId, key, ack, looking).finally(() => this.#loadsOf.leave(executorKey(ack.executor)));
  }

  #onEvent(
    run: OwnedRun,
    workerId: WorkerId,
    key: { task: number; ordinal: number; attempt: number },
    event: HeardEvent,
  ): void {
    const { clock, log } = this.#options;
    const { actor } = run;
    const execution = actor.crew.at(key.task, key.ordinal);
    if (event.k === 'report' && (!execution || key.attempt > execution.attempt))
      return this.#lookForAttempt(actor.id, key, ackOf(workerId, event));
    if (!execution || !isWordOf(execution, key.attempt, workerId, event, this.#options.fleet)) return;
    // A count of orders means something only with the server that counts: another's may have reached the same number.
    if ('server' in event && event.server !== undefined && event.server !== this.#options.serverId) return;
    switch (event.k) {
      case 'accepted':
        return actor.crew.onAccepted(execution, key.attempt);
      case 'started':
        return isInstant(event.atMs)
          ? actor.crew.onStarted(execution, key.attempt, event.atMs, clock.monotonicMs())
          : undefined;
      case 'unknown':
        return actor.crew.onUnknown(execution, key.attempt, clock.nowMs(), event.instance);
      case 'queued':
        return actor.crew.onQueued(execution, key.attempt);
      case 'undelivered':
        // An agent itself can say that it has not taken an order; a worker says no more than that it has not handed one on.
        return event.executor?.kind === 'agent' && isSameExecutor(event.executor, execution.route?.executor)
          ? actor.crew.onBusy(execution, key.attempt, clock.monotonicMs(), BUSY_RETRY_MS, event.instance)
          : actor.crew.onUndelivered(execution, key.attempt, clock.monotonicMs(), BUSY_RETRY_MS);
      case 'report': {
        const ack = ackOf(workerId, event);
        const told = toldEndOf(event.report);
        if (!told)
          log.warn({ attempt: ack.attempt }, 'a report cannot be understood; if its attempt is not over, it is lost');
        const answer = told
          ? actor.crew.onResult(execution, key.attempt, told, clock.monotonicMs())
          : actor.crew.onNotKept(execution, key.attempt, clock.nowMs());
        if (answer === 'settled') this.#options.fleet.ack(workerId, [ack]);
        else if (answer === 'taken') run.acks.push(ack);
        // More than a commit takes is left to come again.
        else if (answer === 'superseded' && run.late.length < limits.commitBatchMax) {
          run.late.push(lateReportOf({ runId: actor.id, ...key }, ack.executor, told!, clock.nowMs()));
          run.acks.push(ack);
        }
      }
    }
  }

  onChunk(workerId: WorkerId, { attempt, executor, ...piece }: HeardChunk): void {
    const key = attemptKeyOf(attempt);
    const owned = this.#partitions.get(partitionOf(key.runId));
    const run = owned?.runs.get(key.runId);
    const execution = run?.actor.crew.at(key.task, key.ordinal);
    // A run that left memory is asked of the store with the chunk; so is an attempt that a newer one has superseded.
    if (!owned || (run && !execution)) return;
    // Its report would come after all of its pieces: where nobody wants those, it is let go at once.
    if (!run && piece.seq === 0) this.#lookFor(owned, key.runId, { workerId, attempt, executor }, () => undefined);
    const told = { workerId, executor, ...key, ...piece };
    if (run && execution && !isPieceOf(run.actor.spec.policy, execution, told, this.#options.fleet)) return;
    owned.chunks.push(workerId, { ...key, ...piece, executor });
  }

  // — what follows —

  #isTicking = false;
  #cancelTick = (): void => undefined;

  /** For as long as there is a run in memory: with none, nothing here wakes this machine. */
  #tickLater(): void {
    if (this.#isTicking || this.#stopped) return;
    this.#isTicking = true;
    this.#cancelTick = this.#options.clock.after(this.#options.tickMs ?? TICK_MS, () => {
      this.#isTicking = false;
      this.#tick();
      if (this.runCount > 0) this.#tickLater();
    });
  }

  #tick(): void {
    const now = this.#options.clock.monotonicMs();
    for (const owned of this.#partitions.values()) {
      for (const [runId, run] of owned.runs) {
        if (!run.actor.isFinished) run.idleSince = now;
        else if (now - run.idleSince > IDLE_MS) {
          this.#forgetHosts(run);
          owned.runs.delete(runId);
          continue;
        }
        this.#advance(owned, run);
      }
    }
  }

  #advance(owned: OwnedPartition, run: OwnedRun): void {
    if (!this.#options.isLeaseTrusted() || this.#partitions.get(owned.id) !== owned) return;
    const { clock } = this.#options;
    const wasExceeded = run.actor.limitExceeded;
    this.#decide(run);
    if (!wasExceeded && run.actor.limitExceeded)
      run.timeline.push({
        kind: 'failure-limit',
        atMs: clock.nowMs(),
        detail: { maxFailed: run.actor.spec.policy.maxFailed },
      });
    if (run.actor.crew.changeCount > 0 || run.late.length > 0) {
      owned.dirty.add(run.actor.id);
      if (owned.committing) return this.#sendOrders(owned, run);
      if (run.actor.crew.hasUrgentChanges) void this.#commit(owned);
      else this.#commitSoon(owned);
    }
    this.#sendOrders(owned, run);
  }

  #decide({ actor }: OwnedRun): void {
    const { clock, fleet } = this.#options;
    actor.advance({ at: clock.monotonicMs(), ms: clock.nowMs() }, (execution) =>
      routeOf(execution, actor.spec.placement, fleet),
    );
  }

  #sendOrders(owned: OwnedPartition, run: OwnedRun): void {
    sendOrders(owned, run, this.#options, this.isWatched(run.actor.id));
  }

  /** Set by the event hub: output of a watched run is live from its first byte. */
  isWatched: (runId: RunId) => boolean = () => false;

  #fence(owned: OwnedPartition): { partition: number; term: number; serverId: ServerId } {
    return { partition: owned.id, term: owned.term, serverId: this.#options.serverId };
  }

  /** A short script's start and end become one write: its start alone waits a little for company. */
  #commitSoon(owned: OwnedPartition): void {
    if (owned.commitScheduled) return;
    owned.commitScheduled = true;
    this.#options.clock.after(RUNNING_WAITS_MS, () => {
      owned.commitScheduled = false;
      if (!owned.committing) void this.#commit(owned);
    });
  }

  /** One commit in flight per partition; what is decided meanwhile goes with the next. */
  async #commit(owned: OwnedPartition): Promise<void> {
    owned.committing = true;
    while (owned.dirty.size > 0 && !this.#stopped && this.#partitions.get(owned.id) === owned) {
      const batch = collectBatch(owned, this.#options.clock.nowMs());
      if (batch.parts.length === 0) break;
      const began = this.#options.clock.monotonicMs();
      try {
        if (!this.#options.isLeaseTrusted()) break;
        const result = await this.#options.store.ownerCommit({
          fence: this.#fence(owned),
          executions: batch.executions,
          runs: batch.runs,
          timeline: batch.timeline,
          lateReports: batch.lateReports,
        });
        this.#failures = 0;
        if (result.kind === 'fenced') {
          this.#drop(owned);
          break;
        }
        this.#options.onCommitted?.({
          executions: batch.executions.length,
          durationMs: this.#options.clock.monotonicMs() - began,
          outcomes: batch.executions.map((change) => change.to),
        });
        for (const item of result.notKept)
          this.#options.log.warn(item, 'a report cannot be kept; if its attempt is not over, it is lost');
        this.#landed(owned, batch, new Set(result.stale), result.notKept);
      } catch (error) {
        this.#failed(owned, error);
      }
    }
    owned.committing = false;
  }

  #landed(owned: OwnedPartition, batch: Batch, stale: ReadonlySet<RunId>, notKept: readonly NotKept[] = []): void {
    const acks: Ack[] = [];
    const unfit = Map.groupBy(notKept, (item) => item.runId);
    for (const { run, write, acks: own } of batch.parts) {
      const { actor } = run;
      if (stale.has(actor.id)) {
        // Our view was behind: read again; what was heard comes again.
        this.#forgetHosts(run);
        owned.runs.delete(actor.id);
        owned.dirty.delete(actor.id);
        const items = unfit.get(actor.id) ?? [];
        acks.push(...own.filter((ack) => items.some((item) => attemptId(item) === ack.attempt)));
        void this.#load(owned, actor.id, true).then(() => this.#settleUnfit(owned, items));
        continue;
      }
      run.firstStart &&= !write.states.includes('dispatched');
      actor.landed(write);
      // A report is acknowledged when its execution is committed as ended; those still in line wait with their acks.
      for (const ack of own) {
        const key = attemptKeyOf(ack.attempt);
        const execution = actor.crew.at(key.task, key.ordinal)!;
        // A late report settles a loss that is written already: that is not yet the report.
        if (
          execution.attempt > key.attempt ||
          (isTerminalExecution(execution.dbState) && execution.dbState === execution.state)
        )
          acks.push(ack);
        else run.acks.push(ack);
      }
      if (actor.crew.changeCount === 0 && run.late.length === 0) owned.dirty.delete(actor.id);
      this.#options.store.notify('progress', actor.id);
      for (const callback of this.#progress.get(actor.id) ?? []) callback();
      // A retry may have put another in its place while this was being written.
      if (owned.runs.get(actor.id) === run) this.#advance(owned, run);
    }
    for (const [workerId, list] of Map.groupBy(acks, (ack) => ack.workerId)) this.#options.fleet.ack(workerId, list);
  }

  /** What no column holds is never written, however often it is told: the attempts are lost, and the others of the run go on. */
  #settleUnfit(owned: OwnedPartition, items: readonly NotKept[]): void {
    for (const item of items) {
      const run = owned.runs.get(item.runId);
      const execution = run?.actor.crew.at(item.task, item.ordinal);
      if (!run || !execution) continue;
      run.actor.crew.onNotKept(execution, item.attempt, this.#options.clock.nowMs());
      this.#advance(owned, run);
    }
  }

  /** Whether it landed is unknown, and it may yet: what is read under this term could change behind our back. */
  #failed(owned: OwnedPartition, error: unknown): void {
    this.#options.log.warn({ partition: owned.id, err: error }, 'a commit failed; the partition is taken anew');
    this.#drop(owned);
    const pauseMs = ['database-unavailable', 'database-full'].includes(errorCodeOf(error))
      ? Math.min(2_000, 100 * 2 ** this.#failures++)
      : 1_000;
    this.#options.clock.after(pauseMs, () => void this.#look(), { unref: true });
  }
}
