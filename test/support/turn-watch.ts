/**
 * How long a process is deaf: measured in its own time on the CPU, and against what a fixed piece of work costs on the same machine in the
 * same minute. So neither a slow machine nor a busy one is taken for a fault.
 */
import { readFileSync } from 'node:fs';
import { Packr } from 'msgpackr';
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
