/**
 * What the engine of processes needs of an operating system, and everything that it needs: who brings the agent to
 * another one writes this, and nothing else in the agent changes (docs/guides/agents.md, Portability). All of it is
 * synchronous and small, but for moving processes into a group.
 *
 * macOS: `launch` needs another way to an exact status (a supervisor that waits and writes it; there is no /proc to
 * read a zombie from), `processTree` by sessions and environments of `sysctl kern.procargs2`, no groups. Windows: a job
 * object is launch, group and tree in one.
 */
import type { ChildProcess } from 'node:child_process';
import type { ProcessEnd } from '../../protocol/link/agent-v1.ts';
import type { Launch } from './supervised-launch.ts';

export interface ProcessStat {
  readonly pid: number;
  /** R, S, D, T, Z … */
  readonly state: string;
  readonly parentPid: number;
  readonly session: number;
  readonly startTicks: number;
  /** Raw wait status; means something for a zombie only. */
  readonly waitStatus: number;
}

/** A process, told from a later one with its number. */
export type ProcessHandle = Pick<ProcessStat, 'pid' | 'startTicks'>;

/** What an attempt's processes carry in their environment, and pass on. */
export function attemptMarker(attempt: string): string {
  return `DROVER_ATTEMPT_ID=${attempt}`;
}

export interface TreeQuery {
  /** Session of the supervisor; counts for as long as no stranger has its number. */
  readonly session: number;
  /** `DROVER_ATTEMPT_ID=…` in the environment. */
  readonly marker: string;
  readonly folder: string;
  readonly group: string | undefined;
  /** Never part of the answer. */
  readonly except: ReadonlySet<number>;
}

export interface Platform {
  /** How commands are written and processes are told apart. */
  readonly family: 'posix' | 'windows';
  /** Of `startTicks`. */
  readonly ticksPerSecond: number;
  /** Changes when the host restarts. */
  bootId(): string;
  uptimeMs(): number;
  /**
   * Starts a process so that it outlives us and its end can be read exactly, by us or by our successor. On Windows
   * `argv` is the program and its whole line.
   */
  launch(launch: Launch): ChildProcess;
  /** A process that `launch` can make a supervisor of, and that ends when its input does. Absent where there are none. */
  supervisorBegin?(): ChildProcess;
  /** Undefined for a process that is not there. */
  processStat(pid: number): ProcessStat | undefined;
  /** How long ago a process that has ended and is not reaped did so; undefined where this system does not tell. */
  endedAgoMs(pid: number): number | undefined;
  /** Children that the process has not reaped, dead ones too. */
  childrenOf(pid: number): ProcessStat[];
  decodeWaitStatus(status: number): ProcessEnd;
  /** Live processes of an attempt, whatever they did to get away. */
  processTree(query: TreeQuery): ProcessHandle[];
  /** Nothing where the process is gone, or its number is another's by now. */
  signal(process: ProcessHandle, signal: NodeJS.Signals): void;
  hasMarker(pid: number, marker: string): boolean;
  /** Processes with the mark in their environment; asked once after a crash. */
  processesWithMarker(marker: string): number[];
  /** Where groups that processes cannot leave may be made; undefined where there are none, and then the tree has to do. */
  groupBase(): string | undefined;
  groupCreate(path: string): boolean;
  groupAdopt(path: string, tree: () => readonly number[]): Promise<void>;
  groupKill(path: string): void;
  /** False while somebody lives in it. */
  groupRemove(path: string): boolean;
}
