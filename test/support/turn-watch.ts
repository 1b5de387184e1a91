/** How long a process is deaf: measured in its own time on the CPU, so that what else the machine does counts for nothing. */
import { readFileSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';

/** Of the main thread of a process so far, in ms. */
export function mainThreadCpuMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

const LOOK_MS = 5;

/** Watches the loop of this very thread. */
export class TurnWatch {
  /** The longest that the loop let a timer wait that was due, in ms of this thread's CPU; by `LOOK_MS` too much at most. */
  longestMs = 0;
  #cancel = (): void => undefined;

  start(): void {
    let before = process.threadCpuUsage();
    const look = (): void => {
      const { user, system } = process.threadCpuUsage(before);
      this.longestMs = Math.max(this.longestMs, (user + system) / 1_000);
      before = process.threadCpuUsage();
      this.#cancel = systemClock.after(LOOK_MS, look);
    };
    this.#cancel = systemClock.after(LOOK_MS, look);
  }

  stop(): number {
    this.#cancel();
    return this.longestMs;
  }
}
