/** Upgrades of agents. One server at a time advances an upgrade: the row's lock, skipped by the others, holds for the whole step. */
import { inScope } from './scope.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import {
  agentUpgradeEnd,
  emptyAgentUpgradeCounts,
  type AgentUpgradeState,
} from '../../domain/upgrade/upgrade-machine.ts';
import { planUpgrade } from '../../domain/upgrade/upgrade-plan.ts';
import { given } from '../../base/given.ts';
import type { AgentId, HostId } from '../../base/ids.ts';
import type { Actor, AuditEntry } from '../contract/audit.ts';
import type { Page } from '../contract/page.ts';
import type { AgentUpgradeRecord, NewUpgrade, OrderedAgent, UpgradeRecord, UpgradeStore } from '../contract/upgrade.ts';
import { auditAppend } from './audit/audit.ts';
import type { Executor, Pool } from './pool.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import type { StoreParts } from './store-parts.ts';

export function upgradeStore({ pool, ownPool, now }: StoreParts): UpgradeStore {
  return {
    upgradeCreate: (wanted, entry) => upgradeCreate(pool, wanted, entry, now()),
    upgradeFetch: (id) => upgradeFetch(pool, id),
    upgradeList: (scope, page) => upgradeList(pool, scope, page),
    agentUpgradeList: (id, page) => agentUpgradeList(pool, id, page),
    upgradeCancelRequest: (id, entry) => upgradeCancelRequest(pool, id, entry, now()),
    upgradeActiveList: () => upgradeActiveList(ownPool),
    upgradeAdvance: (id, isLinked) => upgradeAdvance(ownPool, id, isLinked, now),
    agentUpgradeHeard: (id, heard) => agentUpgradeHeard(ownPool, id, heard, now()),
  };
}

interface UpgradeRow {
  id: string;
  version: string;
  target_expression: string;
  created_by: Actor;
  state: UpgradeRecord['state'];
  batch: number;
  max_failed: number;
  wait_ms: number;
  host_count: number;
  created_at_ms: number;
  finished_at_ms: number | null;
  cancel_requested_at_ms: number | null;
}
interface AgentUpgradeRow {
  ordinal: number;
  host_id: HostId;
  host_name: string;
  state: AgentUpgradeState;
  from_version: string | null;
  progress: string | null;
  code: string | null;
  detail: string | null;
  ordered_at_ms: number | null;
  finished_at_ms: number | null;
}

/** The unique index of hosts in hand is what refuses a second upgrade of a host; asking before would only be a guess. */
async function upgradeCreate(
  pool: Pool,
  upgrade: NewUpgrade,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<UpgradeStore['upgradeCreate']> {
  return pool
    .transaction<Awaited<ReturnType<UpgradeStore['upgradeCreate']>>>(async (tx) => {
      const busy = await tx.query<{ host_name: string }>(
        'SELECT host_name FROM agent_upgrade WHERE host_id = ANY ($1) AND finished_at_ms IS NULL ORDER BY host_name LIMIT 1',
        [upgrade.hosts.map((host) => host.id)],
      );
      if (busy.rows[0]) return { kind: 'in-progress', host: busy.rows[0].host_name };
      await tx.query(
        `INSERT INTO upgrade (
           id, version, target_expression, created_by, state, batch, max_failed, wait_ms, host_count, created_at_ms
         )
         VALUES ($1, $2, $3, $4, 'running', $5, $6, $7, $8, $9)`,
        [
          upgrade.id,
          upgrade.version,
          upgrade.targets,
          JSON.stringify(upgrade.createdBy),
          upgrade.batch,
          upgrade.maxFailed,
          upgrade.waitMs,
          upgrade.hosts.length,
          nowMs,
        ],
      );
      // Two at the same instant: one waits here for the other, and finds the hosts taken.
      const { rowCount } = await tx.query(
        `INSERT INTO agent_upgrade (upgrade_id, ordinal, host_id, host_name, state, from_version)
       SELECT $1, n - 1, h.id, h.name, 'waiting', agent.version FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS h(id, name, n)
         JOIN host ON host.id = h.id LEFT JOIN agent ON agent.id = host.agent_id
       ON CONFLICT DO NOTHING`,
        [upgrade.id, upgrade.hosts.map((host) => host.id), upgrade.hosts.map((host) => host.name)],
      );
      if (rowCount < upgrade.hosts.length) throw new HostsTaken();
      // Told at once: nobody would answer for them.
      const without = await tx.query(
        `UPDATE agent_upgrade u SET state = 'skipped', detail = $2, finished_at_ms = $3 FROM host
         WHERE u.upgrade_id = $1 AND host.id = u.host_id AND NOT EXISTS (
           SELECT 1
           FROM agent
           LEFT JOIN host_presence p ON p.host_id = host.id
           WHERE agent.id = host.agent_id AND agent.state = 'active' AND (p.uninstalled_at_ms IS NULL OR p.linked)
         )`,
        [upgrade.id, 'The host has no agent.', nowMs],
      );
      if (without.rowCount === upgrade.hosts.length) throw new NoAgent();
      await auditAppend(tx, audit, nowMs);
      return { kind: 'created', upgrade: (await upgradeFetch(tx, upgrade.id))! };
    })
    .catch((error: unknown) => {
      if (error instanceof HostsTaken) return { kind: 'in-progress', host: upgrade.hosts[0]!.name };
      if (error instanceof NoAgent) return { kind: 'no-agent' };
      throw error;
    });
}

class HostsTaken extends Error {}
class NoAgent extends Error {}

async function upgradeFetch(db: Executor, id: string): Promise<UpgradeRecord | undefined> {
  const { rows } = await db.query<UpgradeRow>('SELECT * FROM upgrade WHERE id = $1', [id]);
  return rows[0] && upgradeRecord(rows[0], await counts(db, id));
}

async function upgradeList(
  db: Executor,
  scope: Scope,
  page: { limit: number; cursor?: string },
): Promise<Page<UpgradeRecord>> {
  const after = decodeCursor(page.cursor, ['uuid']);
  const { rows } = await db.query<UpgradeRow>(
    `SELECT * FROM upgrade WHERE ${inScope(scope)} AND ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2`,
    [after?.[0] ?? null, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const items: UpgradeRecord[] = [];
  for (const row of shown) items.push(upgradeRecord(row, await counts(db, row.id)));
  return given({
    items,
    next: rows.length > page.limit ? encodeCursor([shown.at(-1)!.id]) : undefined,
  });
}

async function agentUpgradeList(
  db: Executor,
  id: string,
  page: { limit: number; cursor?: string },
): Promise<Page<AgentUpgradeRecord>> {
  const after = decodeCursor(page.cursor, ['int']);
  const { rows } = await db.query<AgentUpgradeRow>(
    'SELECT * FROM agent_upgrade WHERE upgrade_id = $1 AND ($2::int IS NULL OR ordinal > $2) ORDER BY ordinal LIMIT $3',
    [id, after?.[0] ?? null, page.limit + 1],
  );
  const items = rows.slice(0, page.limit).map((row) =>
    given({
      ordinal: row.ordinal,
      hostId: row.host_id,
      hostName: row.host_name,
      state: row.state,
      fromVersion: row.from_version ?? undefined,
      progress: row.progress ?? undefined,
      code: row.code ?? undefined,
      detail: row.detail ?? undefined,
      orderedAtMs: row.ordered_at_ms ?? undefined,
      finishedAtMs: row.finished_at_ms ?? undefined,
    }),
  );
  return given({
    items,
    next: rows.length > page.limit ? encodeCursor([items.at(-1)!.ordinal]) : undefined,
  });
}

async function upgradeCancelRequest(
  pool: Pool,
  id: string,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<UpgradeStore['upgradeCancelRequest']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<UpgradeRow>('SELECT * FROM upgrade WHERE id = $1 FOR UPDATE', [id]);
    if (!rows[0]) return 'not-found';
    if (rows[0].finished_at_ms !== null) return 'already-finished';
    if (rows[0].cancel_requested_at_ms !== null) return 'already-requested';
    await tx.query('UPDATE upgrade SET cancel_requested_at_ms = $2 WHERE id = $1', [id, nowMs]);
    await auditAppend(tx, audit, nowMs);
    return 'requested';
  });
}

async function upgradeActiveList(db: Executor): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'upgrade-active',
    text: 'SELECT id FROM upgrade WHERE finished_at_ms IS NULL ORDER BY id LIMIT 100',
  });
  return rows.map((row) => row.id);
}

/** One step of the plan, decided and written under the row's lock. */
async function upgradeAdvance(
  pool: Pool,
  id: string,
  isLinked: (host: HostId) => boolean,
  now: () => number,
): ReturnType<UpgradeStore['upgradeAdvance']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<UpgradeRow>(
      'SELECT * FROM upgrade WHERE id = $1 AND finished_at_ms IS NULL FOR UPDATE SKIP LOCKED',
      [id],
    );
    const row = rows[0];
    if (!row) return undefined;
    const inHand = await tx.query<{ ordinal: number; host_id: HostId; progress: string | null; ordered_at_ms: number }>(
      "SELECT ordinal, host_id, progress, ordered_at_ms FROM agent_upgrade WHERE upgrade_id = $1 AND state = 'ordered' FOR UPDATE",
      [id],
    );
    const standing = await counts(tx, id);
    // Read when all that the step counts on is known: what is ordered now is ordered after the ends that let it be.
    const nowMs = now();
    const step = planUpgrade(
      {
        state: row.state,
        cancelRequested: row.cancel_requested_at_ms !== null,
        batch: row.batch,
        maxFailed: row.max_failed,
        waitMs: row.wait_ms,
        counts: standing,
        ordered: inHand.rows.map((agent) => ({
          ordinal: agent.ordinal,
          orderedAtMs: agent.ordered_at_ms,
          isSilent: agent.progress === null && !isLinked(agent.host_id),
        })),
      },
      nowMs,
    );
    if (step.unanswered.length > 0)
      await tx.query(
        `UPDATE agent_upgrade
         SET state = 'unanswered', code = 'upgrade-unanswered',
           detail = CASE WHEN progress IS NULL THEN $4 ELSE $5 || progress END, finished_at_ms = $3
         WHERE upgrade_id = $1 AND ordinal = ANY ($2) AND state = 'ordered'`,
        [
          id,
          step.unanswered,
          nowMs,
          'It told nothing in time: it was not linked, or is too old to know the order; or no server had the package.',
          'It told no end in time. The last that it told: ',
        ],
      );
    if (step.skipSilent.length > 0)
      await tx.query(
        `UPDATE agent_upgrade SET state = 'skipped', detail = $4, finished_at_ms = $3
         WHERE upgrade_id = $1 AND ordinal = ANY ($2) AND state = 'ordered'`,
        [id, step.skipSilent, nowMs, 'Its agent was not linked, and had told nothing, when the upgrade was cancelled.'],
      );
    if (step.skipWaiting)
      await tx.query(
        "UPDATE agent_upgrade SET state = 'skipped', finished_at_ms = $2 WHERE upgrade_id = $1 AND state = 'waiting'",
        [id, nowMs],
      );
    if (step.order > 0)
      await tx.query(
        `UPDATE agent_upgrade
         SET state = 'ordered', ordered_at_ms = $3
         WHERE upgrade_id = $1 AND state = 'waiting'
           AND ordinal IN (
             SELECT ordinal FROM agent_upgrade WHERE upgrade_id = $1 AND state = 'waiting' ORDER BY ordinal LIMIT $2
           )`,
        [id, step.order, nowMs],
      );
    const isOver = step.state === 'succeeded' || step.state === 'failed' || step.state === 'cancelled';
    if (step.state !== row.state)
      await tx.query('UPDATE upgrade SET state = $2, finished_at_ms = $3 WHERE id = $1', [
        id,
        step.state,
        isOver ? nowMs : null,
      ]);
    const ordered = await tx.query<{ host_id: HostId; agent_id: AgentId | null; ordered_at_ms: number }>(
      `SELECT u.host_id, host.agent_id, u.ordered_at_ms
       FROM agent_upgrade u
       JOIN host ON host.id = u.host_id
       WHERE u.upgrade_id = $1 AND u.state = 'ordered'`,
      [id],
    );
    return {
      state: step.state,
      version: row.version,
      waitMs: row.wait_ms,
      ordered: ordered.rows.flatMap((agent): OrderedAgent[] =>
        agent.agent_id === null
          ? []
          : [{ hostId: agent.host_id, agentId: agent.agent_id, orderedAtMs: agent.ordered_at_ms }],
      ),
    };
  });
}

/** What an agent said. An end lands once; whatever comes after it changes nothing. */
async function agentUpgradeHeard(
  db: Executor,
  id: string,
  heard: Parameters<UpgradeStore['agentUpgradeHeard']>[1],
  nowMs: number,
): Promise<boolean> {
  const end = agentUpgradeEnd(heard.state, heard.code);
  const { rowCount } = await db.query(
    `UPDATE agent_upgrade u
     SET state = coalesce($4, state), progress = $5, code = $6, detail = $7,
       finished_at_ms = CASE WHEN $4::text IS NULL THEN NULL ELSE $8::bigint END
     FROM host
     WHERE u.upgrade_id = $1 AND u.host_id = $2 AND host.id = u.host_id AND host.agent_id = $3 AND u.state = 'ordered'
       AND (u.progress, $4::text) IS DISTINCT FROM ($5, NULL)`,
    [id, heard.hostId, heard.agentId, end ?? null, heard.state, heard.code ?? null, heard.detail ?? null, nowMs],
  );
  return rowCount > 0;
}

async function counts(db: Executor, id: string): Promise<UpgradeRecord['counts']> {
  const { rows } = await db.query<{ state: AgentUpgradeState; n: number }>(
    'SELECT state, count(*)::int AS n FROM agent_upgrade WHERE upgrade_id = $1 GROUP BY state',
    [id],
  );
  return { ...emptyAgentUpgradeCounts(), ...Object.fromEntries(rows.map(({ state, n }) => [state, n])) };
}

function upgradeRecord(row: UpgradeRow, found: UpgradeRecord['counts']): UpgradeRecord {
  return given({
    id: row.id,
    version: row.version,
    targets: row.target_expression,
    createdBy: row.created_by,
    state: row.state,
    batch: row.batch,
    maxFailed: row.max_failed,
    waitMs: row.wait_ms,
    hostCount: row.host_count,
    counts: found,
    createdAtMs: row.created_at_ms,
    finishedAtMs: row.finished_at_ms ?? undefined,
    cancelRequestedAtMs: row.cancel_requested_at_ms ?? undefined,
  });
}
