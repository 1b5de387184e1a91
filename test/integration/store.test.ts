import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import {
  newId,
  newRunId,
  partitionOf,
  type AgentId,
  type HostId,
  type RunId,
  type ServerId,
  type TokenId,
} from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { emptyCounts } from '../../src/domain/run/execution-machine.ts';
import type { RunSpec } from '../../src/domain/run/spec.ts';
import { maintain } from '../../src/store/postgres/maintenance.ts';
import { Pool } from '../../src/store/postgres/pool.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { runResource } from '../../src/http/convert.ts';
import { testAuditKey } from '../support/audit-key.ts';
import type {
  AuditEntry,
  ExecutionChange,
  OutputChunk,
  Fence,
  LateReportChange,
  Store,
} from '../../src/store/store.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';

const actor = { kind: 'token', id: 't', name: 'tester' } as const;
const audit: AuditEntry = { actor, action: 'test', target: 'test', detail: { b: 1, a: [2, { z: 1, y: 2 }] } };
const spec: RunSpec = {
  work: { kind: 'script', script: Buffer.from('true') },
  args: [],
  env: {},
  params: {},
  secretNames: [],
  timeoutMs: 1_000,
  killAfterMs: 1_000,
  startDeadlineMs: 1_000,
  lostAfterMs: 1_000,
  retries: 0,
  outputKeptBytes: 1_024,
};

let database: TestDatabase;
let store: Store;
beforeAll(async () => {
  database = await testDatabase();
  store = await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

async function newServer(): Promise<ServerId> {
  const id = newId<'server'>();
  await store.serverRegister({ id, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
  return id;
}

async function newRun(hosts: number): Promise<{ id: RunId; fenceOf: (serverId: ServerId) => Promise<Fence> }> {
  const id = newRunId(systemClock.nowMs());
  const targets = Array.from({ length: hosts }, (_, i) => ({ hostId: newId<'host'>() as HostId, hostName: `h${i}` }));
  await store.runCreate(
    {
      id,
      partition: partitionOf(id),
      name: 'n',
      reason: 'r',
      createdBy: actor,
      targetExpression: 'all',
      spec,
      targets,
    },
    audit,
  );
  return {
    id,
    async fenceOf(serverId) {
      const partition = partitionOf(id);
      await database.query('UPDATE partition SET owner = $1, term = term + 1 WHERE id = $2', [serverId, partition]);
      const [row] = await database.query('SELECT term::int AS term FROM partition WHERE id = $1', [partition]);
      return { partition, serverId, term: row!.term as number };
    },
  };
}

function done(runId: RunId, ordinal: number, more: Partial<ExecutionChange> = {}): ExecutionChange {
  return {
    runId,
    task: 0,
    ordinal,
    attempt: 1,
    from: ['waiting', 'dispatched', 'running'],
    to: 'succeeded',
    exitCode: 0,
    startedAtMs: 1,
    finishedAtMs: 2,
    seq: 5,
    ...more,
  };
}

function pieceOf(runId: RunId, agentId: AgentId): Omit<OutputChunk, 'seq' | 'bytes'> {
  return { runId, task: 0, ordinal: 0, attempt: 1, stream: 1, agentId };
}

/** Host 0 runs the attempt, by the agent that is answered. */
async function begun(runId: RunId, fence: Fence): Promise<AgentId> {
  const agentId = newId<'agent'>() as AgentId;
  const { exitCode: _, finishedAtMs: __, ...running } = done(runId, 0, { to: 'running', agentId });
  await store.ownerCommit({ fence, executions: [running], runs: [], timeline: [] });
  return agentId;
}

describe('a run', () => {
  it('is created whole and read back as it was', async () => {
    const { id } = await newRun(3);
    const run = await store.runFetch(id);
    expect(run).toMatchObject({ id, state: 'waiting', hostCount: 3, round: 1, seq: 1, spec: { timeoutMs: 1_000 } });
    expect((await store.executionList(id, {}, { limit: 2 })).items.map((e) => e.hostName)).toEqual(['h0', 'h1']);
    expect(await store.activeRunList([partitionOf(id)])).toContainEqual({ id, round: 1, isCancelRequested: false });
  });

  it('pages by a cursor that cannot be made up', async () => {
    const { id } = await newRun(5);
    const first = await store.executionList(id, {}, { limit: 3 });
    const second = await store.executionList(id, {}, { limit: 3, cursor: first.next! });
    expect([...first.items, ...second.items].map((e) => e.ordinal)).toEqual([0, 1, 2, 3, 4]);
    expect(second.next).toBeUndefined();
    await expect(store.executionList(id, {}, { limit: 3, cursor: 'nonsense' })).rejects.toMatchObject({
      code: 'bad-input',
    });
  });
});

describe('an owner', () => {
  it('changes what still is as it thinks, and learns what is not', async () => {
    const run = await newRun(3);
    const fence = await run.fenceOf(await newServer());
    const result = await store.ownerCommit({
      fence,
      executions: [done(run.id, 0), done(run.id, 1, { attempt: 2 }), done(run.id, 2, { from: ['running'] })],
      runs: [],
      timeline: [],
    });
    expect(result).toMatchObject({ kind: 'committed', refused: [1, 2] });
    expect((await store.executionFetch({ runId: run.id, task: 0, ordinal: 0 }))?.state).toBe('succeeded');
    const again = await store.ownerCommit({
      fence,
      executions: [done(run.id, 0, { to: 'failed', exitCode: 1 })],
      runs: [],
      timeline: [],
    });
    expect(again).toMatchObject({ kind: 'committed', refused: [0] });
  });

  it('writes nothing at all once another term began', async () => {
    const run = await newRun(1);
    const stale = await run.fenceOf(await newServer());
    await run.fenceOf(await newServer());
    expect(await store.ownerCommit({ fence: stale, executions: [done(run.id, 0)], runs: [], timeline: [] })).toEqual({
      kind: 'fenced',
    });
    expect(
      await store.outputChunkWrite(stale, [
        { ...pieceOf(run.id, newId<'agent'>() as AgentId), seq: 0, bytes: Buffer.from('x') },
      ]),
    ).toBe('fenced');
    expect((await store.executionFetch({ runId: run.id, task: 0, ordinal: 0 }))?.state).toBe('waiting');
  });

  it('keeps small output once per content, folds by it and reads ranges', async () => {
    const run = await newRun(3);
    const fence = await run.fenceOf(await newServer());
    const stdout = { size: 5, head: 5, tail: 0, digest: Buffer.alloc(32, 7), inline: Buffer.from('hello') };
    await store.ownerCommit({
      fence,
      executions: [
        done(run.id, 0, { stdout }),
        done(run.id, 1, { stdout }),
        done(run.id, 2, { to: 'failed', exitCode: 3 }),
      ],
      runs: [],
      timeline: [],
    });
    const groups = await store.outputGroups(run.id, { hostsMax: 10, groupsMax: 10 });
    expect(groups.map((g) => [g.state, g.count, g.hosts])).toEqual([
      ['succeeded', 2, ['h0', 'h1']],
      ['failed', 1, ['h2']],
    ]);
    expect(
      Buffer.from((await store.outputRead({ runId: run.id, task: 0, ordinal: 1, attempt: 1 }, 1, 1, 3))!).toString(),
    ).toBe('ell');
    expect(await database.query('SELECT 1 FROM output_blob WHERE run_id = $1', [run.id])).toHaveLength(1);
  });

  it('reads any range of chunked output as one', async () => {
    const run = await newRun(1);
    const fence = await run.fenceOf(await newServer());
    const agentId = await begun(run.id, fence);
    const pieces = ['abcd', 'efgh', 'ij'];
    for (const [seq, text] of pieces.entries()) {
      const chunk = { ...pieceOf(run.id, agentId), seq, bytes: Buffer.from(text) };
      expect(await store.outputChunkWrite(fence, [chunk])).toEqual(new Set([0]));
      expect(await store.outputChunkWrite(fence, [chunk])).toEqual(new Set([0]));
    }
    await store.ownerCommit({
      fence,
      executions: [done(run.id, 0, { stdout: { size: 10, head: 10, tail: 0, digest: Buffer.alloc(32, 9) } })],
      runs: [],
      timeline: [],
    });
    for (let from = 0; from < 10; from++) {
      for (let to = from; to <= 11; to++) {
        expect(
          Buffer.from(
            (await store.outputRead({ runId: run.id, task: 0, ordinal: 0, attempt: 1 }, 1, from, to - from))!,
          ).toString(),
        ).toBe('abcdefghij'.slice(from, to));
      }
    }
  });

  it('opens the next attempt together with the failure of this one', async () => {
    const run = await newRun(1);
    const fence = await run.fenceOf(await newServer());
    await store.ownerCommit({
      fence,
      executions: [done(run.id, 0, { to: 'failed', exitCode: 4, retry: true })],
      runs: [],
      timeline: [],
    });
    const key = { runId: run.id, task: 0, ordinal: 0 };
    expect(await store.executionFetch(key)).toMatchObject({ state: 'waiting', attempt: 2 });
    expect(await store.executionHistory(key)).toMatchObject([{ state: 'failed', attempt: 1, exitCode: 4 }]);
    expect((await store.runSeed(run.id))!.executions[0]).toMatchObject({ failuresInRound: 1, attempt: 2 });
  });
});

describe('a retry', () => {
  it('opens one round over the chosen states, however often it is asked at once', async () => {
    const run = await newRun(2);
    const fence = await run.fenceOf(await newServer());
    expect(await store.runRetry(run.id, ['failed'], audit)).toEqual({ kind: 'not-finished' });
    const counts = { ...emptyCounts(), succeeded: 1, failed: 1 };
    await store.ownerCommit({
      fence,
      executions: [done(run.id, 0), done(run.id, 1, { to: 'failed', exitCode: 1 })],
      runs: [{ runId: run.id, to: 'failed', counts, finishedAtMs: 3, seq: 6 }],
      timeline: [],
    });
    expect((await store.activeRunList([fence.partition])).map(({ id }) => id)).not.toContain(run.id);
    expect(await store.runRetry(run.id, ['lost'], audit)).toEqual({ kind: 'nothing-to-retry' });
    const answers = await Promise.all([
      store.runRetry(run.id, ['failed'], audit),
      store.runRetry(run.id, ['failed'], audit),
    ]);
    expect(answers.map((a) => a.kind).sort()).toEqual(['not-finished', 'opened']);
    expect(await store.runFetch(run.id)).toMatchObject({
      state: 'running',
      round: 2,
      counts: { waiting: 1, succeeded: 1 },
    });
  });
});

describe('how long a run took', () => {
  it('is the sum of its rounds, without the time between them', async () => {
    const run = await newRun(1);
    const fence = await run.fenceOf(await newServer());
    const end = async (atMs: number, seq: number, attempt: number): Promise<unknown> =>
      store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { to: 'failed', exitCode: 1, attempt, seq })],
        runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1 }, finishedAtMs: atMs, seq }],
        timeline: [],
      });
    const { createdAtMs } = (await store.runFetch(run.id))!;
    await end(createdAtMs + 5_000, 6, 1);
    await store.runRetry(run.id, ['failed'], audit);
    // Nobody looked at it for an hour.
    const HOUR_MS = 3_600_000;
    await database.query('UPDATE run SET round_started_at_ms = $2 WHERE id = $1', [run.id, createdAtMs + HOUR_MS]);
    await end(createdAtMs + HOUR_MS + 2_000, 8, 2);
    const record = (await store.runFetch(run.id))!;
    expect([record.earlierRoundsMs, runResource(record).durationMs]).toEqual([5_000, 7_000]);
    await store.runRetry(run.id, ['failed'], audit);
    expect((await store.runFetch(run.id))!.earlierRoundsMs).toBe(7_000);
  });
});

describe('the late truth of a lost execution', () => {
  it('does not end the round that a retry of others has opened meanwhile', async () => {
    const run = await newRun(2);
    const fence = await run.fenceOf(await newServer());
    const { exitCode: _, ...lost } = done(run.id, 1, { to: 'lost', reason: 'link-lost' });
    await store.ownerCommit({
      fence,
      executions: [done(run.id, 0, { to: 'failed', exitCode: 1 }), lost],
      runs: [
        { runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1, lost: 1 }, finishedAtMs: 3, seq: 6 },
      ],
      timeline: [],
    });
    expect((await store.runRetry(run.id, ['failed'], audit)).kind).toBe('opened');
    // Its owner has not heard of the retry yet.
    const late = done(run.id, 1, { from: ['lost'], settledLate: true, seq: 7 });
    const counts = { ...emptyCounts(), failed: 1, succeeded: 1 };
    const change = { runId: run.id, to: 'failed', counts, seq: 7, endedRound: 1 } as const;
    expect(await store.ownerCommit({ fence, executions: [late], runs: [change], timeline: [] })).toEqual({
      kind: 'committed',
      refused: [0],
      stale: [run.id],
      notKept: [],
    });
    expect(await store.runFetch(run.id)).toMatchObject({ state: 'running', counts: { waiting: 1, lost: 1 } });
    expect(await store.activeRunList([fence.partition])).toContainEqual({
      id: run.id,
      round: 2,
      isCancelRequested: false,
    });
  });
});

describe('a late report', () => {
  const key = (runId: RunId) => ({ runId, task: 0, ordinal: 0 });
  const agentId = newId<'agent'>() as AgentId;
  const stdout = { size: 5, head: 5, tail: 0, digest: Buffer.alloc(32, 8), inline: Buffer.from('truth') };
  const told = (runId: RunId, more: Partial<LateReportChange> = {}): LateReportChange => ({
    ...done(runId, 0, { agentId, stdout, seq: 9, from: ['lost'] }),
    receivedAtMs: 7,
    ...more,
  });

  /** Attempt 1 ended in `to`; attempt 2 is open. */
  async function superseded(to: 'lost' | 'failed'): Promise<{ id: RunId; fence: Fence }> {
    const run = await newRun(1);
    const fence = await run.fenceOf(await newServer());
    const end = to === 'lost' ? { reason: 'link-lost' } : { exitCode: 3 };
    const { exitCode: _, ...lost } = done(run.id, 0, { to, agentId });
    await store.ownerCommit({
      fence,
      executions: [{ ...lost, ...end }],
      runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), [to]: 1 }, finishedAtMs: 3, seq: 6 }],
      timeline: [],
    });
    expect((await store.runRetry(run.id, [to], audit)).kind).toBe('opened');
    return { id: run.id, fence };
  }

  it('is kept beside the lost attempt, once, with its output, and shows on the timeline', async () => {
    const { id, fence } = await superseded('lost');
    const write = (): Promise<unknown> =>
      store.ownerCommit({ fence, executions: [], runs: [], timeline: [], lateReports: [told(id)] });
    expect(await write()).toEqual({ kind: 'committed', refused: [], stale: [], notKept: [] });
    expect(await write()).toEqual({ kind: 'committed', refused: [], stale: [], notKept: [] });
    expect(await store.executionHistory(key(id))).toMatchObject([
      {
        attempt: 1,
        state: 'lost',
        lateReport: { state: 'succeeded', exitCode: 0, receivedAtMs: 7, stdout: { size: 5 } },
      },
    ]);
    expect(Buffer.from((await store.outputRead({ ...key(id), attempt: 1 }, 1, 0, 10))!).toString()).toBe('truth');
    expect(
      (await store.timelineList(id, { limit: 100 })).filter((entry) => entry.kind === 'late-report'),
    ).toMatchObject([{ seq: 9, detail: { hosts: ['h0'], count: 1 } }]);
    expect(await store.executionFetch(key(id))).toMatchObject({ attempt: 2, state: 'waiting' });
  });

  it('says nothing against an attempt that is not lost, nor from an agent that had no order, nor under a former term', async () => {
    const failed = await superseded('failed');
    await store.ownerCommit({
      fence: failed.fence,
      executions: [],
      runs: [],
      timeline: [],
      lateReports: [told(failed.id)],
    });
    const lost = await superseded('lost');
    await store.ownerCommit({
      fence: lost.fence,
      executions: [],
      runs: [],
      timeline: [],
      lateReports: [told(lost.id, { agentId: newId<'agent'>() as AgentId })],
    });
    expect(
      await store.ownerCommit({
        fence: { ...lost.fence, term: lost.fence.term - 1 },
        executions: [],
        runs: [],
        timeline: [],
        lateReports: [told(lost.id)],
      }),
    ).toEqual({ kind: 'fenced' });
    for (const { id } of [failed, lost]) {
      const history = await store.executionHistory(key(id));
      expect(history).toHaveLength(1);
      expect(history[0]).not.toHaveProperty('lateReport');
      expect((await store.timelineList(id, { limit: 100 })).filter((entry) => entry.kind === 'late-report')).toEqual(
        [],
      );
    }
  });
});

describe('partitions', () => {
  it('are shared fairly, and a server whose lease ran out loses its own with a new term', async () => {
    await database.query('DELETE FROM server');
    await database.query('UPDATE partition SET owner = NULL');
    const [a, b] = [await newServer(), await newServer()];
    const [ofA, ofB] = await Promise.all([store.partitionBalance(a), store.partitionBalance(b)]);
    expect(ofA.length + ofB.length).toBe(32);
    expect(ofA).toHaveLength(16);
    await database.query('UPDATE server_lease SET expires_at_ms = 1 WHERE server_id = $1', [a]);
    const all = await store.partitionBalance(b);
    expect(all).toHaveLength(32);
    for (const { id, term } of ofA) expect(all.find((p) => p.id === id)!.term).toBe(term + 1);
    expect(await store.partitionBalance(a)).toEqual([]);
  });
});

describe('idempotency', () => {
  it('claims once, replays the answer, and tells another request apart', async () => {
    const hash = Buffer.alloc(32, 1);
    const claims = await Promise.all([1, 2, 3].map(() => store.idempotencyClaim('k', 'p', hash)));
    expect(claims.map((c) => c.kind).sort()).toEqual(['busy', 'busy', 'claimed']);
    await store.idempotencyStore('k', 'p', 201, 'body');
    expect(await store.idempotencyClaim('k', 'p', hash)).toEqual({ kind: 'replay', status: 201, body: 'body' });
    expect(await store.idempotencyClaim('k', 'p', Buffer.alloc(32, 2))).toEqual({ kind: 'reused' });
    expect(await store.idempotencyClaim('k', 'other', hash)).toEqual({ kind: 'claimed' });
  });
});

describe('joining', () => {
  const join = (tokenHash: Buffer, name: string, machineId: string) =>
    store.agentJoin(
      { tokenHash, name, machineId, labels: {}, facts: {}, publicKey: Buffer.from('k'), certificateExpiresAtMs: 1e15 },
      { actor, action: 'join', detail: {} },
    );

  it('uses a token up, never lets another machine take the name, and takes no machine id as proof', async () => {
    const hash = Buffer.alloc(32, 3);
    await store.joinTokenCreate(
      {
        id: newId<'token'>() as TokenId,
        hash,
        role: 'agent',
        labels: { zone: 'a' },
        zone: 'default',
        uses: 3,
        lifetimeMs: 60_000,
      },
      audit,
    );
    // A refusal for the name uses nothing up.
    const first = await join(hash, 'web-1', 'm1');
    expect(first.kind).toBe('joined');
    expect(await join(hash, 'web-1', 'm2')).toEqual({ kind: 'refused', code: 'host-name-taken' });
    const second = await join(hash, 'web-1', 'm1');
    expect(second).toMatchObject({ kind: 'joined', twinOf: 'web-1' });
    expect((second as { hostId: string }).hostId).not.toBe((first as { hostId: string }).hostId);
    expect(await join(Buffer.alloc(32, 4), 'web-2', 'm3')).toEqual({ kind: 'refused', code: 'join-token-invalid' });
    expect((await store.hostFetch('web-1'))!.labels).toEqual({ zone: 'a' });
    expect((await join(hash, 'web-3', 'm3')).kind).toBe('joined');
    expect(await join(hash, 'web-4', 'm4')).toEqual({ kind: 'refused', code: 'join-token-expired' });
  });
});

describe('two machines that join by one name at once', () => {
  it('are one host that joined and one that is told so, whatever tokens they hold', async () => {
    for (let round = 0; round < 5; round++) {
      const hashes = [randomBytes(32), randomBytes(32)];
      for (const hash of hashes)
        await store.joinTokenCreate(
          {
            id: newId<'token'>() as TokenId,
            hash,
            role: 'agent',
            labels: {},
            zone: 'default',
            uses: 1,
            lifetimeMs: 60_000,
          },
          audit,
        );
      const answers = await Promise.all(
        hashes.map((tokenHash, machine) =>
          store.agentJoin(
            {
              tokenHash,
              name: `twin-${round}`,
              machineId: `machine-${round}-${machine}`,
              labels: {},
              facts: {},
              publicKey: Buffer.from('k'),
              certificateExpiresAtMs: 1e15,
            },
            { actor, action: 'join', detail: {} },
          ),
        ),
      );
      expect(answers.map((answer) => (answer.kind === 'refused' ? answer.code : answer.kind)).sort()).toEqual([
        'host-name-taken',
        'joined',
      ]);
    }
  });
});

describe('the audit trail', () => {
  it('is a chain that nobody can edit', async () => {
    for (let i = 0; i < 3; i++) await store.auditAppend({ ...audit, detail: { i } });
    await store.auditSeal();
    expect(await store.auditVerify()).toMatchObject({ isWhole: true });
    await expect(database.query("UPDATE audit SET action = 'x'")).rejects.toThrow(/append-only/);
    await expect(database.query('DELETE FROM audit')).rejects.toThrow(/append-only/);
  });
});

describe('the schema', () => {
  it('migrates twice without a change and refuses a newer database', async () => {
    const again = await createPostgresStore({
      url: database.url,
      clock: systemClock,
      log: silentLog,
      auditKey: testAuditKey,
    });
    await again.close();
    await database.query('INSERT INTO schema_migration (version) VALUES (9999)');
    await expect(
      createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey }),
    ).rejects.toMatchObject({
      code: 'schema-newer',
    });
    await database.query('DELETE FROM schema_migration WHERE version = 9999');
  });

  it('is there for each of several servers that start at once on an empty database', async () => {
    const [{ current }] = (await database.query('SELECT current_database() AS current')) as [{ current: string }];
    const name = `${current}_empty`;
    await database.query(`CREATE DATABASE ${name}`);
    const url = database.url.replace(/[^/]*$/, name);
    try {
      await Promise.all(
        [1, 2, 3].map(async () => {
          const started = await createPostgresStore({
            url,
            clock: systemClock,
            log: silentLog,
            auditKey: testAuditKey,
          });
          const id = newRunId(systemClock.nowMs());
          await started
            .runCreate(
              {
                id,
                partition: partitionOf(id),
                name: 'n',
                reason: '',
                createdBy: actor,
                targetExpression: 'all',
                spec,
                targets: [],
              },
              audit,
            )
            .finally(() => started.close());
        }),
      );
    } finally {
      await database.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });

  it('drops whole days beyond retention, never one with an active run', async () => {
    const oldMs = systemClock.nowMs() - 200 * 86_400_000;
    const past = new Pool({ url: database.url, log: silentLog });
    await maintain(past, { runsKeptMs: Number.MAX_SAFE_INTEGER / 2, aheadDays: 1 }, oldMs);
    await past.close();
    const id = newRunId(oldMs);
    await store.runCreate(
      {
        id,
        partition: partitionOf(id),
        name: 'old',
        reason: '',
        createdBy: actor,
        targetExpression: 'all',
        spec,
        targets: [],
      },
      audit,
    );
    await store.maintain({ runsKeptMs: 90 * 86_400_000, aheadDays: 1 });
    expect(await store.runFetch(id)).toBeDefined();
    await database.query('DELETE FROM run_active WHERE run_id = $1', [id]);
    const { dropped } = await store.maintain({ runsKeptMs: 90 * 86_400_000, aheadDays: 1 });
    expect(dropped).toBeGreaterThan(0);
    expect(await store.runFetch(id)).toBeUndefined();
  });

  it('drops runs beyond retention also where a wrong clock had put them outside of any day', async () => {
    const id = newRunId(systemClock.nowMs() - 200 * 86_400_000);
    await store.runCreate(
      {
        id,
        partition: partitionOf(id),
        name: 'astray',
        reason: '',
        createdBy: actor,
        targetExpression: 'all',
        spec,
        targets: [{ hostId: newId<'host'>(), hostName: 'h' }],
      },
      audit,
    );
    await store.maintain({ runsKeptMs: 90 * 86_400_000, aheadDays: 1 });
    expect(await store.runFetch(id)).toBeDefined();
    await database.query('DELETE FROM run_active WHERE run_id = $1', [id]);
    await store.maintain({ runsKeptMs: 90 * 86_400_000, aheadDays: 1 });
    expect(await store.runFetch(id)).toBeUndefined();
    expect(await database.query('SELECT 1 FROM execution WHERE run_id = $1', [id])).toEqual([]);
  });
});
