/**
 * Everything that a program of ours has started, whatever has become of the parents: what it started before somebody looked and has still as
 * a child, what was seen as such once, what is in a session of one of these, and what carries the mark in its environment.
 */
import { readdirSync } from 'node:fs';
import { pause, systemClock } from '../src/base/clock.ts';
import { platformOfHost } from '../src/engines/process/platform-of-host.ts';
import type { ProcessStat } from '../src/engines/process/platform.ts';

const LOOK_MS = 1_000;
const CLOSE_LOOK_MS = 50;
const GONE_LOOK_MS = 50;
/** Databases and servers end in order within a moment, or not at all. */
const TERM_MS = 3_000;
const KILL_MS = 10_000;

export class OwnProcesses {
  readonly #platform = platformOfHost();
  readonly #mark: string;
  /** Process → when it began: a later one with its number is none of ours. */
  readonly #known = new Map<number, number>();
  #looking: NodeJS.Timeout;

  /** `pid` leads a session of its own. `mark` is in its environment, as NAME=VALUE. */
  constructor(pid: number, mark: string) {
    this.#mark = mark;
    const stat = this.#platform.processStat(pid);
    if (stat) this.#known.set(pid, stat.startTicks);
    this.#looking = this.#lookEvery(LOOK_MS);
  }

  /**
   * They are about to be ended: whoever lives now is known from now on, before a parent goes by whom it would be found, and so is what they
   * start on the way.
   */
  watchClosely(): void {
    this.stopLooking();
    this.#look();
    this.#looking = this.#lookEvery(CLOSE_LOOK_MS);
  }

  #lookEvery(ms: number): NodeJS.Timeout {
    return setInterval(() => this.#look(), ms).unref();
  }

  stopLooking(): void {
    clearInterval(this.#looking);
  }

  /** Ends them, those first that end in order. @returns names of what is still there after all. */
  async end(): Promise<readonly number[]> {
    this.stopLooking();
    for (const pid of this.#platform.processesWithMarker(this.#mark)) this.#take(this.#platform.processStat(pid));
    for (const [signal, waitMs] of [
      ['SIGTERM', TERM_MS],
      ['SIGKILL', KILL_MS],
    ] as const) {
      const until = systemClock.monotonicMs() + waitMs;
      const told = new Set<number>();
      for (let left = this.#look(); left.length > 0 && systemClock.monotonicMs() < until; left = this.#look()) {
        for (const one of left) {
          if (signal === 'SIGTERM' && told.has(one.pid)) continue;
          told.add(one.pid);
          this.#platform.signal(one, signal);
        }
        await pause(systemClock, GONE_LOOK_MS);
      }
    }
    return this.#look().map(({ pid }) => pid);
  }

  #take(stat: ProcessStat | undefined): void {
    if (stat && stat.pid !== process.pid) this.#known.set(stat.pid, stat.startTicks);
  }

  /** Those that live, with all that they have started since the last look. */
  #look(): ProcessStat[] {
    const stats = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => this.#platform.processStat(Number(name)) ?? []);
    const isKnown = ({ pid, startTicks }: ProcessStat): boolean => this.#known.get(pid) === startTicks;
    for (let count = -1; count !== this.#known.size; ) {
      count = this.#known.size;
      const ours = stats.filter(isKnown);
      const [parents, sessions] = [new Set(ours.map(({ pid }) => pid)), new Set(ours.map(({ session }) => session))];
      for (const stat of stats)
        if (!isKnown(stat) && (parents.has(stat.parentPid) || sessions.has(stat.session))) this.#take(stat);
    }
    return stats.filter((stat) => isKnown(stat) && stat.state !== 'Z');
  }
}
