/**
 * Hot statements touch what they need and nothing else. The verbs of the store run as they are, on tables large enough for a wrong plan
 * to show, and PostgreSQL is asked how it would carry out each statement that they send: no hot verb may read a large table from end to
 * end. Asked for the plan of the very values and for the one that a prepared statement settles on, and on tables without statistics (as a
 * new day's partitions are) and with them.
 */
import { hostSubject } from '../../src/domain/run/subject.ts';
import { EVERYTHING, type Scope } from '../../src/domain/access/access-node.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import {
  newId,
  newRunId,
  type AgentId,
  type HostId,
  type RunId,
  type ServerId,
  type TokenId,
  type WorkerId,
} from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { agentExecutor } from '../../src/domain/run/executor.ts';
import { silentLog } from '../../src/base/log.ts';
import { emptyCounts } from '../../src/domain/crew/execution-machine.ts';
import { agentJoin } from '../../src/store/postgres/agent/agent-join.ts';
import { auditSeal } from '../../src/store/postgres/audit/audit-seal.ts';
import { auditList } from '../../src/store/postgres/audit/audit.ts';
import * as execution from '../../src/store/postgres/execution/execution.ts';
import * as agent from '../../src/store/postgres/agent/agent.ts';
import * as stored from '../../src/store/postgres/host.ts';
import { noticeList } from '../../src/store/postgres/notice/notice-list.ts';
import { timelineAfter, timelineList } from '../../src/store/postgres/timeline.ts';
import { idempotencyClaimMany, idempotencyStoreMany } from '../../src/store/postgres/idempotency.ts';
import { runSeed, taskSpec } from '../../src/store/postgres/owner-commit/run-seed.ts';
import { fleetLook } from '../../src/store/postgres/fleet-look.ts';
import * as lease from '../../src/store/postgres/lease/lease.ts';
import { declaredValuesOf, outputValuesList } from '../../src/store/postgres/output-value.ts';
import { outputChunkWrite, outputGroups, outputRead } from '../../src/store/postgres/output.ts';
import { attemptsLook } from '../../src/store/postgres/owner-commit/attempts-look.ts';
import { ownerCommitMany } from '../../src/store/postgres/owner-commit/owner-commit.ts';
import { Pool, type Executor, type Query, type Row } from '../../src/store/postgres/pool.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testAuditKey } from '../support/audit-key.ts';
import * as run from '../../src/store/postgres/run/run.ts';
import { runCreateMany } from '../../src/store/postgres/run/run-create.ts';
import { apiTokenFetch } from '../../src/store/postgres/api-token.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import type { Fence } from '../../src/store/contract/lease.ts';
import type { ExecutionChange, OwnerCommit } from '../../src/store/contract/owner-commit.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { plainSpec, scriptText } from '../support/run-spec.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';

const DAY_MS = 86_400_000;
const RUNS_PER_DAY = 3_000;
/** So many of a day's runs have executions, output and a timeline here. */
const FULL_RUNS_PER_DAY = 40;
const HOSTS_PER_RUN = 500;
const HOSTS = 20_000;
/** A table below this many rows is read as a whole with good reason. */
const LARGE_ROWS = 2_000;

const actor = { kind: 'token', id: 't', name: 'tester' } as const;
const audit: AuditEntry = { actor, action: 'test', target: 'test', detail: {} };
const spec = plainSpec({
  work: scriptText('true'),
  policy: { timeoutMs: 1_000, startDeadlineMs: 1_000, lostAfterMs: 1_000 },
});

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  Plans?: PlanNode[];
}

/** Explains every statement before it carries it out, in the same transaction. */
class ExplainingPool extends Pool {
  wholeReads: string[] = [];
  generic = false;
  explained = 0;

  override async query<T = Row>(query: string | Query, values?: unknown[]): Promise<{ rows: T[]; rowCount: number }> {
    return this.transaction((tx) => tx.query<T>(query, values));
  }

  override async transaction<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    return super.transaction((tx) => {
      const explaining: Executor = {
        auditKey: tx.auditKey,
        query: async <R>(query: string | Query, values?: unknown[]) => {
          const asked: Query = typeof query === 'string' ? { text: query, values: values ?? [] } : query;
          if (/^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(asked.text)) await this.#explain(tx, asked);
          return tx.query<R>(query, values);
        },
      };
      return work(explaining);
    });
  }

  async #explain(tx: Executor, { text, name, values }: Query): Promise<void> {
    // Only what has a name is prepared once and for all; the rest is planned for its values each time.
    const generic = this.generic && name !== undefined;
    const { rows } = await tx.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
      `EXPLAIN (FORMAT JSON${generic ? ', GENERIC_PLAN' : ''}) ${text}`,
      generic ? [] : values,
    );
    this.explained++;
    const visit = (node: PlanNode): void => {
      if (node['Node Type'] === 'Seq Scan')
        this.wholeReads.push(`${node['Relation Name']!} by ${text.replace(/\s+/g, ' ').slice(0, 90)}`);
      node.Plans?.forEach(visit);
    };
    visit(rows[0]!['QUERY PLAN'][0]!.Plan);
  }
}

let database: TestDatabase;
let pool: ExplainingPool;
let large: ReadonlySet<string>;
const nowMs = (): number => systemClock.nowMs();
const today = Math.floor(nowMs() / DAY_MS) * DAY_MS;
const serverId = newId<'server'>() as ServerId;
const tokenHash = Buffer.alloc(32, 1);
let hosts: { id: HostId; agentId: AgentId; workerId: WorkerId; name: string }[];

/** Tables keep no statistics until `ANALYZE` is said: a day's partitions begin like this. */
async function withoutStatistics(): Promise<void> {
  for (const { name } of await tables())
    await database.query(`ALTER TABLE ${name as string} SET (autovacuum_enabled = false)`);
}

async function tables(): Promise<Record<string, unknown>[]> {
  return database.query(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace",
  );
}

/** Yesterday's, today's and tomorrow's partitions, each with settled runs, their output and their timelines. */
async function fillRuns(): Promise<void> {
  const ids = [-DAY_MS, 0, DAY_MS].flatMap((day) =>
    Array.from({ length: RUNS_PER_DAY }, (_, i) => newRunId(today + day + i)),
  );
  await database.query(
    `INSERT INTO run (id, partition, name, reason, created_by, state, target_expression, host_count, counts, created_at_ms, round_started_at_ms, finished_at_ms)
    SELECT id, 0, 'n', '', '{}', 'succeeded', 'all', $2, '{}', 1, 1, 2 FROM unnest($1::uuid[]) AS r(id)`,
    [ids, HOSTS_PER_RUN],
  );
  const full = ids.filter((_, i) => i % RUNS_PER_DAY < FULL_RUNS_PER_DAY);
  await database.query(
    "INSERT INTO task (run_id, task, work_digest, policy, placement) SELECT id, 0, sha256('x'), '{}', '{}' FROM unnest($1::uuid[]) AS r(id)",
    [ids],
  );
  const each = 'FROM unnest($1::uuid[]) AS r(id), generate_series(0, $2::int - 1) AS n';
  for (const table of ['execution', 'execution_history']) {
    await database.query(
      `INSERT INTO ${table} (run_id, task, ordinal, host_id, host_name, state, outcome, exit_code, finished_at_ms, seq, out_digest)
      SELECT r.id, 0, n, gen_random_uuid(), 'h' || n, 'succeeded', 'exited', 0, 2, n, sha256(int4send(n)) ${each}`,
      [full, HOSTS_PER_RUN],
    );
  }
  await database.query(
    `INSERT INTO output_blob (run_id, digest, bytes) SELECT r.id, sha256(int4send(n)), 'x' ${each}`,
    [full, HOSTS_PER_RUN],
  );
  await database.query(
    `INSERT INTO output_chunk (run_id, task, ordinal, attempt, stream, seq, bytes) SELECT r.id, 0, n, 1, 1, 0, 'x' ${each}`,
    [full, HOSTS_PER_RUN],
  );
  await database.query(
    `INSERT INTO run_event (run_id, seq, kind, at_ms, detail) SELECT r.id, n, 'k', 1, '{}' ${each}`,
    [full, HOSTS_PER_RUN],
  );
}

async function fillFleet(): Promise<void> {
  hosts = Array.from({ length: HOSTS }, (_, i) => ({
    id: newId<'host'>(),
    agentId: newId<'agent'>(),
    workerId: newId<'worker'>(),
    name: `host-${i}`,
  }));
  const columns = [hosts.map((h) => h.id), hosts.map((h) => h.agentId), hosts.map((h) => h.name)];
  await database.query(
    'INSERT INTO host (id, name, machine_id, agent_id, created_at_ms) SELECT id, name, name, agent, 1 FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS h(id, agent, name)',
    columns,
  );
  await database.query(
    "INSERT INTO agent (id, host_id, state, public_key, joined_at_ms, certificate_expires_at_ms) SELECT agent, id, 'active', '', 1, 1 FROM unnest($1::uuid[], $2::uuid[]) AS h(id, agent)",
    columns.slice(0, 2),
  );
  await database.query(
    'INSERT INTO host_presence (host_id, agent_id, linked, changed_at_ms) SELECT id, agent, true, 1 FROM unnest($1::uuid[], $2::uuid[]) AS h(id, agent)',
    columns.slice(0, 2),
  );
  await database.query(
    "INSERT INTO api_token (id, hash, name, role, created_at_ms, expires_at_ms) SELECT gen_random_uuid(), sha256(int4send(n)), 'n' || n, 'viewer', 1, 1 FROM generate_series(1, $1::int) AS n",
    [HOSTS],
  );
  await database.query(
    "INSERT INTO join_token (id, hash, role, labels, zone, uses_left, created_at_ms, expires_at_ms, created_by) SELECT gen_random_uuid(), sha256(int4send(n)), 'agent', '{}', '', 0, 1, 1, '{}' FROM generate_series(1, $1::int) AS n",
    [HOSTS],
  );
  await database.query(
    "INSERT INTO audit SELECT n, gen_random_uuid(), 1, '{}', 'a', 't', '{}', NULL, '', '', '' FROM generate_series(-$1::int, -1) AS n",
    [HOSTS],
  );
  await database.query("INSERT INTO idempotency SELECT 'p', 'k' || n, '', $2 FROM generate_series(1, $1::int) AS n", [
    HOSTS,
    nowMs(),
  ]);
  await database.query(
    'INSERT INTO run_active SELECT gen_random_uuid(), n % 32 FROM generate_series(1, $1::int) AS n',
    [HOSTS],
  );
}

beforeAll(async () => {
  database = await testDatabase();
  // Makes the days' partitions, as a server does.
  await (
    await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey })
  ).close();
  await withoutStatistics();
  await fillRuns();
  await fillFleet();
  const sizes = await Promise.all(
    (await tables()).map(async ({ name }) => ({
      name: name as string,
      rows: Number((await database.query(`SELECT count(*) AS rows FROM ${name as string}`))[0]!.rows),
    })),
  );
  large = new Set(sizes.filter(({ rows }) => rows >= LARGE_ROWS).map(({ name }) => name));
  pool = new ExplainingPool({ url: database.url, log: silentLog, max: 2 });
  pool.auditKey = await testAuditKey();
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

const ownerCommit = (on: ExplainingPool, commit: OwnerCommit): Promise<unknown> => ownerCommitMany(on, [commit]);

/** What an owner at hand would do first; here it has lost its partition meanwhile. */
const FIRST = {
  executions: [],
  dispatchedAtMs: 1,
  timeline: [],
  run: { to: 'running' as const, counts: emptyCounts(), seq: 2 },
};

/** What the life of one run sends, from its creation to the last page that somebody reads of it. */
async function lifeOfARun(): Promise<void> {
  const id = newRunId(nowMs());
  const targets = hosts.slice(0, HOSTS_PER_RUN).map((host) => hostSubject(host.id, host.name));
  const [partition, serverId] = [partitionOf(id), newId<'server'>()];
  const fenced = { ...FIRST, fence: { partition, serverId, term: 0 } };
  const one = {
    id,
    partition,
    name: 'n',
    reason: '',
    createdBy: actor,
    targetExpression: 'all',
    ...oneTask(spec, targets),
  };
  const claimed = { ...one, id: newRunId(nowMs()), claim: { principal: 'p', key: 'k1' }, dispatch: fenced };
  // As if it were more than may be: it is counted anew.
  await database.query(
    'INSERT INTO run_load VALUES ($1, 1000000000000) ON CONFLICT (principal) DO UPDATE SET bytes = excluded.bytes',
    [actor.id],
  );
  await runCreateMany(
    pool,
    [one, claimed].map((run) => ({ run, audit })),
    nowMs(),
  );
  await runSeed(pool, id);
  await taskSpec(pool, id, 0);
  const fence = await fenceOf(id);
  await ownerCommit(pool, {
    fence,
    executions: targets.map((_, i) => started(id, i)),
    runs: [{ runId: id, to: 'running', counts: emptyCounts(), startedAtMs: 1, seq: 2 }],
    timeline: [{ runId: id, seq: 2, atMs: 1, kind: 'started', detail: {} }],
  });
  await attemptsLook(pool, [
    { runId: id, task: 0, ordinal: 0, attempt: 1 },
    { runId: newRunId(nowMs()), task: 0, ordinal: 0, attempt: 1 },
  ]);
  await outputChunkWrite(
    pool,
    [fence],
    [
      {
        runId: id,
        task: 0,
        ordinal: 0,
        attempt: 1,
        stream: 1,
        seq: 0,
        bytes: Buffer.from('x'),
        executor: agentExecutor(hosts[0]!.agentId),
      },
    ],
  );
  await ownerCommit(pool, { fence, executions: targets.map((_, i) => finished(id, i)), runs: [], timeline: [] });
  await ownerCommit(pool, {
    fence,
    executions: [],
    runs: [{ runId: id, to: 'failed', counts: emptyCounts(), finishedAtMs: 2, seq: 4 }],
    timeline: [],
    lateReports: [{ ...finished(id, 1), from: ['lost'], executor: agentExecutor(hosts[0]!.agentId), receivedAtMs: 3 }],
  });
  const key = { runId: id, task: 0, ordinal: 1 };
  await run.runFetch(pool, id);
  await run.runHead(pool, id);
  await run.runList(pool, EVERYTHING, {}, { limit: 10 });
  await timelineList(pool, id, { limit: 10, afterSeq: 1 });
  await execution.executionFetch(pool, key);
  await execution.executionHistory(pool, key);
  await execution.executionList(pool, id, { states: ['failed'] }, { limit: 10 });
  await execution.executionChanges(pool, id, { seq: 2, task: 0, ordinal: 5 }, { toSeq: 9, limit: 10 });
  await timelineAfter(pool, id, { seq: 2, skip: 1 }, { toSeq: 9, limit: 10 });
  await run.runSeqs(pool, [id]);
  await outputGroups(pool, id, { hostsMax: 10, groupsMax: 10 });
  await outputRead(pool, { ...key, ordinal: 0, attempt: 1 }, 1, 0, 10);
  await declaredValuesOf(pool, id, [{ task: 0, name: 'a' }]);
  await outputValuesList(pool, id, { hostName: 'h' }, { limit: 10, bytesMax: 1_000 });
  await run.runRetry(pool, id, { states: ['failed'] }, audit, nowMs());
  await run.runCancelRequest(pool, id, { actor, isForced: true }, audit, nowMs());
  await database.query('DELETE FROM run_active WHERE run_id = $1', [id]);
}

async function fenceOf(runId: RunId): Promise<Fence> {
  const partition = partitionOf(runId);
  await database.query('UPDATE partition SET owner = $1 WHERE id = $2', [serverId, partition]);
  const [row] = await database.query('SELECT term::int AS term FROM partition WHERE id = $1', [partition]);
  return { partition, serverId, term: row!.term as number };
}

function started(runId: RunId, ordinal: number): ExecutionChange {
  return {
    runId,
    task: 0,
    ordinal,
    attempt: 1,
    from: ['waiting'],
    to: 'running',
    route: { executor: agentExecutor(hosts[0]!.agentId) },
    dispatchedAtMs: 1,
    startedAtMs: 1,
    seq: 2,
  };
}

/** One of four succeeds, one tries again, two fail for good. */
function finished(runId: RunId, ordinal: number): ExecutionChange {
  const output = { size: 1, head: 1, tail: 0, digest: Buffer.alloc(32, ordinal % 5), inline: Buffer.from('x') };
  const told = ordinal % 2 === 0 ? { values: { values: { a: '1' } } } : {};
  const end =
    ordinal % 4 === 0
      ? ({ to: 'succeeded', outcome: { kind: 'exited', code: 0 } } as const)
      : ({ to: 'failed', outcome: { kind: 'exited', code: 1 }, retry: ordinal % 4 === 1 } as const);
  return {
    runId,
    task: 0,
    ordinal,
    attempt: 1,
    from: ['running'],
    finishedAtMs: 2,
    seq: 3,
    stdout: output,
    ...told,
    ...end,
  };
}

/** What agents, workers, servers and callers send all day without anybody starting a run. */
async function idleDay(): Promise<void> {
  const host = hosts[7]!;
  const some = hosts.slice(0, 30);
  await lease.serverRegister(pool, { id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
  await pool.query(lease.LEASE_RENEW, [serverId, 60_000]);
  await lease.ownerLook(pool, serverId);
  await fleetLook(pool, nowMs());
  await stored.hostPresenceWrite(
    pool,
    some.map((h) => ({ hostId: h.id, agentId: h.agentId, workerId: h.workerId, linked: true, atMs: nowMs() })),
  );
  await stored.hostFactsWrite(
    pool,
    some.map((h) => ({ hostId: h.id, agentId: h.agentId, version: '1', facts: { at: nowMs() } })),
  );
  await stored.hostFetch(pool, host.name);
  await stored.hostFetch(pool, host.id);
  await stored.hostList(pool, EVERYTHING, {}, { limit: 10 });
  await agent.agentFetch(pool, host.agentId);
  await agent.agentList(pool, EVERYTHING, { limit: 10 });
  await agentJoin(
    pool,
    {
      tokenHash,
      name: host.name,
      machineId: host.name,
      labels: {},
      facts: {},
      publicKey: Buffer.from('k'),
      certificateExpiresAtMs: 1,
      keepAgentId: host.agentId,
    },
    { actor, action: 'join', detail: {} },
    nowMs(),
  );
  await agent.agentRevoke(pool, host.agentId, audit, nowMs());
  await stored.hostLabel(pool, host.id, { set: { a: 'b' }, remove: [] }, new Map(), audit, nowMs());
  await apiTokenFetch(pool, Buffer.alloc(32, 2));
  const claimed = { principal: 'p', key: 'k1', requestHash: Buffer.alloc(32) };
  await idempotencyClaimMany(pool, [{ ...claimed, key: `k${nowMs()}` }, claimed], nowMs());
  await idempotencyStoreMany(pool, [{ principal: 'p', key: 'k1', status: 200, body: '{}' }]);
  await auditList(pool, EVERYTHING, {}, { limit: 10 });
  await auditSeal(pool);
}

describe('no hot verb reads a large table from end to end', () => {
  const kinds = [
    { kind: 'planned for its values, without statistics', generic: false, analyze: false },
    { kind: 'planned once for all values, without statistics', generic: true, analyze: false },
    { kind: 'planned for its values, with statistics', generic: false, analyze: true },
    { kind: 'planned once for all values, with statistics', generic: true, analyze: true },
  ];
  for (const { kind, generic, analyze } of kinds) {
    it(`when a statement is ${kind}`, async () => {
      expect([...large].filter((name) => /^(run|execution|output|host|agent|audit)/.test(name)).length).toBeGreaterThan(
        20,
      );
      if (analyze) await database.query('ANALYZE');
      const joinTokenId = newId<'token'>() as TokenId;
      await database.query("INSERT INTO join_token SELECT $1, $2, 'agent', '{}', '', 1000, 1, 99999999999999, '{}'", [
        joinTokenId,
        tokenHash,
      ]);
      pool.generic = generic;
      pool.wholeReads = [];
      pool.explained = 0;
      await lifeOfARun();
      await idleDay();
      await database.query('DELETE FROM join_token WHERE id = $1', [joinTokenId]);
      expect(pool.wholeReads.filter((read) => large.has(read.split(' ')[0]!))).toEqual([]);
      expect(pool.explained).toBeGreaterThan(60);
    });
  }
});

describe('a list', () => {
  it('shows what lies in the scope of who asks, and nothing else', async () => {
    const page = { limit: 10 };
    await pool.query(
      `WITH message AS (
         INSERT INTO notice_message (id, channel, channel_id, grouped_as, state, due_at_ms, opened_at_ms, created_at_ms)
         VALUES (gen_random_uuid(), 'c', gen_random_uuid(), '', 'waiting', 0, 0, 0) RETURNING id
       )
       INSERT INTO notice (id, run_id, round, event, channel, facts, message_id, created_at_ms)
       SELECT gen_random_uuid(), gen_random_uuid(), 1, 'failed', 'c', '{}', message.id, n FROM message, generate_series(1, 20) n`,
    );
    const lists = [
      (scope: Scope) => run.runList(pool, scope, {}, page),
      (scope: Scope) => stored.hostList(pool, scope, {}, page),
      (scope: Scope) => agent.agentList(pool, scope, page),
      (scope: Scope) => auditList(pool, scope, {}, page),
      (scope: Scope) => noticeList(pool, scope, {}, page),
    ];
    for (const list of lists) {
      expect((await list(EVERYTHING)).items).toHaveLength(page.limit);
      expect((await list([])).items).toEqual([]);
    }
  });
});
