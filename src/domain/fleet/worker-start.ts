/**
 * Which start of a worker's process counts. A worker has one data folder and one process; where the folder is in use twice (a cloned
 * disk, a folder copied) each of the two would be given what the other has, and carry it out once more. So no second start is let in
 * while servers have links of another one; and once that has gone on for longer than the links of a dead process can stand, it is a copy,
 * which also stays out for a while when the other is away. Nobody can tell a copy from a restart but by the other being there.
 * Pure: no I/O, no clock.
 */
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';

export interface WorkerStarts {
  /** The one that counts. */
  readonly current: string;
  /** Servers that have a link of it, as they say. */
  readonly heldBy: readonly string[];
  /** When one of them last took a link of it, or lost one. */
  readonly seenAtMs: number;
  /** Came while the current one was there. */
  readonly rival?: RivalStart;
}
export interface RivalStart {
  readonly instance: string;
  readonly sinceMs: number;
  readonly seenAtMs: number;
  /** Both of them live. */
  readonly isCopy: boolean;
}
export interface ShownStart {
  readonly instance: string;
  /** Who asks. */
  readonly serverId: string;
  /** Whoever asks has a link of another start of this worker. */
  readonly isOtherHere: boolean;
}
/** What all servers share: the database's clock, and until when each server is known to live. */
export interface ServersAlive {
  readonly nowMs: number;
  readonly leases: ReadonlyMap<string, number>;
  /** When whoever asks has started: nobody has shown himself to it before. */
  readonly startedAtMs: number;
}
/** `held`: another start is linked, or was a moment ago. `copied`: there are two, and the other is the one that counts. */
export type WorkerStartVerdict = 'admitted' | 'held' | 'copied';

/** No link of a process that is dead stands longer, on whatever server, dead or alive. */
const GONE_MS = limits.linkSilentMsMax + limits.serverLeaseMs;
/** A living one is back long before. */
const AWAY_MS = 2 * limits.linkSilentMsMax;

export function judgeWorkerStart(
  starts: WorkerStarts | undefined,
  { instance, serverId, isOtherHere }: ShownStart,
  { nowMs, leases, startedAtMs }: ServersAlive,
): { readonly verdict: WorkerStartVerdict; readonly starts: WorkerStarts } {
  const admitted = (heldBy: readonly string[], rival: RivalStart | undefined) => ({
    verdict: 'admitted' as const,
    starts: { current: instance, heldBy: [...heldBy, serverId], seenAtMs: nowMs, ...given({ rival }) },
  });
  if (!starts) return admitted([], undefined);
  const { current, rival } = starts;
  const others = starts.heldBy.filter((id) => id !== serverId && (leases.get(id) ?? 0) > nowMs);
  const known = rival && nowMs - rival.seenAtMs <= AWAY_MS ? rival : undefined;
  // Linked anew while the other one was there.
  if (instance === current) return admitted(others, known && { ...known, isCopy: true });
  const mine = known?.instance === instance ? known : undefined;
  // Whoever asks knows best whether it has a link of the other: that it took one may have been written after it had lost it again, and
  // nobody would ever say so.
  const still = isOtherHere ? starts : withoutHolder(starts, { instance: current, serverId }, nowMs);
  const refused = (isCopy: boolean) => ({
    verdict: isCopy ? ('copied' as const) : ('held' as const),
    starts: { ...still, rival: { instance, sinceMs: mine?.sinceMs ?? nowMs, seenAtMs: nowMs, isCopy } },
  });
  if (others.length > 0 || isOtherHere)
    return refused(mine !== undefined && (mine.isCopy || nowMs - mine.sinceMs > GONE_MS));
  const heldUntil = starts.heldBy.map((id) => Math.min(nowMs, leases.get(id) ?? 0));
  const lastSeenMs = Math.max(starts.seenAtMs, startedAtMs, ...heldUntil);
  if (mine?.isCopy && nowMs - lastSeenMs <= AWAY_MS) return refused(true);
  return admitted([], mine ? undefined : known);
}

/** That server has no link of it any more. */
export function withoutHolder(
  starts: WorkerStarts,
  { instance, serverId }: Pick<ShownStart, 'instance' | 'serverId'>,
  nowMs: number,
): WorkerStarts {
  if (starts.current !== instance || !starts.heldBy.includes(serverId)) return starts;
  return { ...starts, heldBy: starts.heldBy.filter((id) => id !== serverId), seenAtMs: nowMs };
}

/** Who shows itself beside the one that counts, now. */
export function copyOf(starts: WorkerStarts | undefined, nowMs: number): RivalStart | undefined {
  const rival = starts?.rival;
  return rival?.isCopy && nowMs - rival.seenAtMs <= AWAY_MS ? rival : undefined;
}
