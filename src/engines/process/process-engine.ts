/**
 * The engine of processes on this host. Main path of an attempt: plan → launch (supervised, launch.ts) → look (one
 * sweep for all) → end. Its children outlive it; a successor finds them by the trace, by their files or by their mark
 * (find-process.ts), and goes on.
 *
 * Background processes that a script leaves behind on purpose are left alone when it ends by itself, unless nothing is to
 * be left here (`leavesNothing`); on cancel and time-out nothing of its tree survives.
 */
import { Packr } from 'msgpackr';
import { pause, type Clock } from '../../base/clock.ts';
import { given } from '../../base/given.ts';
import type { AttemptId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { ScriptWork } from '../../domain/work/script.ts';
import type {
  AcceptTrace,
  Absent,
  AttemptSink,
  AttemptSubject,
  Engine,
  ScriptOrder,
  Held,
  Refusal,
  Trace,
  Unknown,
} from '../../ledger/engine.ts';
import type { Spool } from '../../ledger/spool.ts';
import type { AgentReport, ExecutionSpec } from '../../protocol/link/agent-v1.ts';
import { findProcess } from './find-process.ts';
import { ProcessLauncher, spawnRefusal } from './launch.ts';
import { platformOfHost } from './platform-of-host.ts';
import { attemptMarker, type Platform } from './platform.ts';
import { identityIn, releaseSupervisor, RunningAttempt, type ProcessIdentity } from './running.ts';
import { WaitingSupervisors } from './waiting-supervisors.ts';

/** Short scripts are over before a group is worth its price. */
const ADOPT_AFTER_MS = 400;
/** Whoever has not looked for so long was not there. */
const LATE_LOOK_MS = 1_000;
/** Processes that are killed are gone within a look or two, unless they hang in the kernel. */
const ABANDON_LOOKS_MAX = 100;
const ABANDON_LOOK_MS = 10;
/** Of attempts that run: more are no longer somebody who starts something now and then. */
const BUSY_OVER = 4;
/** Somebody may be looking at what it writes first. */
const YOUNG_MS = 1_000;
const packr = new Packr({ useRecords: false });

export interface ProcessEngineOptions {
  /** Where scripts lie and write; the ledger keeps their output from there. */
  readonly spool: Spool;
  /** That of this host, unless given. */
  readonly platform?: Platform;
  /** As the host joined: told to scripts whose order is in a journal from before orders named their host. */
  readonly hostName?: string;
  readonly hostId?: string;
  /** All work runs as this user of the machine, and an order for another is refused; as the order says, unless given. */
  readonly user?: string;
  readonly clock: Clock;
  /**
   * What an attempt leaves behind is killed before its end is told: with the user that all work here has, it would see what others are
   * given after it. Where control groups may be made, each attempt is in one from before it begins, and nothing of it gets away.
   */
  readonly leavesNothing?: boolean;
  /** For tests of hosts without control groups. */
  readonly useCgroups?: boolean;
  /** Of what one attempt writes, both streams and what it tells of output values together. */
  readonly spoolBytesMax?: number;
  readonly spoolFreeBytesMin?: number;
  /** Soft limit of core files for what is started, as `ulimit -S -c` takes it; ours, unless given. */
  readonly coreLimit?: string | undefined;
}

/** What the journal keeps of an order. Those from before orders named their host are without `subject`. */
type Accepted = ExecutionSpec & { readonly subject?: AttemptSubject };

export class ProcessEngine implements Engine<ScriptWork> {
  readonly name = 'process';
  readonly kinds = ['script'] as const;
  readonly #options: ProcessEngineOptions;
  readonly #platform: Platform;
  readonly #clock: Clock;
  readonly #spool: Spool;
  readonly #waiting: WaitingSupervisors;
  readonly #launcher: ProcessLauncher;
  readonly #running = new Set<RunningAttempt>();
  #bootId = '';
  #cgroupBase: string | undefined;
  #cancelSweep: (() => void) | undefined;
  #sweepAt = 0;
  #freeLookAt = 0;
  #isStopped = true;

  constructor(options: ProcessEngineOptions) {
    this.#options = options;
    this.#platform = options.platform ?? platformOfHost();
    this.#clock = options.clock;
    this.#spool = options.spool;
    this.#waiting = new WaitingSupervisors({
      platform: this.#platform,
      clock: this.#clock,
      isBusy: () => this.#isBusy(),
    });
    this.#launcher = new ProcessLauncher({ ...options, platform: this.#platform, waiting: this.#waiting });
  }

  /** Supervisors that wait for something to supervise. */
  get waitingPids(): readonly number[] {
    return this.#waiting.pids;
  }

  get bootId(): string {
    return this.#bootId;
  }

  async start(): Promise<void> {
    this.#bootId = this.#platform.bootId();
    this.#cgroupBase = this.#options.useCgroups === false ? undefined : this.#platform.groupBase();
    this.#isStopped = false;
    this.#waiting.start();
    this.#scheduleSweep(0);
  }

  /** Children go on; the next start finds them. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#waiting.stop();
    this.#cancelSweep?.();
  }

  freeSpoolBytes(): Promise<number> {
    return this.#spool.freeBytes();
  }

  traceOf(_attempt: AttemptId, spec: ExecutionSpec, subject: AttemptSubject): AcceptTrace {
    return {
      bytes: packr.pack({ ...spec, subject } satisfies Accepted),
      isSecret: Object.keys(spec.secrets).length > 0,
    };
  }

  begin(attempt: AttemptId, order: ScriptOrder, subject: AttemptSubject, sink: AttemptSink): Held | Refusal {
    const cgroup = this.#options.leavesNothing ? this.#groupMade(attempt) : undefined;
    const child = this.#launcher.launch(attempt, order, subject, cgroup);
    if (('refused' in child || child.pid === undefined) && cgroup !== undefined) this.#platform.groupRemove(cgroup);
    if ('refused' in child) return child;
    if (child.pid === undefined) {
      child.once('error', (error) => {
        const { refused: reason, detail } = spawnRefusal(error);
        sink.ended({ outcome: { kind: 'refused', reason }, detail });
      });
      return { stop: () => undefined };
    }
    const now = this.#clock.monotonicMs();
    const running = new RunningAttempt({
      platform: this.#platform,
      attempt,
      killAfterMs: order.killAfterMs,
      sink,
      folder: this.#spool.folder(attempt),
      cgroup,
      supervisorPid: child.pid,
      child,
      deadlineAt: now + order.timeoutMs,
    });
    if (cgroup !== undefined) running.adopting = Promise.resolve();
    return this.#follow(running, now);
  }

  async resume(attempt: AttemptId, trace: Trace, sink: AttemptSink): Promise<Held | Absent | Unknown> {
    const { hostId, hostName } = this.#options;
    const { subject = given({ hostId, hostName }), ...spec } = packr.unpack(Buffer.from(trace.accepted)) as Accepted;
    sink.openOutput({ keptBytes: spec.outputKeptBytes, secrets: Object.values(spec.secrets) });
    if (trace.bootId !== this.#bootId)
      return {
        unknown: 'host-rebooted',
        detail: 'The host restarted before the end of the script was recorded.',
      };
    const known = identityIn(trace);
    const identity = known ?? (await findProcess(attempt, { ...this.#options, platform: this.#platform }));
    if (!identity) {
      // Its leader never executed: the pid file is written before it may, and there is none.
      await this.#spool.remove(attempt);
      return { absent: spec, subject };
    }
    const now = this.#clock.monotonicMs();
    const ageMs = Math.max(
      0,
      this.#platform.uptimeMs() - (identity.startTicks * 1_000) / this.#platform.ticksPerSecond,
    );
    const running = new RunningAttempt({
      platform: this.#platform,
      attempt,
      killAfterMs: spec.killAfterMs,
      sink,
      folder: this.#spool.folder(attempt),
      cgroup: this.#cgroupOf(attempt),
      supervisorPid: identity.supervisorPid,
      child: undefined,
      deadlineAt: now + spec.timeoutMs - ageMs,
    });
    if (known) running.identity = identity;
    else this.#identified(running, identity);
    return this.#follow(running, now);
  }

  /** Its supervisor, which waits for somebody to read the end, goes with the tree. */
  async abandon(attempt: AttemptId): Promise<void> {
    const query = {
      session: -1,
      marker: attemptMarker(attempt),
      folder: this.#spool.folder(attempt),
      group: this.#cgroupOf(attempt),
      except: new Set<number>(),
    };
    for (let look = 0; look < ABANDON_LOOKS_MAX; look++) {
      const tree = this.#platform.processTree(query);
      if (tree.length === 0) return;
      for (const process of tree) this.#platform.signal(process, 'SIGKILL');
      await pause(this.#clock, ABANDON_LOOK_MS);
    }
  }

  /** Our predecessor may have been killed right after it had recorded the end. */
  reopen(attempt: AttemptId, trace: Trace, _report: AgentReport): undefined {
    const identity = identityIn(trace);
    if (identity?.bootId === this.#bootId) releaseSupervisor(this.#platform, attempt, identity.supervisorPid);
  }

  #follow(running: RunningAttempt, now: number): Held {
    running.firstLookAt = now;
    running.nextLookAt = now + limits.sweepMsMin;
    running.nextSizeLookAt = now + 1_000;
    this.#running.add(running);
    this.#scheduleSweep(limits.sweepMsMin);
    return {
      stop: (cause) => {
        running.beginKill(cause, this.#clock.monotonicMs());
        running.nextLookAt = 0;
        this.#scheduleSweep(0);
      },
    };
  }

  #isBusy(): boolean {
    const now = this.#clock.monotonicMs();
    return this.#running.size > BUSY_OVER || [...this.#running].some(({ firstLookAt }) => now - firstLookAt < YOUNG_MS);
  }

  #cgroupOf(attempt: string): string | undefined {
    return this.#cgroupBase === undefined ? undefined : `${this.#cgroupBase}/drover-${attempt}`;
  }

  /** Undefined where none may be made. One of an earlier beginning of it, which came to nothing, will do. */
  #groupMade(attempt: string): string | undefined {
    const path = this.#cgroupOf(attempt);
    return path !== undefined && this.#platform.groupCreate(path) ? path : undefined;
  }

  // — looking —

  #scheduleSweep(delayMs: number): void {
    const at = this.#clock.monotonicMs() + delayMs;
    if (this.#isStopped || (this.#cancelSweep && this.#sweepAt <= at)) return;
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
    for (const running of this.#running) {
      if (running.nextLookAt <= now) this.#look(running, now);
      if (this.#running.has(running)) next = Math.min(next, running.nextLookAt);
    }
    if (now >= this.#freeLookAt) {
      this.#freeLookAt = now + 1_000;
      this.#launcher.lookAtSpace();
    }
    if (next !== Number.POSITIVE_INFINITY) this.#scheduleSweep(Math.max(limits.sweepMsMin, next - now));
  }

  #look(running: RunningAttempt, now: number): void {
    if (!running.identity) this.#identify(running);
    const ending = running.look();
    if (!running.isKilling && ending === undefined && running.isDue(now)) running.beginKill('timed_out', now);
    if (now >= running.nextSizeLookAt) this.#lookAtSize(running, now);
    // Its tree is looked for by its session and its mark too: what was begun before a restart need not be in a group.
    if (ending !== undefined && this.#options.leavesNothing && !running.isKilling) running.beginSweepUp(now);
    if (now - running.firstLookAt > ADOPT_AFTER_MS && !running.adopting && ending === undefined)
      running.adopting = this.#adopt(running);
    const over = running.isKilling
      ? running.pursueKill(now) && (running.look() !== undefined || running.survivors.length > 0)
      : ending !== undefined;
    if (over) return this.#end(running, now);
    running.lookedAt = now;
    running.nextLookAt = now + running.lookInterval(now);
  }

  #identify(running: RunningAttempt): void {
    const pid = running.leaderPid();
    const stat = pid === undefined ? undefined : this.#platform.processStat(pid);
    if (pid === undefined || !stat || !running.isLeader(stat)) return;
    const startedAtMs =
      this.#clock.nowMs() -
      Math.max(0, Math.round(this.#platform.uptimeMs() - (stat.startTicks * 1_000) / this.#platform.ticksPerSecond));
    const { supervisorPid } = running;
    this.#identified(running, { pid, startTicks: stat.startTicks, supervisorPid, startedAtMs, bootId: this.#bootId });
  }

  /** Once the leader is known it goes to the journal: a successor finds the process by it. */
  #identified(running: RunningAttempt, identity: ProcessIdentity): void {
    const { pid, startedAtMs: atMs, ...trace } = identity;
    running.identity = identity;
    running.sink.started({ pid, atMs }, trace);
  }

  /** What lives longer gets a control group of its own, from which nothing of it can escape. */
  async #adopt(running: RunningAttempt): Promise<void> {
    const path = this.#groupMade(running.attempt);
    if (path === undefined) return;
    running.cgroup = path;
    await this.#platform.groupAdopt(path, () =>
      this.#running.has(running) ? running.tree().map(({ pid }) => pid) : [],
    );
  }

  #lookAtSize(running: RunningAttempt, now: number): void {
    running.nextSizeLookAt = now + 1_000;
    const most = this.#options.spoolBytesMax ?? limits.spoolBytesMax;
    void Promise.all(([1, 2, 'values'] as const).map((file) => this.#spool.size(running.attempt, file))).then(
      (sizes) => {
        if (sizes.reduce((sum, size) => sum + size) > most)
          running.beginKill('output-limit', this.#clock.monotonicMs());
      },
    );
  }

  #end(running: RunningAttempt, now: number): void {
    this.#running.delete(running);
    this.#waiting.stir();
    const { cgroup, adopting } = running;
    if (cgroup !== undefined) void (adopting ?? Promise.resolve()).then(() => this.#platform.groupRemove(cgroup));
    // Until the end is on disk, the zombie keeps the status for whoever comes after us.
    const { lookedAt, child } = running;
    // Of one that we have begun the first look is not late.
    const isLate = lookedAt === undefined ? child === undefined : now - lookedAt > LATE_LOOK_MS;
    running.sink.ended(running.end(this.#clock.nowMs(), isLate), { recorded: () => running.releaseSupervisor() });
  }
}
