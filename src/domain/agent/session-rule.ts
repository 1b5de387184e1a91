/**
 * Which start of an agent counts. Each start of an agent's process is an instance with a start counter that its data folder keeps, each
 * of its links has a number; both are proved under the agent's key. Two instances that cannot follow one another are copies of one data
 * folder: then neither is given anything, until only one shows itself any more, or somebody decides. A start that was never
 * seen takes the place of one with a higher count by nobody's silence: a worker may have kept its proof, and shows it then.
 * Pure: no I/O, no clock.
 */
import { given } from '../../base/given.ts';

/** What an agent shows when it links. */
export interface ShownInstance {
  readonly instance: string;
  /** The instance that its data folder knew before. */
  readonly after?: string;
  readonly start: number;
  readonly link: number;
  /** Who brought it. */
  readonly workerId: string;
  /** When a server heard of it, by the clock that all servers share; absent where it is not known. */
  readonly shownAtMs?: number;
}
export interface SeenInstance extends ShownInstance {
  readonly seenAtMs: number;
  /** When the first of its links that count was shown. */
  readonly sinceMs?: number;
}
export interface AgentSessionRecord {
  readonly current: SeenInstance;
  /** Shows itself beside the current one: while it is here, neither counts. */
  readonly rival?: SeenInstance;
  /** The last few that the current one has followed, with their last link: told again, they are old news. */
  readonly former: readonly FormerInstance[];
  /** Highest count of those that were of them and are not remembered any more: what has no higher one is long over. */
  readonly floor?: number;
  /** Decided against, with whatever says that it has followed them. */
  readonly banned: readonly string[];
}
interface FormerInstance {
  readonly instance: string;
  readonly link: number;
  /** Absent in records of former versions. */
  readonly start?: number;
}
export type SessionVerdict =
  | 'admitted'
  /** Of a link or a start that is over; says nothing new. */
  | 'stale'
  /** Of a start from before all that are remembered: a proof that was kept, or a data folder from an old backup. */
  | 'outdated'
  /** There are two, and nobody knows which is right. */
  | 'copied'
  /** One that somebody has decided against, or what has followed it. */
  | 'banned';

const REMEMBERED_MAX = 16;

/** `quietMs`: how long one of two must not have shown itself for the other to count again. The record is written as answered. */
export function judgeInstance(
  record: AgentSessionRecord | undefined,
  shown: ShownInstance,
  nowMs: number,
  quietMs: number,
): { readonly verdict: SessionVerdict; readonly record: AgentSessionRecord } {
  const { shownAtMs } = shown;
  const isSame = shown.instance === record?.current.instance;
  const sinceMs = isSame ? record.current.sinceMs : shownAtMs;
  const seen: SeenInstance = { ...shown, seenAtMs: nowMs, ...given({ sinceMs }) };
  if (!record) return { verdict: 'admitted', record: { current: seen, former: [], banned: [] } };
  const { current, rival, former, banned } = record;
  const isQuiet = (other: SeenInstance): boolean => nowMs - other.seenAtMs > quietMs;
  if (banned.includes(shown.instance)) return { verdict: 'banned', record };
  if (shown.after !== undefined && banned.includes(shown.after))
    return { verdict: 'banned', record: { ...record, banned: remember(banned, shown.instance) } };
  if (isSame) {
    if (shown.link < current.link) return { verdict: 'stale', record };
    if (!rival || isQuiet(rival)) return { verdict: 'admitted', record: { ...withoutRival(record), current: seen } };
    return { verdict: 'copied', record: { ...record, current: seen } };
  }
  const known = former.find(({ instance }) => instance === shown.instance);
  if (known && shown.link <= known.link) return { verdict: 'stale', record };
  // Heard before the current one was, and written late: that it was there then is nothing that speaks against its successor.
  if (
    shownAtMs !== undefined &&
    current.sinceMs !== undefined &&
    shownAtMs < current.sinceMs &&
    shown.start < current.start
  )
    return { verdict: 'stale', record };
  if (!known && record.floor !== undefined && shown.start <= record.floor) return { verdict: 'outdated', record };
  if (rival) {
    if (shown.instance === rival.instance && shown.link < rival.link) return { verdict: 'stale', record };
    const isAlone =
      isQuiet(current) && (shown.instance === rival.instance || shown.after === rival.instance || isQuiet(rival));
    // One that was current before and links anew is alive: the copy that followed it may be gone.
    return isAlone && (shown.start >= current.start || known !== undefined)
      ? { verdict: 'admitted', record: follow(record, seen) }
      : { verdict: 'copied', record: { ...record, rival: seen } };
  }
  if (shown.start > current.start) return { verdict: 'admitted', record: follow(record, seen) };
  return { verdict: 'copied', record: { ...record, rival: seen } };
}

/** Somebody says which of the two it is; the other is never let in again. Undefined: it is neither of them. */
export function decideInstance(record: AgentSessionRecord, instance: string): AgentSessionRecord | undefined {
  const { current, rival } = record;
  const [kept, other] = instance === current.instance ? [current, rival] : [rival, current];
  if (kept?.instance !== instance) return undefined;
  return {
    ...withoutRival(record),
    current: kept,
    ...given({ banned: other && remember(record.banned, other.instance) }),
  };
}

function follow(record: AgentSessionRecord, seen: SeenInstance): AgentSessionRecord {
  const { instance, link, start } = record.current;
  const former = remember(record.former, { instance, link, start });
  const [oldest] = record.former;
  // Of one without a count is known that each that followed it had a higher one.
  const gone = oldest && former[0] !== oldest ? (oldest.start ?? Math.max(0, start - REMEMBERED_MAX)) : undefined;
  const floor = gone === undefined ? record.floor : Math.max(gone, record.floor ?? 0);
  return { ...withoutRival(record), current: seen, former, ...given({ floor }) };
}

function withoutRival({ rival: _, ...record }: AgentSessionRecord): AgentSessionRecord {
  return record;
}

function remember<T>(list: readonly T[], one: T): readonly T[] {
  return [...list, one].slice(-REMEMBERED_MAX);
}
