/** Runs that are created, and end, in the same moment: each is whole, and what is wrong with one is its own. */
import { hostSubject } from '../../src/domain/run/subject.ts';
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId, newRunId, type HostId, type RunId, type ServerId } from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { agentExecutor } from '../../src/domain/run/executor.ts';
import { emptyCounts } from '../../src/domain/crew/execution-machine.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';
import type { NewRun } from '../../src/store/contract/run.ts';
import { plainSpec } from '../support/run-spec.ts';
import { testApi, type TestApi } from '../support/api.ts';

const actor = { kind: 'system', id: 'test', name: 'test' } as const;
const audit = { actor, action: 'test', target: 'test', detail: {} };
const DAY_MS = 86_400_000;

let api: TestApi;
let serverId: ServerId;
beforeAll(async () => {
  api = await testApi();
  serverId = newId<'server'>() as ServerId;
  await api.store.serverRegister({ id: serverId, url: 'http://x', version: '0', leaseMs: 600_000 });
});
afterAll(() => api.close());

function newRun(hosts: number, id = newRunId(systemClock.nowMs())): NewRun {
  return {
    id,
    partition: partitionOf(id),
    name: 'n',
    reason: '',
    createdBy: actor,
    targetExpression: 'all',
    ...oneTask(
      plainSpec(),
      Array.from({ length: hosts }, (_, n) => hostSubject(newId<'host'>() as HostId, `h${n}`)),
    ),
  };
}

describe('runs that are created at once', () => {
  it('are each whole, with their own hosts, claim and audit entry', async () => {
    const runs = Array.from({ length: 60 }, (_, n) => ({
      ...newRun(1 + (n % 4)),
      claim: { principal: 'p', key: `burst-${n}` },
    }));
    for (const { claim } of runs)
      await api.database.query(
        "INSERT INTO idempotency (principal, key, request_hash, created_at_ms) VALUES ($1, $2, '', 1)",
        [claim.principal, claim.key],
      );
    const records = await Promise.all(
      runs.map((run) => api.store.runCreate(run, { ...audit, action: 'burst', target: run.id })),
    );
    for (const [i, run] of runs.entries()) {
      expect(records[i]).toMatchObject({ id: run.id, state: 'waiting', counts: { waiting: run.subjects[0]!.length } });
      const { items } = await api.store.executionList(run.id, {}, { limit: 10 });
      expect(items.map(({ subject }) => subject)).toEqual(run.subjects[0]);
    }
    const claims = await api.database.query("SELECT key, body FROM idempotency WHERE principal = 'p' ORDER BY key");
    expect(claims).toEqual(
      runs
        .map(({ id, claim }) => ({ key: claim.key, body: JSON.stringify({ id }) }))
        .sort((a, b) => (a.key < b.key ? -1 : 1)),
    );
    const { items } = await api.store.auditList(EVERYTHING, { action: 'burst' }, { limit: 100 });
    expect(items.map(({ target }) => target).sort()).toEqual(runs.map(({ id }) => id).sort());
  });

  it('are not refused because of one that the database refuses', async () => {
    const runs = Array.from({ length: 30 }, () => newRun(1));
    const outcomes = await Promise.allSettled(
      runs.map((run, n) => api.store.runCreate(n === 17 ? { ...run, name: 'a\0b' } : run, audit)),
    );
    expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([17]);
    expect(await api.store.runFetch(runs[17]!.id)).toBeUndefined();
    for (const [n, { id }] of runs.entries()) if (n !== 17) expect(await api.store.runFetch(id)).toBeDefined();
  });

  it('are begun only where the owner still owns their partition, under this very term', async () => {
    const run = newRun(1);
    const owned = (await api.store.ownerLook(serverId)).partitions;
    const { term } = owned.find(({ id }) => id === run.partition)!;
    const dispatched = (id: RunId, termHeld: number): NewRun['dispatch'] => ({
      fence: { partition: run.partition, term: termHeld, serverId },
      executions: [
        {
          ordinal: 0,
          route: { executor: agentExecutor(newId<'agent'>()), workerId: newId<'worker'>() },
        },
      ],
      dispatchedAtMs: 3,
      run: { runId: id, to: 'running', counts: { ...emptyCounts(), dispatched: 1 }, seq: 2, startedAtMs: 3 },
      timeline: [],
    });
    // All three are of one partition.
    const ids: RunId[] = [run.id];
    while (ids.length < 3) {
      const id = newRunId(systemClock.nowMs());
      if (partitionOf(id) === run.partition) ids.push(id);
    }
    const created = await Promise.all(
      ids.map((id, n) =>
        api.store.runCreate({ ...newRun(1, id), dispatch: dispatched(id, term - (n === 1 ? 1 : 0))! }, audit),
      ),
    );
    expect(created.map(({ state, seq }) => [state, seq])).toEqual([
      ['running', 2],
      ['waiting', 1],
      ['running', 2],
    ]);
  });
});

describe('runs of several days that end in one commit', () => {
  it('are each written, and none but they', async () => {
    const partition = partitionOf(newRunId(systemClock.nowMs()));
    const ids = [0, 0, 1, 2].map((days) => {
      for (;;) {
        const id = newRunId(systemClock.nowMs() - days * DAY_MS);
        if (partitionOf(id) === partition) return id;
      }
    });
    const bystander = newRun(2);
    await Promise.all([
      ...ids.map((id) => api.store.runCreate(newRun(2, id), audit)),
      api.store.runCreate(bystander, audit),
    ]);
    const { term } = (await api.store.ownerLook(serverId)).partitions.find(({ id }) => id === partition)!;
    const result = await api.store.ownerCommit({
      fence: { partition, term, serverId },
      executions: ids.flatMap((runId, n) =>
        [0, 1].map((ordinal) => ({
          runId,
          task: 0,
          ordinal,
          attempt: 1,
          from: ['waiting' as const],
          to: 'succeeded' as const,
          outcome: { kind: 'exited' as const, code: 0 },
          startedAtMs: 1,
          finishedAtMs: 2 + n,
          seq: 5,
        })),
      ),
      runs: ids.map((runId) => ({
        runId,
        to: 'succeeded',
        counts: { ...emptyCounts(), succeeded: 2 },
        finishedAtMs: 9,
        seq: 5,
      })),
      timeline: [],
    });
    expect(result).toEqual({ kind: 'committed', refused: [], stale: [], notKept: [] });
    for (const [n, id] of ids.entries()) {
      expect(await api.store.runFetch(id)).toMatchObject({ state: 'succeeded', finishedAtMs: 9 });
      const { items } = await api.store.executionList(id, {}, { limit: 10 });
      expect(items.map(({ state, finishedAtMs }) => [state, finishedAtMs])).toEqual([
        ['succeeded', 2 + n],
        ['succeeded', 2 + n],
      ]);
    }
    expect(await api.store.runFetch(bystander.id)).toMatchObject({ state: 'waiting' });
    expect((await api.store.ownerLook(serverId)).runs).not.toContainEqual(expect.objectContaining({ id: ids[0] }));
  });
});

describe('commits of several partitions at once', () => {
  it('are each under their own term, and what one was behind with, or cannot keep, is its own', async () => {
    const owned = new Map((await api.store.ownerLook(serverId)).partitions.map(({ id, term }) => [id, term]));
    const runs: NewRun[] = [];
    while (runs.length < 8) {
      const run = newRun(1);
      if (runs.every(({ partition }) => partition !== run.partition)) runs.push(run);
    }
    await Promise.all(runs.map((run) => api.store.runCreate(run, audit)));
    const [fenced, behind, unfit] = [5, 6, 7];
    const results = await Promise.all(
      runs.map((run, n) =>
        api.store.ownerCommit({
          fence: { partition: run.partition, serverId, term: owned.get(run.partition)! - (n === fenced ? 1 : 0) },
          executions: [
            {
              runId: run.id,
              task: 0,
              ordinal: 0,
              attempt: n === behind ? 2 : 1,
              from: ['waiting'],
              to: 'failed',
              outcome: { kind: 'exited', code: n === unfit ? 2 ** 40 : n },
              startedAtMs: 1,
              finishedAtMs: 2,
              seq: 5,
            },
          ],
          runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1 }, finishedAtMs: 9, seq: 5 }],
          timeline: [{ runId: run.id, seq: 5, kind: 'finished', atMs: 9, detail: {} }],
        }),
      ),
    );
    for (const [n, { id }] of runs.entries()) {
      const isWritten = ![fenced, behind, unfit].includes(n);
      expect(results[n], String(n)).toMatchObject(
        n === fenced
          ? { kind: 'fenced' }
          : {
              kind: 'committed',
              refused: isWritten ? [] : [0],
              stale: isWritten ? [] : [id],
              notKept: n === unfit ? [{ runId: id, ordinal: 0, attempt: 1 }] : [],
            },
      );
      expect((await api.store.runFetch(id))!.state).toBe(isWritten ? 'failed' : 'waiting');
      const { outcome } = (await api.store.executionFetch({ runId: id, task: 0, ordinal: 0 }))!;
      expect(outcome).toEqual(isWritten ? { kind: 'exited', code: n } : undefined);
    }
  });
});

describe('keys of requests that come at once', () => {
  it('are given to one request each, and the same again finds it busy, used for another, or answered', async () => {
    const [hash, otherHash] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const claim = (key: string, of = hash): Promise<string> =>
      api.store.idempotencyClaim(key, 'caller', of).then(({ kind }) => kind);
    // The first two go alone, whatever comes behind them goes together.
    const kinds = await Promise.all([
      claim('first'),
      claim('second'),
      claim('z'),
      claim('a'),
      claim('a'),
      claim('a', otherHash),
      claim('m'),
      claim('first'),
    ]);
    // That which goes alone may be overtaken by those that go together.
    expect([kinds[0], kinds.at(-1)].toSorted()).toEqual(['busy', 'claimed']);
    expect(kinds.slice(1, -1)).toEqual(['claimed', 'claimed', 'claimed', 'busy', 'reused', 'claimed']);
    await Promise.all(
      ['first', 'second', 'z', 'a'].map((key, n) => api.store.idempotencyStore(key, 'caller', 201, `answer ${n}`)),
    );
    const again = await Promise.all(
      ['a', 'z', 'm', 'first'].map((key) => api.store.idempotencyClaim(key, 'caller', hash)),
    );
    expect(again).toEqual([
      { kind: 'replay', status: 201, body: 'answer 3' },
      { kind: 'replay', status: 201, body: 'answer 2' },
      { kind: 'busy' },
      { kind: 'replay', status: 201, body: 'answer 0' },
    ]);
    expect(await api.store.idempotencyClaim('a', 'somebody else', hash)).toEqual({ kind: 'claimed' });
  });
});
