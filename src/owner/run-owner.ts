/**
 * Owns partitions and advances their runs. One `Run` per run decides; what follows is committed under the partition's
 * term, orders are sent and reports acknowledged after the commit. It finds its work in the database; hints and wakes
 * only make it sooner. Each part is a file of its own: `ownership.ts` which partitions, `run-reader.ts` and `intake.ts`
 * what is read and heard, `committer.ts` what is written, `orders.ts` what is sent.
 */
import type { Ownership as RunOwnership } from '../app/context.ts';
import { given } from '../base/given.ts';
import { attemptId, type HostId, type RunId, type WorkerId } from '../base/ids.ts';
import type { Service } from '../base/service.ts';
import { failureLimitText } from '../domain/rollout/failure-limit.ts';
import { tasksOf } from '../domain/run/plan.ts';
import type { FleetListener, HeardChunk, HeardEvent } from '../fleet/fleet.ts';
import type { AuditEntry } from '../store/contract/audit.ts';
import type { RunSeed } from '../store/contract/owner-commit.ts';
import type { NewRun, RunRecord } from '../store/contract/run.ts';
import { AccountWatch } from './account-watch.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { Committer, settleUnfit } from './committer.ts';
import { collectFirst, firstDispatch } from './commit-batch.ts';
import { faultsAfter, FAULTS_TOLD, undecidedEntry } from './faulty-runs.ts';
import { heldRunOf, newHeldRun, type HeldRun } from './held-run.ts';
import { Intake } from './intake.ts';
import type { RunOwnerOptions } from './options.ts';
import { askAfter, sendOrders } from './orders.ts';
import { OrderSpecs } from './order-specs.ts';
import { fenceOf, type OwnedPartition } from './owned-partition.ts';
import { Ownership } from './ownership.ts';
import { routeOf } from './route.ts';
import { RunMemory } from './run-memory.ts';
import { RunReader } from './run-reader.ts';
import { Timers } from './timers.ts';

/** How long a run that nobody has told of, or a cancel or retry of it, or a partition that nobody alive has, goes unseen at most. */
const LOOK_MS = 2_000;
/** A run that is over is held this long for what was told of it at the same time; then its tombstone answers. */
const LINGER_MS = 500;
/** Steps stopped at one time that are told one by one. */
const STOPS_TOLD_MAX = 20;
/** While the lease cannot be believed, nothing is decided. */
const UNTRUSTED_MS = 250;

export class RunOwner implements Service, RunOwnership, FleetListener {
  readonly name = 'run-owner';
  readonly #options: RunOwnerOptions;
  readonly #memory: RunMemory;
  readonly #ownership: Ownership;
  readonly #reader: RunReader;
  readonly #committer: Committer;
  readonly #intake: Intake;
  readonly #timers: Timers<HeldRun>;
  readonly #specs: OrderSpecs;
  readonly #accounts: AccountWatch;
  readonly #stopsListening: (() => void)[] = [];
  #stopped = true;

  constructor(options: RunOwnerOptions) {
    const memory = (this.#memory = new RunMemory(options.clock, (held) => this.#timers.delete(held)));
    this.#timers = new Timers(options.clock, (held) => this.#onDue(held));
    const advance = (partition: OwnedPartition, held: HeldRun): void => this.#advance(partition, held);
    const parts = { ...options, memory, advance };
    this.#options = options;
    this.#specs = new OrderSpecs({ ...options, ...options.specs });
    this.#accounts = new AccountWatch({
      ...parts,
      ask: (partition, held, executions) => askAfter(partition, held, executions, options.fleet),
    });
    this.#reader = new RunReader({ ...parts, admit: (partition, seed) => this.#admit(partition, seed) });
    this.#ownership = new Ownership({
      ...parts,
      lookMs: options.lookMs ?? LOOK_MS,
      found: (runs) => this.#reader.find(runs),
    });
    this.#committer = new Committer({
      ...parts,
      reread: (partition, runId) => this.#reader.load(partition, runId, true),
      letGo: (partition, held, error) => this.#letGo(partition, held, error),
      drop: (partition) => this.#ownership.drop(partition),
      giveUp: (partition, pauseMs) => this.#ownership.giveUp(partition, pauseMs),
    });
    this.#intake = new Intake({ ...parts, reader: this.#reader, chunks: this.#newChunkWriter() });
  }

  async start(): Promise<void> {
    this.#stopped = false;
    const { store } = this.#options;
    this.#stopsListening.push(
      store.listen(
        'run',
        (runId) => this.wake(runId),
        () => void this.#ownership.look(),
      ),
      store.listen(
        'hosts',
        () => this.#accounts.look(),
        () => this.#accounts.look(),
      ),
    );
    await this.#ownership.start();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const stop of this.#stopsListening.splice(0)) stop();
    this.#timers.stop();
    this.#committer.stop();
    this.#reader.stop();
    await Promise.all([this.#accounts.stop(), this.#ownership.stop()]);
  }

  owned(): readonly { id: number; term: number }[] {
    return this.#ownership.owned();
  }

  get runCount(): number {
    return this.#memory.runCount;
  }

  wake(runId: string): void {
    const partition = this.#memory.partitionOf(runId as RunId);
    if (partition) void this.#reader.load(partition, runId as RunId, true);
  }

  create(run: NewRun, audit: AuditEntry, onWritten: () => void): Promise<RunRecord> | undefined {
    const partition = this.#memory.partitionOf(run.id);
    if (!partition || !this.#options.isLeaseTrusted()) return undefined;
    return this.#create(partition, run, audit, onWritten);
  }

  /** One transaction: the run whole, and what is done first of it, that part under the partition's term. */
  async #create(partition: OwnedPartition, run: NewRun, audit: AuditEntry, onWritten: () => void): Promise<RunRecord> {
    const { store, clock, serverId } = this.#options;
    const nowMs = clock.nowMs();
    const held = newHeldRun({ ...this.#options, specs: this.#specs }, run);
    this.#decide(held);
    const first = collectFirst(held, nowMs);
    const dispatch = first && firstDispatch(first, fenceOf(partition, serverId), nowMs);
    const record = await store.runCreate(dispatch ? { ...run, dispatch } : run, audit);
    onWritten();
    const isFenced = dispatch !== undefined && record.seq !== dispatch.run.seq;
    // Ours no more, or read meanwhile by the hint: whoever holds it goes on from what is written.
    if (isFenced || !this.#memory.isOwned(partition) || partition.runs.has(run.id) || partition.loading.has(run.id))
      this.wake(run.id);
    else {
      this.#memory.hold(partition, held);
      // Hosts and workers that linked while it was written found nobody who waited for them.
      held.run.onRoutesChanged();
      if (first) this.#committer.landed(partition, first);
      else this.#advance(partition, held);
    }
    return record;
  }

  // — what is heard —

  onEvents(workerId: WorkerId, events: readonly HeardEvent[]): void {
    this.#intake.onEvents(workerId, events);
  }

  onChunk(workerId: WorkerId, chunk: HeardChunk): void {
    this.#intake.onChunk(workerId, chunk);
  }

  onLinked(hostId: HostId): void {
    this.#intake.onLinked(hostId);
  }

  onUnlinked(hostId: HostId): void {
    this.#intake.onUnlinked(hostId);
  }

  onRoutesChanged(workerId?: WorkerId): void {
    this.#intake.onRoutesChanged(workerId);
  }

  // — what follows —

  #admit(partition: OwnedPartition, seed: RunSeed): void {
    const roundAgeMs = this.#options.clock.nowMs() - seed.run.roundStartedAtMs;
    let held: HeldRun;
    try {
      held = heldRunOf({ ...this.#options, specs: this.#specs }, { ...seed.run, roundAgeMs }, seed);
    } catch (error) {
      return this.#noteFault(partition, seed.run, error);
    }
    this.#memory.hold(partition, held);
    settleUnfit(partition, held, this.#options.clock.nowMs());
    this.#advance(partition, held);
  }

  /** A fault of ours in one run does not end the server, which has others: that run is let go, and read anew with the next look. */
  #advance(partition: OwnedPartition, held: HeldRun): void {
    if (!this.#memory.isHeld(partition, held)) return;
    try {
      this.#carryOn(partition, held);
    } catch (error) {
      this.#letGo(partition, held, error);
    }
  }

  #letGo(partition: OwnedPartition, held: HeldRun, error: unknown): void {
    this.#memory.forget(partition, held);
    this.#noteFault(partition, held.run, error);
  }

  /** Met again and again it is told on the run's timeline. One that cannot be written says nothing; the log and the metrics do. */
  #noteFault(
    partition: OwnedPartition,
    { id, seq }: { readonly id: RunId; readonly seq: number },
    error: unknown,
  ): void {
    const { clock, log, onUndecided, serverId, store } = this.#options;
    const faults = faultsAfter(partition.faulty.get(id), clock.monotonicMs());
    partition.faulty.set(id, faults);
    onUndecided?.();
    log.error({ runId: id, faults: faults.count, err: error }, 'a run could not be decided on; it is read anew');
    if (faults.count !== FAULTS_TOLD) return;
    const timeline = [undecidedEntry(id, seq, clock.nowMs())];
    void store
      .ownerCommit({ fence: fenceOf(partition, serverId), executions: [], runs: [], timeline })
      .catch((failed: unknown) =>
        log.warn({ runId: id, err: failed }, 'that a run cannot be decided on could not be told'),
      );
  }

  #carryOn(partition: OwnedPartition, held: HeldRun): void {
    const { clock, isLeaseTrusted, isWatched } = this.#options;
    if (!isLeaseTrusted()) return this.#timers.set(held, clock.monotonicMs() + UNTRUSTED_MS);
    const { run } = held;
    for (const task of this.#decide(held).slice(0, STOPS_TOLD_MAX))
      held.timeline.push({ kind: 'failure-limit', atMs: clock.nowMs(), detail: stopDetail(run, task) });
    sendOrders(partition, held, this.#options, {
      isWatched: isWatched?.(run.id) ?? false,
      isMeant: () => this.#memory.isHeld(partition, held) && isLeaseTrusted(),
      onNotSent: () => this.#advance(partition, held),
    });
    // What no worker would take has come back meanwhile, and is written as well.
    if (run.hasChanges || held.late.size > 0) this.#committer.onDecided(partition, held);
    this.#timers.set(held, run.isFinished ? clock.monotonicMs() + LINGER_MS : run.dueAt);
  }

  #onDue(held: HeldRun): void {
    const partition = this.#memory.partitionOf(held.run.id);
    if (!partition || this.#stopped || !this.#memory.isHeld(partition, held)) return;
    const isOver = held.run.isFinished && held.acks.size === 0 && held.late.size === 0;
    if (isOver) this.#memory.bury(partition, held);
    else this.#advance(partition, held);
  }

  /** @returns the tasks that their rollout has stopped by it. */
  #decide({ run }: HeldRun): ReturnType<HeldRun['run']['advance']> {
    const { clock, fleet } = this.#options;
    return run.advance({ at: clock.monotonicMs(), ms: clock.nowMs() }, (execution) =>
      routeOf(execution, run.task(execution.task)!.terms.placement, fleet),
    );
  }

  #newChunkWriter(): ChunkWriter {
    const { store, fleet, log, serverId, isLeaseTrusted } = this.#options;
    return new ChunkWriter({
      log,
      write: async (waiting) => {
        const partitions = new Set(
          waiting.map(({ partition }) => partition).filter((one) => this.#memory.isOwned(one)),
        );
        if (partitions.size === 0 || !isLeaseTrusted()) return new Set();
        const fences = [...partitions].map((partition) => fenceOf(partition, serverId));
        return store.outputChunkWrite(
          fences,
          waiting.map(({ chunk }) => chunk),
        );
      },
      written: (workerId, { stream, seq, executor, ...key }) =>
        fleet.ackChunk(workerId, { attempt: attemptId(key), executor, stream, seq }),
    });
  }
}

/** Which step has stopped, and at which limits. */
function stopDetail(
  run: HeldRun['run'],
  { task, terms: { policy } }: HeldRun['run']['tasks'][number],
): Record<string, unknown> {
  const { maxFailed, batchMaxFailed } = policy;
  return given({
    step: tasksOf(run.plan).find((one) => one.task === task)?.name || undefined,
    maxFailed: maxFailed && failureLimitText(maxFailed),
    batchMaxFailed: batchMaxFailed && failureLimitText(batchMaxFailed),
  });
}
