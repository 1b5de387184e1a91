/**
 * The driver of processes on this host. Main path of an attempt: accept (journal, synced) → plan → launch (supervised) → look
 * (one sweep for all) → end → scrub → describe → journal → finished; and forget once the server has committed.
 *
 * Whatever is killed: before the accept is on disk nothing ran; after it, recover() finds the process by the files and marks it
 * left, or knows that it never began. Background processes that a script leaves behind on purpose are left alone when
 * it ends by itself; on cancel and time-out nothing of its tree survives.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../base/assert.ts';
import { pause, type Clock } from '../../base/clock.ts';
import { DroverError, type ErrorCode } from '../../base/errors.ts';
import type { AttemptId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { AgentReport, ExecutionSpec } from '../../protocol/link/agent-v1.ts';
import type { AttemptStart, Driver, DriverAttemptState, DriverEvents, StartAnswer } from '../../ledger/driver.ts';
import { findAccount, findProgram, lackOf, ownAccount, unreachableParent } from './account.ts';
import { EndRecorder, type Outcome } from '../../ledger/end-record.ts';
import { Journal, type JournalEntry, type ProcessIdentity } from '../../ledger/journal.ts';
import { LiveTail } from '../../ledger/live-tail.ts';
import { SharedMasks } from '../../ledger/mask.ts';
import { isRefusal, planProcess, type Account } from './plan.ts';
import { platformOfHost } from './platform-of-host.ts';
import { attemptMarker, type Platform } from './platform.ts';
import { leaderOfStopped, releaseSupervisor, RunningAttempt } from './running.ts';
import { SpecVault } from '../../ledger/spec-vault.ts';
import { Spool } from './spool.ts';

/** Short scripts are over before a group is worth its price. */
const ADOPT_AFTER_MS = 400;
const PRUNE_EVERY_MS = 10 * 60_000;

export interface ProcessDriverOptions {
  /** That of this host, unless given. */
  readonly platform?: Platform;
  readonly dataDir: string;
  readonly hostName: string;
  readonly hostId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly concurrent?: number;
  /** For tests of hosts without control groups. */
  readonly useCgroups?: boolean;
  readonly spoolBytesMax?: number;
  readonly spoolFreeBytesMin?: number;
  /** Soft limit of core files for what is started, as `ulimit -S -c` takes it; ours, unless given. */
  readonly coreLimit?: string | undefined;
}

export interface ProcessDriver extends Driver {
  load(): { running: number; unreported: number };
  freeSpoolBytes(): Promise<number>;
}

export function createProcessDriver(options: ProcessDriverOptions): ProcessDriver {
  return new ProcessDriverService(options);
}

class ProcessDriverService implements ProcessDriver {
  readonly name = 'process-driver';
  events: DriverEvents = { accepted() {}, started() {}, output() {}, finished() {} };
  readonly #options: ProcessDriverOptions;
  readonly #platform: Platform;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #journal: Journal;
  readonly #spool: Spool;
  readonly #running = new Map<string, RunningAttempt>();
  readonly #waiting: string[] = [];
  /** Starts that are being journaled: neither known for good nor unknown. */
  readonly #accepting = new Map<string, Promise<StartAnswer>>();
  readonly #specs = new Map<string, ExecutionSpec>();
  readonly #cancelled = new Set<string>();
  readonly #watched = new Set<string>();
  readonly #tails = new Map<string, LiveTail>();
  readonly #masks = new SharedMasks();
  readonly #ends: EndRecorder;
  #vault: SpecVault | undefined;
  #bootId = '';
  #cgroupBase: string | undefined;
  #cancelSweep: (() => void) | undefined;
  #sweepAt = 0;
  #cancelPrune: (() => void) | undefined;
  #stopped = true;

  constructor(options: ProcessDriverOptions) {
    this.#options = options;
    this.#platform = options.platform ?? platformOfHost();
    this.#clock = options.clock;
    this.#log = options.log;
    try {
      mkdirSync(options.dataDir, { recursive: true, mode: 0o711 });
      this.#spool = new Spool(join(options.dataDir, 'spool'));
    } catch (error) {
      throw new DroverError('spool-unwritable', {
        detail: `The data folder ${options.dataDir} cannot be written: ${(error as Error).message}`,
        cause: error,
      });
    }
    this.#journal = new Journal(join(options.dataDir, 'journal'), { tombstoneKeptMs: limits.tombstoneKeptMs });
    this.#ends = new EndRecorder({
      masks: this.#masks,
      journal: this.#journal,
      spool: this.#spool,
      clock: options.clock,
      log: options.log,
    });
  }

  async start(): Promise<void> {
    this.#vault = new SpecVault(join(this.#options.dataDir, 'journal.key'));
    this.#bootId = this.#platform.bootId();
    this.#cgroupBase = this.#options.useCgroups === false ? undefined : this.#platform.groupBase();
    await this.#journal.open(this.#clock.nowMs());
    this.#stopped = false;
    for (const [attempt, entry] of this.#journal.entries) {
      if (!entry.report) await this.#recover(attempt as AttemptId, entry);
      // Our predecessor may have been killed right after it had recorded the end.
      else if (entry.started?.bootId === this.#bootId)
        releaseSupervisor(this.#platform, attempt, entry.started.supervisorPid);
    }
    this.#schedulePrune();
    this.#scheduleSweep(0);
  }

  /** Children go on; the next start finds them. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelSweep?.();
    this.#cancelPrune?.();
    await Promise.allSettled(this.#accepting.values());
    await this.#ends.stop();
    await this.#journal.close();
  }

  /** Rejects with `spool-full` or `spool-unwritable` when the journal cannot take it: then nothing is known of it and nothing ran. */
  async startAttempt(attempt: AttemptId, spec: ExecutionSpec): Promise<StartAnswer> {
    if (this.#journal.tombstones.has(attempt)) return 'settled';
    if (this.#journal.entries.has(attempt)) return 'accepted';
    // A duplicate is as good as the first: it is answered when, and as, that one is.
    const same = this.#accepting.get(attempt);
    if (same) return same;
    if (this.#journal.entries.size + this.#accepting.size >= limits.executionsPerAgentMax) return 'busy';
    const work = this.#accept(attempt, spec).finally(() => this.#accepting.delete(attempt));
    this.#accepting.set(attempt, work);
    return work;
  }

  async #accept(attempt: AttemptId, spec: ExecutionSpec): Promise<StartAnswer> {
    try {
      await this.#journal.append({
        k: 'accepted',
        a: attempt,
        atMs: this.#clock.nowMs(),
        bootId: this.#bootId,
        ...this.#vault!.put(attempt, spec),
      });
    } catch (error) {
      this.#cancelled.delete(attempt);
      throw error;
    }
    this.#specs.set(attempt, spec);
    this.events.accepted(attempt);
    if (this.#cancelled.has(attempt)) this.#settleUnbegun(attempt);
    else {
      this.#waiting.push(attempt);
      this.#launchWaiting();
    }
    return 'accepted';
  }

  #settleUnbegun(attempt: AttemptId): void {
    this.#settle(attempt, { outcome: 'cancelled', reason: 'cancelled-by-user', detail: 'Cancelled before it began.' });
  }

  cancel(attempt: AttemptId): boolean {
    if (!this.#journal.entries.has(attempt) && !this.#accepting.has(attempt)) return false;
    this.#cancelled.add(attempt);
    const running = this.#running.get(attempt);
    if (running) {
      running.beginKill('cancelled', this.#clock.monotonicMs());
      running.nextLookAt = 0;
      this.#scheduleSweep(0);
    } else {
      const at = this.#waiting.indexOf(attempt);
      if (at >= 0) {
        this.#waiting.splice(at, 1);
        this.#settleUnbegun(attempt);
      }
    }
    return true;
  }

  watch(attempt: AttemptId, on: boolean): void {
    if (!on) {
      this.#watched.delete(attempt);
      this.#tails.delete(attempt);
      return;
    }
    this.#watched.add(attempt);
    const running = this.#running.get(attempt);
    if (running) this.#tail(running);
  }

  stateOf(attempt: AttemptId): DriverAttemptState | 'settled' | undefined {
    const entry = this.#journal.entries.get(attempt);
    if (entry) return entry.report ? 'finished' : this.#running.has(attempt) ? 'running' : 'accepted';
    if (this.#accepting.has(attempt)) return 'accepted';
    return this.#journal.tombstones.has(attempt) ? 'settled' : undefined;
  }

  startOf(attempt: AttemptId): AttemptStart | undefined {
    const process = this.#running.get(attempt)?.identity;
    return process && { pid: process.pid, atMs: process.startedAtMs };
  }

  list(): readonly { attempt: AttemptId; state: DriverAttemptState }[] {
    return [...this.#journal.entries.keys()].map((attempt) => ({
      attempt: attempt as AttemptId,
      state: this.stateOf(attempt as AttemptId) as DriverAttemptState,
    }));
  }

  async report(attempt: AttemptId): Promise<AgentReport | undefined> {
    return this.#journal.entries.get(attempt)?.report;
  }

  async readKept(attempt: AttemptId, stream: 1 | 2, offset: number, length: number): Promise<Uint8Array> {
    const report = this.#journal.entries.get(attempt)?.report;
    if (!report) return new Uint8Array(0);
    return this.#spool.readKept(attempt, stream, stream === 1 ? report.stdout : report.stderr, offset, length);
  }

  async readWhole(
    attempt: AttemptId,
    stream: 1 | 2,
    offset: number,
    length: number,
  ): Promise<{ bytes: Uint8Array; size: number; eof: boolean } | undefined> {
    const entry = this.#journal.entries.get(attempt);
    // Until it is scrubbed, a running attempt's spool may hold secrets in clear; live output is the way to see it.
    if (entry && !entry.report) return undefined;
    const range = await this.#spool.read(attempt, stream, offset, length);
    return range && { ...range, eof: offset + range.bytes.length >= range.size };
  }

  async forget(attempts: readonly AttemptId[]): Promise<void> {
    const settled = attempts.filter((attempt) => this.#journal.entries.get(attempt)?.report);
    for (const attempt of settled) {
      this.#specs.delete(attempt);
      this.#cancelled.delete(attempt);
      this.#watched.delete(attempt);
    }
    await Promise.all(settled.map((a) => this.#journal.append({ k: 'settled', a, atMs: this.#clock.nowMs() })));
  }

  load(): { running: number; unreported: number } {
    return { running: this.#running.size, unreported: this.#journal.entries.size };
  }

  freeSpoolBytes(): Promise<number> {
    return this.#spool.freeBytes();
  }

  // — starting —

  #launchWaiting(): void {
    const concurrent = this.#options.concurrent ?? limits.executionsPerAgentConcurrent;
    while (this.#running.size < concurrent && !this.#stopped) {
      const attempt = this.#waiting.shift();
      if (attempt === undefined) return;
      this.#launch(attempt as AttemptId);
    }
  }

  #launch(attempt: AttemptId): void {
    const spec = this.#specs.get(attempt);
    assert(spec !== undefined, `no spec of the accepted attempt ${attempt}`);
    const refusal = this.#tryLaunch(attempt, spec);
    if (refusal) this.#settle(attempt, { outcome: 'refused', reason: refusal.refused, detail: refusal.detail });
  }

  #tryLaunch(attempt: AttemptId, spec: ExecutionSpec): { refused: ErrorCode; detail: string } | undefined {
    const account = spec.user === undefined ? ownAccount() : findAccount(spec.user);
    if (!account) return { refused: 'user-unknown', detail: `This host has no user ${JSON.stringify(spec.user)}.` };
    const scriptPath = this.#spool.file(attempt, 'script');
    const plan = planProcess(spec, {
      attemptId: attempt,
      hostName: this.#options.hostName,
      hostId: this.#options.hostId,
      scriptPath,
      account,
      agentUid: process.getuid?.() ?? 0,
      agentEnvironment: process.env,
      findProgram,
      lackOf,
      family: this.#platform.family,
    });
    if (isRefusal(plan)) return plan;
    if (!existsSync(plan.cwd)) {
      if (spec.cwd !== undefined)
        return { refused: 'directory-missing', detail: `There is no folder ${spec.cwd} on this host.` };
    }
    const streams = this.#prepareSpool(attempt, spec, account);
    if (isRefusal(streams)) return streams;
    try {
      const blocked =
        spec.script && account.uid !== process.getuid?.() ? unreachableParent(scriptPath, account) : undefined;
      if (blocked)
        return {
          refused: 'script-unreachable',
          detail: `${account.name} may not pass ${blocked}; move the agent's data folder (--data) to a place that everybody may pass.`,
        };
      this.#spawn(attempt, spec, { ...plan, cwd: existsSync(plan.cwd) ? plan.cwd : '/' }, streams);
      return undefined;
    } catch (error) {
      const missing =
        (error as NodeJS.ErrnoException).code === 'ENOTDIR' || (error as NodeJS.ErrnoException).code === 'EACCES';
      return missing
        ? { refused: 'directory-missing', detail: `The folder ${plan.cwd} cannot be entered.` }
        : { refused: 'spawn-failed', detail: (error as Error).message };
    } finally {
      Spool.closeAll(streams);
    }
  }

  #prepareSpool(
    attempt: AttemptId,
    spec: ExecutionSpec,
    account: Account,
  ): ReturnType<Spool['prepare']> | { refused: ErrorCode; detail: string } {
    try {
      const streams = this.#spool.prepare(attempt, spec, account);
      const least = this.#options.spoolFreeBytesMin ?? limits.spoolFreeBytesMin;
      // Looked at only while something runs: what it was then may be long past.
      if (this.#freeBytes < least) this.#freeBytes = this.#spool.freeBytesNow();
      if (this.#freeBytes < least) {
        Spool.closeAll(streams);
        return {
          refused: 'spool-full',
          detail: `Only ${this.#freeBytes} bytes are free in ${this.#options.dataDir}; the agent wants ${least}.`,
        };
      }
      return streams;
    } catch (error) {
      const full = (error as NodeJS.ErrnoException).code === 'ENOSPC';
      return {
        refused: full ? 'spool-full' : 'spool-unwritable',
        detail: `The spool of ${attempt} cannot be written: ${(error as Error).message}`,
      };
    }
  }

  /** Refreshed by the sweep's slow path and at start; one statfs per second, not per execution. */
  #freeBytes = Number.MAX_SAFE_INTEGER;
  #freeLookAt = 0;

  #spawn(
    attempt: AttemptId,
    spec: ExecutionSpec,
    plan: { argv: readonly string[]; env: Readonly<Record<string, string>>; cwd: string },
    streams: ReturnType<Spool['prepare']>,
  ): void {
    const child = this.#platform.launch({
      folder: this.#spool.folder(attempt),
      argv: plan.argv,
      env: plan.env,
      cwd: plan.cwd,
      stdio: streams,
      coreLimit: this.#options.coreLimit,
    });
    const now = this.#clock.monotonicMs();
    if (child.pid === undefined) {
      child.once('error', (error) =>
        this.#settle(attempt, { outcome: 'refused', reason: 'spawn-failed', detail: error.message }),
      );
      return;
    }
    const running = new RunningAttempt({
      platform: this.#platform,
      attempt,
      spec,
      folder: this.#spool.folder(attempt),
      cgroup: undefined,
      supervisorPid: child.pid,
      child,
      deadlineAt: now + spec.timeoutMs,
    });
    this.#follow(running, now);
  }

  #follow(running: RunningAttempt, now: number): void {
    running.firstLookAt = now;
    running.nextLookAt = now + limits.sweepMsMin;
    running.nextSizeLookAt = now + 1_000;
    this.#running.set(running.attempt, running);
    if (this.#watched.has(running.attempt)) this.#tail(running);
    if (this.#cancelled.has(running.attempt)) running.beginKill('cancelled', now);
    this.#scheduleSweep(limits.sweepMsMin);
  }

  #cgroupOf(attempt: string): string | undefined {
    return this.#cgroupBase === undefined ? undefined : `${this.#cgroupBase}/drover-${attempt}`;
  }

  // — looking —

  #scheduleSweep(delayMs: number): void {
    const at = this.#clock.monotonicMs() + delayMs;
    if (this.#stopped || (this.#cancelSweep && this.#sweepAt <= at)) return;
    this.#cancelSweep?.();
    this.#sweepAt = at;
    this.#cancelSweep = this.#clock.after(delayMs, () => {
      this.#cancelSweep = undefined;
      this.#sweep();
    });
  }

  #sweep(): void {
    const now = this.#clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const running of this.#running.values()) {
      if (running.nextLookAt <= now) this.#look(running, now);
      if (this.#running.has(running.attempt)) next = Math.min(next, running.nextLookAt);
    }
    for (const tail of this.#tails.values()) next = Math.min(next, tail.pump(now));
    if (now >= this.#freeLookAt) {
      this.#freeLookAt = now + 1_000;
      void this.#spool.freeBytes().then(
        (free) => {
          this.#freeBytes = free;
        },
        () => undefined,
      );
    }
    if (next !== Number.POSITIVE_INFINITY) this.#scheduleSweep(Math.max(limits.sweepMsMin, next - now));
  }

  #look(running: RunningAttempt, now: number): void {
    if (!running.identity) this.#identify(running);
    const ending = running.look();
    if (!running.isKilling && ending === undefined && running.isDue(now)) running.beginKill('timed_out', now);
    if (now >= running.nextSizeLookAt) this.#lookAtSize(running, now);
    if (now - running.firstLookAt > ADOPT_AFTER_MS && !running.adopting && ending === undefined)
      running.adopting = this.#adopt(running);
    const over = running.isKilling
      ? running.pursueKill(now) && (running.look() !== undefined || running.survivors.length > 0)
      : ending !== undefined;
    if (over) this.#end(running);
    else running.nextLookAt = now + running.lookInterval(now);
  }

  /** Once the leader's pid is known, it goes to the journal: a successor finds the process by it. */
  #identify(running: RunningAttempt): void {
    const pid = running.leaderPid();
    const stat = pid === undefined ? undefined : this.#platform.processStat(pid);
    if (pid === undefined || !stat || !running.isLeader(stat)) return;
    const startedAtMs =
      this.#clock.nowMs() -
      Math.max(0, Math.round(this.#platform.uptimeMs() - (stat.startTicks * 1_000) / this.#platform.ticksPerSecond));
    running.identity = {
      pid,
      startTicks: stat.startTicks,
      supervisorPid: running.supervisorPid,
      bootId: this.#bootId,
      startedAtMs,
    };
    void this.#journal.append({ k: 'started', a: running.attempt, process: running.identity }).catch(() => undefined);
    this.events.started(running.attempt as AttemptId, pid, startedAtMs);
  }

  /** What lives longer gets a control group of its own, from which nothing of it can escape. */
  async #adopt(running: RunningAttempt): Promise<void> {
    const path = this.#cgroupOf(running.attempt);
    if (path === undefined || !this.#platform.groupCreate(path)) return;
    running.cgroup = path;
    await this.#platform.groupAdopt(path, () =>
      this.#running.has(running.attempt) ? running.tree().map(({ pid }) => pid) : [],
    );
  }

  #lookAtSize(running: RunningAttempt, now: number): void {
    running.nextSizeLookAt = now + 1_000;
    const most = this.#options.spoolBytesMax ?? limits.spoolBytesMax;
    void Promise.all([this.#spool.size(running.attempt, 1), this.#spool.size(running.attempt, 2)]).then(
      ([out, err]) => {
        if (out + err > most) running.beginKill('output-limit', this.#clock.monotonicMs());
      },
    );
  }

  #tail(running: RunningAttempt): void {
    if (this.#tails.has(running.attempt)) return;
    this.#tails.set(
      running.attempt,
      new LiveTail({
        files: { 1: this.#spool.file(running.attempt, 'stdout'), 2: this.#spool.file(running.attempt, 'stderr') },
        mask: this.#masks.of(Object.values(running.spec.secrets)),
        onOutput: (stream, offset, bytes, skipped) =>
          this.events.output(running.attempt as AttemptId, stream, offset, bytes, skipped),
      }),
    );
    this.#scheduleSweep(0);
  }

  // — ending —

  #end(running: RunningAttempt): void {
    this.#running.delete(running.attempt);
    this.#tails.get(running.attempt)?.finish();
    this.#tails.delete(running.attempt);
    const ending = running.ending;
    const { cgroup, adopting } = running;
    if (cgroup !== undefined) void (adopting ?? Promise.resolve()).then(() => this.#platform.groupRemove(cgroup));
    const process =
      ending === undefined || typeof ending === 'string'
        ? {}
        : {
            ...(ending.exitCode === null ? {} : { exitCode: ending.exitCode }),
            ...(ending.signal === null ? {} : { signal: ending.signal }),
          };
    const started = running.identity ? { startedAtMs: running.identity.startedAtMs } : {};
    const survivors = running.survivors.length > 0 ? { survivors: running.survivors } : {};
    // Until the end is on disk, the zombie keeps the status for whoever comes after us.
    this.#settle(
      running.attempt as AttemptId,
      { ...outcomeOf(running, ending), ...process, ...started, ...survivors },
      () => running.releaseSupervisor(),
    );
    this.#launchWaiting();
  }

  #settle(attempt: AttemptId, outcome: Outcome, onDurable: () => void = () => undefined): void {
    this.#ends.begin(attempt, this.#specs.get(attempt), outcome, () => {
      onDurable();
      this.events.finished(attempt);
    });
  }

  // — after a restart —

  async #recover(attempt: AttemptId, entry: JournalEntry): Promise<void> {
    this.#specs.set(attempt, this.#vault!.take(attempt, entry.accepted));
    if (entry.accepted.bootId !== this.#bootId) {
      this.#settle(attempt, {
        outcome: 'unknown',
        reason: 'host-rebooted',
        detail: 'The host restarted before the end of the script was recorded.',
      });
      return;
    }
    const identity = entry.started ?? (await this.#findStarted(attempt));
    if (!identity) {
      // Its leader never executed: the pid file is written before it may, and there is none.
      await this.#spool.remove(attempt);
      this.#waiting.push(attempt);
      this.#launchWaiting();
      return;
    }
    const spec = this.#specs.get(attempt)!;
    const now = this.#clock.monotonicMs();
    const ageMs = Math.max(
      0,
      this.#platform.uptimeMs() - (identity.startTicks * 1_000) / this.#platform.ticksPerSecond,
    );
    const running = new RunningAttempt({
      platform: this.#platform,
      attempt,
      spec,
      folder: this.#spool.folder(attempt),
      cgroup: this.#cgroupOf(attempt),
      supervisorPid: identity.supervisorPid,
      child: undefined,
      deadlineAt: now + spec.timeoutMs - ageMs,
    });
    running.identity = identity;
    this.#follow(running, now);
  }

  /** Between the launch and the journal's `started` there are only the files and the mark to go by. */
  async #findStarted(attempt: AttemptId): Promise<ProcessIdentity | undefined> {
    const marker = attemptMarker(attempt);
    for (let look = 0; ; look++) {
      const text = existsSync(this.#spool.file(attempt, 'pid'))
        ? readFileSync(this.#spool.file(attempt, 'pid'), 'latin1')
        : '';
      if (text.endsWith('\n')) {
        const stat = this.#platform.processStat(Number(text));
        const hasParent = stat !== undefined && this.#platform.hasMarker(stat.parentPid, marker);
        return this.#identityOf(Number(text), stat?.startTicks ?? -1, hasParent ? stat.parentPid : -1);
      }
      const begun = this.#platform.processesWithMarker(marker);
      if (begun.length === 0) return undefined;
      // Its files may be gone; scripts stop processes too, but the supervisor was there first.
      const supervisor = begun
        .flatMap((pid) => this.#platform.processStat(pid) ?? [])
        .sort((a, b) => a.startTicks - b.startTicks)
        .find(({ pid, session }) => pid === session);
      const leader = supervisor && leaderOfStopped(this.#platform, supervisor.pid);
      if (leader) return this.#identityOf(leader.pid, leader.startTicks, leader.parentPid);
      // A supervisor that has not written the pid yet is about to; one that never does is ended before it is tried again.
      if (look > 200) for (const pid of begun) releaseSupervisor(this.#platform, attempt, pid);
      await pause(this.#clock, 10);
    }
  }

  #identityOf(pid: number, startTicks: number, supervisorPid: number): ProcessIdentity {
    return { pid, startTicks, supervisorPid, bootId: this.#bootId, startedAtMs: this.#clock.nowMs() };
  }

  #schedulePrune(): void {
    const prune = (): void => {
      const before = this.#clock.nowMs() - limits.spoolKeptMs;
      this.#spool
        .prune(before, (attempt) => this.#journal.entries.has(attempt))
        .catch((error: unknown) => this.#log.warn({ err: error }, 'old output could not be removed'));
      this.#cancelPrune = this.#clock.after(PRUNE_EVERY_MS, prune, { unref: true });
    };
    prune();
  }
}

function outcomeOf(
  running: RunningAttempt,
  ending: RunningAttempt['ending'],
): Pick<AgentReport, 'outcome' | 'reason' | 'detail'> {
  switch (running.killCause) {
    case 'timed_out':
      return { outcome: 'timed_out' };
    case 'cancelled':
      return { outcome: 'cancelled', reason: 'cancelled-by-user' };
    case 'output-limit':
      return {
        outcome: 'signaled',
        reason: 'output-limit',
        detail: 'It wrote more than an execution may, and was ended before it filled the disk.',
      };
    case undefined:
      if (ending === 'unbegun')
        return {
          outcome: 'unknown',
          reason: 'status-unknown',
          detail: 'Its supervisor was killed before the script began: nothing of it ran.',
        };
      if (ending === undefined || ending === 'unknown')
        return {
          outcome: 'unknown',
          reason: 'status-unknown',
          detail: 'The process is gone, and nobody saw how it ended.',
        };
      return { outcome: ending.signal === null ? 'exited' : 'signaled' };
  }
}
