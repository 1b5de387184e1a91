/**
 * Everything that the engine of processes knows of Linux: /proc and control groups, and the supervisor that leans on
 * /proc. All reads are synchronous and small; a process that vanishes while it is looked at is simply not there.
 */
import {
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  closeSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import type { ProcessEnd } from '../../protocol/link/agent-v1.ts';
import type { Platform, ProcessHandle, ProcessStat, TreeQuery } from './platform.ts';
import { launchSupervised } from './supervisor.ts';
import { supervisorBegin } from './waiting-supervisors.ts';

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

const buffer = Buffer.allocUnsafe(4_096);

function processStat(pid: number): ProcessStat | undefined {
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r');
  } catch {
    return undefined;
  }
  try {
    const text = buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0));
    // The name in parentheses may hold anything, parentheses too; the fields follow the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      pid,
      state: fields[0]!,
      parentPid: Number(fields[1]),
      session: Number(fields[3]),
      startTicks: Number(fields[19]),
      waitStatus: Number(fields[49]),
    };
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

function uptimeMs(): number {
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1_000;
}

/**
 * The scheduler keeps when a process last ran, in milliseconds of a clock of its own, and shows it of a zombie too: the end was the
 * last that it did. How long ago that was is seen beside the same figure of us, who run now. Kernels without these figures
 * (CONFIG_SCHED_DEBUG) tell nothing. That clock stands still while the machine is suspended.
 */
function endedAgoMs(pid: number): number | undefined {
  const [ended, now] = [lastRanMs(pid), lastRanMs(process.pid)];
  return ended === undefined || now === undefined ? undefined : Math.max(0, now - ended);
}

function lastRanMs(pid: number): number | undefined {
  try {
    const figure = /^se\.exec_start\s*:\s*(\d+\.\d+)$/m.exec(readFileSync(`/proc/${pid}/sched`, 'latin1'))?.[1];
    return figure === undefined ? undefined : Number(figure);
  } catch {
    return undefined;
  }
}

/** Raw wait status to what a parent would be told (wait(2)): the low seven bits are the signal, the high byte the code. */
export function decodeWaitStatus(status: number): ProcessEnd {
  const signal = status & 0x7f;
  return signal === 0
    ? { kind: 'exited', code: (status >> 8) & 0xff }
    : { kind: 'signalled', signal: signalName(signal) };
}

const NAMES = new Map(
  Object.entries(constants.signals)
    .filter(([name]) => !['SIGPOLL', 'SIGIOT', 'SIGUNUSED'].includes(name))
    .map(([name, number]) => [number, name]),
);

/** Names for the standard signals, `SIGRTMIN+n` for the real-time ones (34–64 with glibc). */
function signalName(number: number): string {
  return NAMES.get(number) ?? (number >= 34 && number <= 64 ? `SIGRTMIN+${number - 34}` : `SIG${number}`);
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => name.charCodeAt(0) <= 57)
    .map(Number)
    .filter((pid) => pid > 0);
}

/** Looks at every process: the kernel's own list of children is not in every kernel. */
function childrenOf(pid: number): ProcessStat[] {
  return pids().flatMap((child) => {
    const stat = processStat(child);
    return stat?.parentPid === pid ? [stat] : [];
  });
}

function hasMarker(pid: number, marker: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${marker}\0`);
  } catch {
    return false;
  }
}

function holdsSpool(pid: number, folder: string): boolean {
  for (const fd of [1, 2]) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${folder}/`)) return true;
    } catch {
      // Gone, or not ours to look at.
    }
  }
  return false;
}

/**
 * Live processes of an attempt: of its control group, its session, with its mark in their environment, with its spool as
 * output, and all children of those. A process would have to leave the session, drop the environment, redirect its
 * output and lose its parent to escape the last four; the control group it cannot leave at all.
 */
function processTree(query: TreeQuery): ProcessHandle[] {
  const found = new Set<number>(query.group === undefined ? [] : cgroupPids(query.group));
  const children = new Map<number, number[]>();
  // A session keeps its number from others while one of its processes lives; after the last of them a stranger may have it.
  const isOurSession = processStat(query.session) === undefined || hasMarker(query.session, query.marker);
  for (const pid of pids()) {
    const stat = processStat(pid);
    if (!stat) continue;
    const siblings = children.get(stat.parentPid);
    if (siblings) siblings.push(pid);
    else children.set(stat.parentPid, [pid]);
    if (pid === process.pid || query.except.has(pid)) continue;
    if (
      (isOurSession && stat.session === query.session) ||
      hasMarker(pid, query.marker) ||
      holdsSpool(pid, query.folder)
    )
      found.add(pid);
  }
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child);
  return [...found].flatMap((pid) => {
    const stat = query.except.has(pid) || pid === process.pid ? undefined : processStat(pid);
    return stat && stat.state !== 'Z' && stat.state !== 'X' ? [stat] : [];
  });
}

/**
 * Between the look and the signal lie microseconds. In these the process would have to end and be reaped, and its number to come round
 * again, to hit another; a pidfd would close that too, and Node has none.
 */
function signal({ pid, startTicks }: ProcessHandle, name: NodeJS.Signals): void {
  if (processStat(pid)?.startTicks !== startTicks) return;
  try {
    process.kill(pid, name);
  } catch {
    // Gone between the look and the signal.
  }
}

/** Processes with the mark, whoever they are; used once after a crash. */
function processesWithMarker(marker: string): number[] {
  return pids().filter((pid) => pid !== process.pid && hasMarker(pid, marker) && processStat(pid)?.state !== 'Z');
}

/**
 * The folder below which this process may make control groups (version 2, alone or beside version 1), or undefined. Made
 * as a child of our own group, so that a service manager's limits on the agent hold for what it runs too.
 */
function cgroupBase(): string | undefined {
  try {
    const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1] ?? '/';
    for (const mount of ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']) {
      try {
        readFileSync(`${mount}/cgroup.procs`);
        const base = `${mount}${own === '/' ? '' : own}/drover-${process.pid}`;
        // A trial run: where groups cannot be made or entered, the other ways must do.
        mkdirSync(base);
        rmdirSync(base);
        return `${mount}${own === '/' ? '' : own}`;
      } catch {
        continue;
      }
    }
  } catch {
    // No /proc/self/cgroup: a very old kernel, or a container without it.
  }
  return undefined;
}

function cgroupCreate(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EEXIST';
  }
}

function cgroupPids(path: string): number[] {
  try {
    return readFileSync(`${path}/cgroup.procs`, 'latin1').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/**
 * Moves processes into the group. Each move makes the kernel wait for all processors (5–20 ms on an idle machine), so it is
 * done beside everything else, never on the way of a start.
 */
async function cgroupAdopt(path: string, tree: () => readonly number[]): Promise<void> {
  const moved = new Set<number>();
  for (;;) {
    const strangers = tree().filter((pid) => !moved.has(pid));
    if (strangers.length === 0) return;
    for (const pid of strangers) {
      moved.add(pid);
      await writeFile(`${path}/cgroup.procs`, String(pid)).catch(() => undefined);
    }
  }
}

/** Kills everything in the group at once, forks in flight included (Linux 5.14). */
function cgroupKill(path: string): void {
  try {
    writeFileSync(`${path}/cgroup.kill`, '1');
  } catch {
    // Older kernel or gone: the caller kills one by one.
  }
}

/** False while somebody lives in it: what a script left on its host on purpose keeps its group, until the host restarts. */
function cgroupRemove(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

export const linuxPlatform: Platform = {
  family: 'posix',
  ticksPerSecond: TICKS_PER_SECOND,
  bootId,
  uptimeMs,
  launch: launchSupervised,
  supervisorBegin,
  endedAgoMs,
  processStat,
  childrenOf,
  decodeWaitStatus,
  processTree,
  signal,
  hasMarker,
  processesWithMarker,
  groupBase: cgroupBase,
  groupCreate: cgroupCreate,
  groupAdopt: cgroupAdopt,
  groupKill: cgroupKill,
  groupRemove: cgroupRemove,
};
