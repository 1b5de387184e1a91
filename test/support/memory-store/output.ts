/** What executions of a store in memory have written. */
import { given } from '../../../src/base/given.ts';
import type { AttemptKey, RunId } from '../../../src/base/ids.ts';
import { limits } from '../../../src/base/limits.ts';
import { isSameExecutor } from '../../../src/domain/run/executor.ts';
import type { Fence } from '../../../src/store/contract/lease.ts';
import type { OutputChunk, OutputGroup, OutputStore, StreamRecord } from '../../../src/store/contract/output.ts';
import { attemptKey, type ExecutionRow, type MemoryTables } from './rows.ts';
import { hostOf } from '../../../src/domain/run/subject.ts';

export function outputGroups(
  tables: MemoryTables,
  runId: RunId,
  { hostsMax, groupsMax, task: only, states }: Parameters<OutputStore['outputGroups']>[1],
): OutputGroup[] {
  const hex = ({ size, head, tail, digest }: StreamRecord): string =>
    `${size} ${head} ${tail} ${digest ? Buffer.from(digest).toString('hex') : ''}`;
  const executions = tables.runs.get(runId)?.executions ?? [];
  const chosen = executions.filter(
    ({ task, state }) => (only === undefined || task === only) && (states?.includes(state) ?? true),
  );
  const alike = Map.groupBy(chosen, ({ state, outcome, reason, stdout, stderr }) =>
    [state, JSON.stringify(outcome), reason, hex(stdout), hex(stderr)].join(' | '),
  );
  return [...alike.values()]
    .sort((a, b) => b.length - a.length)
    .slice(0, groupsMax)
    .map((list) => {
      const { state, outcome, reason, stdout, stderr, task, ordinal, attempt } = list[0]!;
      return {
        state,
        ...given({ outcome, reason }),
        stdout,
        stderr,
        count: list.length,
        hosts: list.flatMap(({ subject }) => hostOf(subject)?.name ?? []).slice(0, hostsMax),
        sample: { runId, task, ordinal, attempt },
      };
    });
}

/** Small output lies once per content, large output in pieces. */
export function outputRead(
  tables: MemoryTables,
  key: AttemptKey,
  stream: 1 | 2,
  offset: number,
  length: number,
): Uint8Array | undefined {
  const row = tables.runs.get(key.runId);
  if (!row) return undefined;
  const same = (one: ExecutionRow): boolean => attemptKey(one) === attemptKey(key);
  const told = [...row.executions.filter(same), ...row.history.filter(same), row.lateReports.get(attemptKey(key))];
  const streams = told.flatMap((one) => (one ? [stream === 1 ? one.stdout : one.stderr] : []));
  if (streams.length === 0) return undefined;
  const digest = streams.find((one) => one.digest)?.digest;
  if (!digest || offset >= limits.outputKeptBytesMax) return new Uint8Array(0);
  const blob = row.blobs.get(Buffer.from(digest).toString('hex'));
  if (blob) return blob.subarray(offset, offset + length);
  const pieces = row.chunks.get(`${attemptKey(key)}.${stream}`);
  if (!pieces) return offset === 0 && length > 0 ? undefined : new Uint8Array(0);
  const whole = Buffer.concat([...pieces].sort(([a], [b]) => a - b).map(([, bytes]) => bytes));
  return whole.subarray(offset, offset + length);
}

export function outputChunkWrite(
  tables: MemoryTables,
  fences: readonly Fence[],
  chunks: readonly OutputChunk[],
): ReadonlySet<number> {
  const held = fences.filter((fence) => tables.holds(fence));
  for (const fence of held) tables.watcher.owned(fence);
  const partitions = new Set(held.map(({ partition }) => partition));
  const known = new Set<number>();
  for (const [i, chunk] of chunks.entries()) {
    const row = tables.runs.get(chunk.runId);
    const key = attemptKey(chunk);
    const same = (one: ExecutionRow): boolean =>
      attemptKey(one) === key && isSameExecutor(one.route?.executor, chunk.executor);
    const now = row?.executions.find(same);
    const former = row?.history.find(same);
    const state = now?.state ?? (row?.lateReports.has(key) ? undefined : former?.state);
    if (!row || !partitions.has(row.run.partition) || (!now && !former)) continue;
    known.add(i);
    if (state !== 'dispatched' && state !== 'running' && state !== 'lost') continue;
    const at = `${key}.${chunk.stream}`;
    const pieces = row.chunks.get(at) ?? new Map<number, Uint8Array>();
    row.chunks.set(at, pieces);
    if (!pieces.has(chunk.seq)) pieces.set(chunk.seq, chunk.bytes);
  }
  return known;
}
