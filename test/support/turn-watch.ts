/**
 * How long a process is deaf: measured in its own time on the CPU, and against what a fixed piece of work costs on the same machine in the
 * same minute. So neither a slow machine nor a busy one is taken for a fault.
 */
import { readFileSync } from 'node:fs';
import { Packr } from 'msgpackr';
import { expect } from 'vitest';
import { limits } from '../../src/base/limits.ts';

/** Of the main thread of a process so far, in ms. */
export function mainThreadCpuMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

const packr = new Packr({ useRecords: false });
const largest = packr.pack(Array.from({ length: limits.frameValuesMax / 2 }, (_, n) => ({ n })));

/**
 * What it costs this thread to read as many values as one frame may have, in ms of CPU: by the library alone, without a line of ours, so that
 * a check of ours that has become slow does not move it.
 */
export function yardstickMs(): number {
  const before = process.threadCpuUsage();
  packr.unpack(largest);
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

/** Nobody may be deaf for longer than reading the largest frame takes so many times. */
const DEAF_YARDSTICKS_MAX = 4;

/**
 * Attacks until nobody was deaf: what a frame costs it costs each time, what the machine was busy with it was once. Fails where three times over
 * somebody was deaf for longer than reading the largest frame takes here and now. `attack` answers how long somebody was, in ms of CPU.
 */
export async function expectNeverDeaf(attack: () => Promise<number>): Promise<void> {
  const tries: { deafMs: number; mayMs: number }[] = [];
  for (let n = 0; n < 3 && tries.every(({ deafMs, mayMs }) => deafMs >= mayMs); n++) {
    const before = Array.from({ length: 4 }, yardstickMs);
    const deafMs = await attack();
    const after = Array.from({ length: 4 }, yardstickMs);
    tries.push({ deafMs, mayMs: DEAF_YARDSTICKS_MAX * Math.max(...before, ...after) });
  }
  expect(tries.at(-1)!.deafMs, JSON.stringify(tries)).toBeLessThan(tries.at(-1)!.mayMs);
}
