/** What this machine has and how much of it is free, as Node and the system tell: of a container with limits, within those. */
import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';

const MIB = 2 ** 20;

export interface MachineFigures {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly freeMemoryMiB: number;
  readonly diskMiB: number;
  readonly freeDiskMiB: number;
  /** Processes that run or want to, on average over the last minute. */
  readonly load: number;
}

/** `folder`: whose disk it is. One that cannot be looked at has nothing free. */
export function machineFigures(folder: string): MachineFigures {
  const limit = process.constrainedMemory();
  const total = limit > 0 && limit < totalmem() ? limit : totalmem();
  const free = Math.min(availableMemory(), limit > 0 && limit < totalmem() ? process.availableMemory() : Infinity);
  return {
    cpus: availableParallelism(),
    memoryMiB: Math.floor(total / MIB),
    freeMemoryMiB: Math.floor(free / MIB),
    ...diskOf(folder),
    load: loadavg()[0]!,
  };
}

/** What could be had without pushing anything out: caches are given up for it, and count. */
function availableMemory(): number {
  try {
    const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
    return kib === undefined ? freemem() : Number(kib) * 1_024;
  } catch {
    return freemem();
  }
}

function diskOf(folder: string): { diskMiB: number; freeDiskMiB: number } {
  try {
    const { blocks, bavail, bsize } = statfsSync(folder);
    return { diskMiB: Math.floor((blocks * bsize) / MIB), freeDiskMiB: Math.floor((bavail * bsize) / MIB) };
  } catch {
    return { diskMiB: 0, freeDiskMiB: 0 };
  }
}
