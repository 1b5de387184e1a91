/**
 * Finds what an earlier process of ours has launched and had no time to journal: between the two there are only its
 * files and its mark to go by, and of a supervisor that had waited the number that stands in its folder.
 */
import { existsSync, readFileSync } from 'node:fs';
import { pause, type Clock } from '../../base/clock.ts';
import type { Spool } from '../../ledger/spool.ts';
import { attemptMarker, type Platform, type ProcessHandle } from './platform.ts';
import { leaderOfStopped, releaseSupervisor, type ProcessIdentity } from './running.ts';

export interface FindProcessContext {
  readonly platform: Platform;
  readonly spool: Spool;
  readonly clock: Clock;
}

const LOOKS_MAX = 200;
const LOOK_EVERY_MS = 10;

/** Undefined where its leader never became the script. */
export async function findProcess(
  attempt: string,
  { platform, spool, clock }: FindProcessContext,
): Promise<ProcessIdentity | undefined> {
  const marker = attemptMarker(attempt);
  const bootId = platform.bootId();
  const identity = (pid: number, startTicks: number, supervisorPid: number): ProcessIdentity => ({
    pid,
    startTicks,
    supervisorPid,
    bootId,
    startedAtMs: clock.nowMs(),
  });
  const pidFile = spool.file(attempt, 'pid');
  for (let look = 0; ; look++) {
    const text = existsSync(pidFile) ? readFileSync(pidFile, 'latin1') : '';
    if (text.endsWith('\n')) {
      const stat = platform.processStat(Number(text));
      const hasParent = stat !== undefined && platform.hasMarker(stat.parentPid, marker);
      return identity(Number(text), stat?.startTicks ?? -1, hasParent ? stat.parentPid : -1);
    }
    const ordered = orderedSupervisor(attempt, platform, spool);
    const begun = platform.processesWithMarker(marker);
    if (begun.length === 0 && !ordered) return undefined;
    // Its files may be gone; scripts stop processes too, but the supervisor was there first.
    const supervisor = begun
      .flatMap((pid) => platform.processStat(pid) ?? [])
      .sort((a, b) => a.startTicks - b.startTicks)
      .find(({ pid, session }) => pid === session);
    const leader = supervisor && leaderOfStopped(platform, supervisor.pid);
    if (leader) return identity(leader.pid, leader.startTicks, leader.parentPid);
    // A supervisor that has not written the pid yet is about to; one that never does is ended before it is tried again. One that waited
    // and was ordered bears no mark yet: it is about to, or ends, for nobody writes to its pipe any more.
    if (look > LOOKS_MAX) {
      for (const pid of begun) releaseSupervisor(platform, attempt, pid);
      if (ordered) platform.signal(ordered, 'SIGKILL');
    }
    await pause(clock, LOOK_EVERY_MS);
  }
}

/** Who waited and was given the attempt, for as long as it is there. */
function orderedSupervisor(attempt: string, platform: Platform, spool: Spool): ProcessHandle | undefined {
  const file = spool.file(attempt, 'supervisor');
  const [pid, startTicks] = existsSync(file) ? readFileSync(file, 'latin1').split(' ').map(Number) : [];
  const stat = pid === undefined ? undefined : platform.processStat(pid);
  return stat?.startTicks === startTicks && stat?.state !== 'Z' ? stat : undefined;
}
