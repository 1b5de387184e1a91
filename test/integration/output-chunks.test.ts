/** Whose output is kept: that of attempts that are out with its very sender, and nobody else's. */
import { hostSubject } from '../../src/domain/run/subject.ts';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId, newRunId, type AgentId, type HostId, type RunId, type ServerId } from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { agentExecutor } from '../../src/domain/run/executor.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { newPartition } from '../../src/owner/owned-partition.ts';
import { ChunkWriter } from '../../src/owner/chunk-writer.ts';
import type { Fence } from '../../src/store/contract/lease.ts';
import type { OutputChunk } from '../../src/store/contract/output.ts';
import type { ExecutionChange } from '../../src/store/contract/owner-commit.ts';
import { plainSpec } from '../support/run-spec.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';

let api: TestApi;
let fence: Fence;
let runId: RunId;
let agents: AgentId[];
const HOSTS = 3;

beforeAll(async () => {
  api = await testApi();
  const serverId = newId<'server'>() as ServerId;
  await api.store.serverRegister({ id: serverId, url: 'http://x', version: '0', leaseMs: 600_000 });
  runId = newRunId(systemClock.nowMs());
  agents = Array.from({ length: HOSTS }, () => newId<'agent'>() as AgentId);
  const partition = partitionOf(runId);
  const term = (await api.store.ownerLook(serverId)).partitions.find(({ id }) => id === partition)!.term;
  fence = { partition, term, serverId };
  await api.store.runCreate(
    {
      id: runId,
      partition,
      name: 'n',
      reason: '',
      createdBy: { kind: 'system', id: 'test', name: 'test' },
      targetExpression: 'all',
      ...oneTask(
        plainSpec(),
        agents.map((_, i) => hostSubject(newId<'host'>() as HostId, `h${i}`)),
      ),
    },
    { actor: { kind: 'system', id: 'test', name: 'test' }, action: 'test', target: 'test', detail: {} },
  );
  await commit(
    agents.map((agentId, ordinal) =>
      change(ordinal, {
        from: ['waiting'],
        to: 'running',
        route: { executor: agentExecutor(agentId) },
        startedAtMs: 1,
      }),
    ),
  );
});
afterAll(() => api.close());

function change(ordinal: number, more: Partial<ExecutionChange>): ExecutionChange {
  return { runId, task: 0, ordinal, attempt: 1, from: ['running'], to: 'succeeded', seq: 5, ...more };
}
function commit(executions: ExecutionChange[]): Promise<unknown> {
  return api.store.ownerCommit({ fence, executions, runs: [], timeline: [] });
}
function piece(ordinal: number, more: Partial<OutputChunk> = {}): OutputChunk {
  return {
    runId,
    task: 0,
    ordinal,
    attempt: 1,
    stream: 1,
    seq: 0,
    bytes: Buffer.from('x'),
    executor: agentExecutor(agents[ordinal]!),
    ...more,
  };
}
async function kept(ordinal: number, attempt = 1): Promise<string | undefined> {
  const bytes = await api.store.outputRead({ runId, task: 0, ordinal, attempt }, 1, 0, 1 << 20);
  return bytes && Buffer.from(bytes).toString();
}

describe('a piece of output', () => {
  it.each<[string, () => Partial<OutputChunk>]>([
    ["of another agent's attempt", () => ({ executor: agentExecutor(agents[1]!) })],
    ['of an attempt that has not begun', () => ({ attempt: 2 })],
    ['of a host that the run has not', () => ({ ordinal: 99, executor: agentExecutor(agents[0]!) })],
    ['of a run that does not exist', () => ({ runId: newRunId(systemClock.nowMs()) })],
  ])('%s belongs to nobody, and nothing of it is kept', async (_what, odd) => {
    const chunks = [piece(0, { seq: 7 }), piece(0, { seq: 8, ...odd() })];
    expect(await api.store.outputChunkWrite([fence], chunks)).toEqual(new Set([0]));
  });

  it('that the database refuses keeps out nobody else, and is not tried for ever', async () => {
    const written: number[] = [];
    const writer = new ChunkWriter({
      log: silentLog,
      write: (waiting) =>
        api.store.outputChunkWrite(
          [fence],
          waiting.map(({ chunk }) => chunk),
        ),
      written: (_worker, { ordinal }) => void written.push(ordinal),
    });
    const worker = newId<'worker'>() as never;
    for (const one of [piece(1), piece(0, { seq: 2 ** 40 }), piece(2, { bytes: Buffer.from('third') })])
      writer.push(newPartition(fence.partition, fence.term), worker, one);
    await until('the good pieces to be written', () => written.length === 2);
    expect(written.sort()).toEqual([1, 2]);
  });

  it('of an attempt that has ended is dropped, and told as taken so that its sender goes on', async () => {
    await commit([change(1, { outcome: { kind: 'exited', code: 0 }, finishedAtMs: 2 })]);
    expect(await api.store.outputChunkWrite([fence], [piece(1, { seq: 1, bytes: Buffer.from('forged') })])).toEqual(
      new Set([0]),
    );
    const rows = await api.database.query('SELECT seq FROM output_chunk WHERE run_id = $1 AND ordinal = 1', [runId]);
    expect(rows).toEqual([{ seq: 0 }]);
  });

  it('has the digest that the server takes of it, not the one that is told', async () => {
    const bytes = Buffer.alloc(limits.outputInlineBytesMax + 1, 'y');
    await api.store.outputChunkWrite([fence], [piece(2, { stream: 2, bytes })]);
    const told = { size: bytes.length + 5, head: bytes.length, tail: 0, digest: Buffer.alloc(32, 1) };
    await commit([change(2, { outcome: { kind: 'exited', code: 0 }, finishedAtMs: 2, stderr: told, stdout: told })]);
    const execution = await api.store.executionFetch({ runId, task: 0, ordinal: 2 });
    const gap = Buffer.from([0, 0, 0, 0, 0, 0, 0, 5]);
    expect(Buffer.from(execution!.stderr.digest!)).toEqual(createHash('sha256').update(bytes).update(gap).digest());
    expect(execution!.stderr.head).toBe(bytes.length);
    // Of stdout it promises what it has not sent.
    expect(execution!.stdout).toMatchObject({ head: 0, tail: 0 });
    expect(execution!.stdout.digest).toBeUndefined();
    expect(await kept(2)).toBe('');
  });
});
