/**
 * One attempt whose process exists: looked at by a sweep, not by events, because after a restart there are no events. Knows
 * how to tell its end, its deadline, its live output and how to kill its tree; decides nothing about the record.
 */
import { given } from '../../base/given.ts';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { limits } from '../../base/limits.ts';
import { SURVIVORS_MAX, type ProcessEnd } from '../../protocol/link/agent-v1.ts';
import type { AttemptEnd, AttemptSink, Trace } from '../../ledger/engine.ts';
import { attemptMarker, type Platform, type ProcessHandle, type ProcessStat } from './platform.ts';
import { UNBEGUN } from './supervised-launch.ts';

export interface ProcessIdentity {
  /** The leader: the script's own process. */
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot: tells a process from a later one with its number. */
  readonly startTicks: number;
  readonly supervisorPid: number;
  readonly bootId: string;
  /** By the wall clock when it was found; deadlines count from its ticks. */
  readonly startedAtMs: number;
}

/** As it was told with `started`. */
export function identityIn({ started }: Trace): ProcessIdentity | undefined {
  return started as unknown as ProcessIdentity | undefined;
}

export type ProcessEnding = ProcessEnd | 'unknown' | 'unbegun';
export type KillCause = 'timed_out' | 'cancelled' | 'output-limit';

/** TERM first; after the grace KILL, again and again, for at most this long. */
const KILL_PERSISTS_MS = 5_000;

export interface RunningOptions {
  readonly platform: Platform;
  readonly attempt: string;
  /** From TERM to KILL. */
  readonly killAfterMs: number;
  readonly sink: AttemptSink;
  readonly folder: string;
  readonly cgroup: string | undefined;
  /** -1 where it is gone and nobody knows what it was. */
  readonly supervisorPid: number;
  readonly child: ChildProcess | undefined;
  readonly deadlineAt: number;
}

export class RunningAttempt {
  readonly attempt: string;
  readonly sink: AttemptSink;
  /** Once the tree has been moved into a group of its own. */
  cgroup: string | undefined;
  adopting: Promise<void> | undefined;
  readonly supervisorPid: number;
  readonly child: ChildProcess | undefined;
  identity: ProcessIdentity | undefined;
  nextLookAt = 0;
  firstLookAt = 0;
  nextSizeLookAt = 0;
  ending: ProcessEnding | undefined;
  /** Of the look before the present one; absent where nobody of this process has looked before. */
  lookedAt: number | undefined;
  killCause: KillCause | undefined;
  survivors: number[] = [];
  readonly #platform: Platform;
  readonly #folder: string;
  readonly #deadlineAt: number;
  readonly #killAfterMs: number;
  #termAt = 0;
  #killAt = 0;
  #nextSignalAt = 0;

  constructor(options: RunningOptions) {
    this.#platform = options.platform;
    this.attempt = options.attempt;
    this.#killAfterMs = options.killAfterMs;
    this.sink = options.sink;
    this.cgroup = options.cgroup;
    this.supervisorPid = options.supervisorPid;
    this.child = options.child;
    this.#folder = options.folder;
    this.#deadlineAt = options.deadlineAt;
  }

  get isKilling(): boolean {
    return this.#termAt > 0;
  }

  isDue(now: number): boolean {
    return now >= this.#deadlineAt;
  }

  /** The leader's pid once it wrote it; where that is gone or could not be written, once its supervisor has stopped. */
  leaderPid(): number | undefined {
    if (this.identity) return this.identity.pid;
    try {
      const text = readFileSync(`${this.#folder}/pid`, 'latin1');
      if (text.endsWith('\n')) return Number(text);
    } catch {
      // Not there yet, or deleted by somebody.
    }
    return leaderOfStopped(this.#platform, this.supervisorPid)?.pid;
  }

  /** How the leader ended, if it has. */
  look(): ProcessEnding | undefined {
    if (this.ending) return this.ending;
    const pid = this.leaderPid();
    if (pid === undefined)
      return this.#platform.processStat(this.supervisorPid) === undefined
        ? (this.ending = this.#fromStatusFile())
        : undefined;
    const stat = this.#platform.processStat(pid);
    if (!stat || !this.isLeader(stat)) return (this.ending = this.#fromStatusFile());
    if (stat.state !== 'Z') return undefined;
    // One that lost its supervisor before it became the script has a status, too.
    const fromFile = stat.parentPid === this.supervisorPid ? undefined : this.#fromStatusFile();
    return (this.ending = fromFile === 'unbegun' ? fromFile : this.#platform.decodeWaitStatus(stat.waitStatus));
  }

  /** A number alone is not enough: without a supervisor the leader may be gone, and its number another's. */
  isLeader(stat: ProcessStat): boolean {
    if (this.identity) return stat.startTicks === this.identity.startTicks;
    return stat.parentPid === this.supervisorPid || this.#platform.hasMarker(stat.pid, this.#marker);
  }

  /** When somebody continued the supervisor, which then reaped the leader (`$?` is exact up to 128), or when the leader found it gone. */
  #fromStatusFile(): ProcessEnding {
    try {
      const text = readFileSync(`${this.#folder}/status`, 'latin1');
      if (text === `${UNBEGUN}\n`) return 'unbegun';
      const code = Number(text);
      if (text.endsWith('\n') && code <= 128) return { kind: 'exited', code };
    } catch {
      // The supervisor was killed before it could write.
    }
    return 'unknown';
  }

  beginKill(cause: KillCause, now: number): void {
    // It has ended by itself already.
    if (this.isKilling && this.killCause === undefined) return;
    this.killCause ??= cause;
    if (this.isKilling) return;
    this.#termAt = now;
    this.#killAt = now + this.#killAfterMs;
    this.#nextSignalAt = 0;
  }

  /** It has ended by itself, and what it left behind goes at once; how it ended stays what it is. */
  beginSweepUp(now: number): void {
    this.#termAt = now;
    this.#killAt = now;
    this.#nextSignalAt = 0;
  }

  /** Drives a kill on; true when nothing of the tree is left, or when what is left will not die. */
  pursueKill(now: number): boolean {
    if (now < this.#nextSignalAt) return false;
    const tree = this.tree();
    if (tree.length === 0) return true;
    if (now >= this.#killAt + KILL_PERSISTS_MS) {
      this.survivors = tree.slice(0, SURVIVORS_MAX).map(({ pid }) => pid);
      return true;
    }
    if (now >= this.#killAt) {
      if (this.cgroup !== undefined) this.#platform.groupKill(this.cgroup);
      this.#signalAll(tree, 'SIGKILL');
      this.#nextSignalAt = now + 20;
    } else {
      // TERM once to everybody; newcomers get theirs at the next look. A stopped process must be woken to obey.
      this.#signalAll(tree, 'SIGTERM');
      this.#signalAll(tree, 'SIGCONT');
      this.#nextSignalAt = Math.min(this.#killAt, now + 200);
    }
    return false;
  }

  #signalAll(tree: readonly ProcessHandle[], signal: NodeJS.Signals): void {
    for (const process of tree) this.#platform.signal(process, signal);
  }

  get #marker(): string {
    return attemptMarker(this.attempt);
  }

  tree(): ProcessHandle[] {
    return this.#platform.processTree({
      session: this.supervisorPid,
      marker: this.#marker,
      folder: this.#folder,
      group: this.cgroup,
      except: new Set([this.supervisorPid]),
    });
  }

  /**
   * How it ended, once it has. `isLate`: nobody has looked for a while (the agent was not there, or the machine stood still), so that now
   * is not when it ended. Then the host is asked, and where it does not know either, it is said.
   */
  end(nowMs: number, isLate: boolean): AttemptEnd {
    const { ending, identity, survivors, killCause } = this;
    const isAsked = isLate && killCause === undefined && typeof ending === 'object';
    const endedAtMs = isAsked ? this.#endedAtMs(nowMs) : undefined;
    return {
      ...endOf(killCause, ending),
      ...given({
        detail: isAsked && endedAtMs === undefined ? END_SEEN : undefined,
        finishedAtMs: endedAtMs,
        startedAtMs: identity?.startedAtMs,
        survivors: survivors.length > 0 ? survivors : undefined,
      }),
    };
  }

  /** By the wall clock: never before it began, never after now. */
  #endedAtMs(nowMs: number): number | undefined {
    const pid = this.leaderPid();
    const stat = pid === undefined ? undefined : this.#platform.processStat(pid);
    const agoMs = stat?.state === 'Z' && this.isLeader(stat) ? this.#platform.endedAgoMs(stat.pid) : undefined;
    const endedAtMs = agoMs === undefined ? this.#statusWrittenAtMs() : nowMs - agoMs;
    if (endedAtMs === undefined) return undefined;
    return Math.round(Math.min(nowMs, Math.max(this.identity?.startedAtMs ?? 0, endedAtMs)));
  }

  /** Where the supervisor has reaped the leader, it wrote so at once. */
  #statusWrittenAtMs(): number | undefined {
    try {
      return statSync(`${this.#folder}/status`).mtimeMs;
    } catch {
      return undefined;
    }
  }

  /** The status has been read (or never will be): the stopped shell has done its duty. */
  releaseSupervisor(): void {
    releaseSupervisor(this.#platform, this.attempt, this.supervisorPid);
  }

  /** Young processes are looked at often, old ones seldom: a tenth of a second late after ten seconds is not noticed. */
  lookInterval(now: number): number {
    if (this.isKilling) return 15;
    return Math.min(100, Math.max(limits.sweepMsMin, (now - this.firstLookAt) / 50));
  }
}

/**
 * Without the file of its pid: the supervisor stops once that was to be written, and has one child. Undefined while it has not stopped.
 * It is this that finds the script of a user who deletes the files at once, and of a disk that was full just then.
 */
export function leaderOfStopped(platform: Platform, supervisorPid: number): ProcessStat | undefined {
  return platform.processStat(supervisorPid)?.state === 'T' ? platform.childrenOf(supervisorPid)[0] : undefined;
}

/** Gone before its time, its pid may be anybody's by now: it is known by its mark. */
export function releaseSupervisor(platform: Platform, attempt: string, supervisorPid: number): void {
  const supervisor = platform.processStat(supervisorPid);
  if (supervisor && platform.hasMarker(supervisorPid, attemptMarker(attempt))) platform.signal(supervisor, 'SIGKILL');
}

/** Of an end whose time nobody knows. */
const END_SEEN =
  'It ended while nobody looked (its agent was not running, or the host stood still): the time of its end is when that was seen.';

function endOf(
  killCause: KillCause | undefined,
  ending: ProcessEnding | undefined,
): Pick<AttemptEnd, 'outcome' | 'detail'> {
  const end = typeof ending === 'object' ? ending : undefined;
  switch (killCause) {
    case 'timed_out':
    case 'cancelled':
      return { outcome: { kind: killCause, ...given({ end }) } };
    case 'output-limit':
      return {
        outcome: {
          kind: 'signalled',
          ...given({ signal: end?.kind === 'signalled' ? end.signal : undefined }),
          reason: 'output-limit',
        },
        detail: 'It wrote more than an execution may, and was ended before it filled the disk.',
      };
    case undefined:
      return end
        ? { outcome: end }
        : {
            outcome: { kind: 'unknown', reason: 'status-unknown' },
            detail:
              ending === 'unbegun'
                ? 'Its supervisor was killed, or its control group removed, before the script began: nothing of it ran.'
                : 'The process is gone, and nobody saw how it ended.',
          };
  }
}
