/** Hosts: labels, facts, whether they are linked, and how they leave. */
import { inScope } from './scope.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import { given } from '../../base/given.ts';
import { type AgentId, type HostId, isUuid, type WorkerId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { guardedChange, type GuardedLabels } from '../../domain/access/guarded-labels.ts';
import type { AuditEntry } from '../contract/audit.ts';
import type { HostRecord, HostStore } from '../contract/host.ts';
import type { Page } from '../contract/page.ts';
import { auditAppend } from './audit/audit.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { DIRECTORY_CHANGED, hostAccessChanged, hostAccessHold } from './host-versions.ts';
import type { Executor, Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function hostStore({ pool, ownPool, hints, now }: StoreParts): HostStore {
  return {
    hostPresenceWrite: (changes) => hostPresenceWrite(ownPool, changes),
    hostPresenceReconcile: (snapshot) => hostPresenceReconcile(ownPool, snapshot),
    hostsOutside: (zones) => hostsOutside(ownPool, zones),
    hostsWithoutAgent: (ids) => hostsWithoutAgent(ownPool, ids),
    hostFactsWrite: (changes) => hostFactsWrite(ownPool, changes),
    hostContactsWrite: (contacts) => hostContactsWrite(ownPool, contacts),
    hostFetch: (idOrName) => hostFetch(pool, idOrName),
    hostAgentUsers: (ids) => hostAgentUsers(pool, ids),
    hostList: (scope, filter, page) => hostList(pool, scope, filter, page),
    hostDirectory: (knownVersion) => hostDirectory(pool, knownVersion),
    hostLabel: (id, change, guarded, entry) => hostLabel(pool, id, change, guarded, entry, now()),
    async hostRemove(id, entry) {
      const answer = await hostRemove(pool, id, entry, now());
      if (answer === 'removed') {
        hints.notify('fleet', id);
        hints.notify('hosts', '');
      }
      return answer;
    },
  };
}

type In<K extends keyof HostStore> = Parameters<HostStore[K]>[0];

/**
 * An older observation never overwrites a newer one, whichever server writes it. That a host is linked by way of a worker counts only while
 * the session of its agent is with that worker: a server may come late with what it was shown, and its clock does not say so.
 */
export async function hostPresenceWrite(db: Executor, changes: In<'hostPresenceWrite'>): Promise<void> {
  const latest = [...new Map([...changes].sort((a, b) => a.atMs - b.atMs).map((c) => [c.hostId, c])).values()].sort(
    (a, b) => (a.hostId < b.hostId ? -1 : 1),
  );
  await db.query({
    name: 'presence-write',
    text: `INSERT INTO host_presence (host_id, agent_id, worker_id, linked, changed_at_ms)
           SELECT c.*
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::boolean[], $5::bigint[])
             AS c(host_id, agent_id, worker_id, linked, at_ms)
           LEFT JOIN agent ON agent.id = c.agent_id
           WHERE NOT c.linked OR agent.session IS NULL OR agent.session #>> '{current,workerId}' = c.worker_id::text
           ON CONFLICT (host_id) DO UPDATE SET agent_id = excluded.agent_id, worker_id = excluded.worker_id,
             linked = excluded.linked, changed_at_ms = excluded.changed_at_ms,
             uninstalled_at_ms = CASE WHEN NOT excluded.linked THEN host_presence.uninstalled_at_ms END
           WHERE host_presence.changed_at_ms <= excluded.changed_at_ms
             AND (excluded.linked OR NOT host_presence.linked OR host_presence.worker_id = excluded.worker_id)
             AND (
               (
                 host_presence.linked, host_presence.worker_id, host_presence.agent_id
               ) IS DISTINCT FROM (excluded.linked, excluded.worker_id, excluded.agent_id)
               OR (excluded.linked AND host_presence.uninstalled_at_ms IS NOT NULL)
             )`,
    values: [
      latest.map((c) => c.hostId),
      latest.map((c) => c.agentId),
      latest.map((c) => c.workerId ?? null),
      latest.map((c) => c.linked),
      latest.map((c) => c.atMs),
    ],
  });
}

/**
 * Once per link of a worker, so it may read the whole table; an index by worker would cost every change of presence.
 * Rows are locked in the order in which `hostPresenceWrite` takes them, so that two servers never wait for each other.
 */
export async function hostPresenceReconcile(
  db: Executor,
  { workerId, linked, atMs }: In<'hostPresenceReconcile'>,
): Promise<void> {
  await db.query(
    `WITH gone AS (
       SELECT host_id
       FROM host_presence p
       WHERE worker_id = $1 AND linked AND changed_at_ms <= $3
         AND NOT EXISTS (SELECT 1 FROM unnest($2::uuid[]) AS held(id) WHERE held.id = p.host_id)
                   ORDER BY host_id FOR UPDATE)
     UPDATE host_presence p SET linked = false, changed_at_ms = $3 FROM gone WHERE p.host_id = gone.host_id`,
    [workerId, linked, atMs],
  );
}

/** Asked when a zone gains its first worker or loses its last, so that it may read the whole table. */
async function hostsOutside(db: Executor, zones: In<'hostsOutside'>): ReturnType<HostStore['hostsOutside']> {
  const { rows } = await db.query<{ id: HostId }>(
    'SELECT id FROM host WHERE removed_at_ms IS NULL AND zone <> ALL ($1) ORDER BY id',
    [zones],
  );
  return rows.map(({ id }) => id);
}

export async function hostFactsWrite(db: Executor, changes: In<'hostFactsWrite'>): Promise<void> {
  const latest = [...new Map(changes.map((c) => [c.hostId, c])).values()].sort((a, b) =>
    a.hostId < b.hostId ? -1 : 1,
  );
  await db.query(
    `WITH c AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[]) AS c(host_id, agent_id, version, facts)),
          versions AS (
            UPDATE agent
            SET version = c.version
            FROM c
            WHERE agent.id = c.agent_id AND agent.version IS DISTINCT FROM c.version
          )
     UPDATE host
     SET facts = c.facts
     FROM c
     WHERE host.id = c.host_id AND host.agent_id = c.agent_id AND host.facts IS DISTINCT FROM c.facts`,
    [
      latest.map((c) => c.hostId),
      latest.map((c) => c.agentId),
      latest.map((c) => c.version),
      latest.map((c) => JSON.stringify(c.facts)),
    ],
  );
}

async function hostContactsWrite(db: Executor, contacts: In<'hostContactsWrite'>): Promise<void> {
  const latest = [...new Map([...contacts].sort((a, b) => a.atMs - b.atMs).map((c) => [c.hostId, c])).values()].sort(
    (a, b) => (a.hostId < b.hostId ? -1 : 1),
  );
  await db.query({
    name: 'host-contacts-write',
    text: `INSERT INTO host_contact (host_id, at_ms, code) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[])
           ON CONFLICT (host_id) DO UPDATE SET at_ms = excluded.at_ms, code = excluded.code WHERE host_contact.at_ms <= excluded.at_ms`,
    values: [latest.map((c) => c.hostId), latest.map((c) => c.atMs), latest.map((c) => c.code ?? null)],
  });
}

const HOST_SELECT = `SELECT host.*, contact.at_ms AS contact_at_ms, contact.code AS contact_code,
    coalesce(p.linked AND p.agent_id = host.agent_id, false) AS linked, p.worker_id, p.changed_at_ms,
    CASE WHEN NOT p.linked THEN p.uninstalled_at_ms END AS uninstalled_at_ms,
    jump.name AS jump_host, original.name AS original,
    agent.state = 'active' AND (p.uninstalled_at_ms IS NULL OR p.linked) AS has_agent
  FROM host
  LEFT JOIN host_presence p ON p.host_id = host.id
  LEFT JOIN agent ON agent.id = host.agent_id
  LEFT JOIN host_contact contact ON contact.host_id = host.id
  LEFT JOIN host jump ON jump.id = host.jump_host_id
  LEFT JOIN host original ON original.id = host.twin_of`;

interface HostRow {
  id: HostId;
  name: string;
  labels: Record<string, string>;
  facts: Record<string, unknown>;
  agent_id: AgentId | null;
  has_agent: boolean | null;
  linked: boolean;
  worker_id: WorkerId | null;
  changed_at_ms: number | null;
  uninstalled_at_ms: number | null;
  created_at_ms: number;
  zone: string;
  address: string | null;
  port: number;
  account_id: string | null;
  jump_host: string | null;
  original: string | null;
  host_key_policy: HostRecord['hostKeyPolicy'];
  algorithms: HostRecord['algorithms'] | null;
  contact_at_ms: number | null;
  contact_code: string | null;
}

function hostRecord(row: HostRow): HostRecord {
  return given({
    id: row.id,
    name: row.name,
    labels: row.labels,
    facts: row.facts,
    agentId: row.has_agent ? row.agent_id! : undefined,
    agentUninstalledAtMs: row.uninstalled_at_ms ?? undefined,
    linked: row.linked,
    workerId: (row.linked ? row.worker_id : undefined) ?? undefined,
    linkChangedAtMs: row.changed_at_ms ?? undefined,
    createdAtMs: row.created_at_ms,
    zone: row.zone,
    address: row.address ?? undefined,
    port: row.port,
    accountId: row.account_id ?? undefined,
    jumpHost: row.jump_host ?? undefined,
    twinOf: row.original ?? undefined,
    hostKeyPolicy: row.host_key_policy,
    algorithms: row.algorithms ?? undefined,
    sshContact:
      row.contact_at_ms === null
        ? undefined
        : { atMs: row.contact_at_ms, ...given({ code: row.contact_code ?? undefined }) },
  });
}

export async function hostFetch(db: Executor, idOrName: string): Promise<HostRecord | undefined> {
  const { rows } = await db.query<HostRow>(
    `${HOST_SELECT} WHERE host.removed_at_ms IS NULL AND (host.name = $1 OR host.id = $2) ORDER BY (host.id = $2) IS TRUE DESC LIMIT 1`,
    [idOrName, isUuid(idOrName) ? idOrName : null],
  );
  return rows[0] && hostRecord(rows[0]);
}

async function hostsWithoutAgent(db: Executor, ids: readonly HostId[]): ReturnType<HostStore['hostsWithoutAgent']> {
  const { rows } = await db.query<{ id: HostId }>({
    name: 'hosts-without-agent',
    text: `SELECT asked.id FROM unnest($1::uuid[]) AS asked (id)
      WHERE NOT EXISTS (
        SELECT 1 FROM host
        JOIN agent ON agent.id = host.agent_id
        LEFT JOIN host_presence p ON p.host_id = host.id
        WHERE host.id = asked.id AND agent.state = 'active' AND (p.uninstalled_at_ms IS NULL OR p.linked)
      )`,
    values: [ids],
  });
  return rows.map(({ id }) => id);
}

async function hostAgentUsers(db: Executor, ids: readonly HostId[]): ReturnType<HostStore['hostAgentUsers']> {
  const { rows } = await db.query<{ id: HostId; user: string; os: string }>(
    `SELECT host.id, facts ->> 'agentUser' AS user, coalesce(facts ->> 'os', '') AS os
     FROM host
     JOIN agent ON agent.id = host.agent_id
     LEFT JOIN host_presence p ON p.host_id = host.id
     WHERE host.id = ANY ($1::uuid[]) AND agent.state = 'active' AND facts ->> 'agentUser' IS NOT NULL
       AND (p.linked OR p.uninstalled_at_ms IS NULL)`,
    [ids],
  );
  return new Map(rows.map(({ id, user, os }) => [id, { user, os }]));
}

export async function hostList(
  db: Executor,
  scope: Scope,
  filter: { linked?: boolean; twins?: boolean },
  page: { limit: number; cursor?: string },
): Promise<Page<HostRecord>> {
  const after = decodeCursor(page.cursor, ['text']);
  const { rows } = await db.query<HostRow>(
    `${HOST_SELECT}
     WHERE host.removed_at_ms IS NULL AND ${inScope(scope)} AND ($1::text IS NULL OR host.name > $1)
       AND ($2::boolean IS NULL OR coalesce(p.linked AND p.agent_id = host.agent_id, false) = $2)
       AND ($4::boolean IS NULL OR (host.twin_of IS NOT NULL) = $4)
     ORDER BY host.name
     LIMIT $3`,
    [after?.[0] ?? null, filter.linked ?? null, page.limit + 1, filter.twins ?? null],
  );
  const items = rows.slice(0, page.limit).map(hostRecord);
  return given({
    items,
    next: rows.length > page.limit ? encodeCursor([items.at(-1)!.name]) : undefined,
  });
}

export async function hostDirectory(db: Executor, knownVersion?: number): ReturnType<HostStore['hostDirectory']> {
  const { rows } = await db.query<{ value: number }>({
    name: 'directory-version',
    text: "SELECT value FROM setting WHERE name = 'host-directory'",
  });
  const version = rows[0]!.value;
  if (version === knownVersion) return 'unchanged';
  const hosts = await db.query<{ id: HostId; name: string; labels: Record<string, string> }>(
    'SELECT id, name, labels FROM host WHERE removed_at_ms IS NULL AND twin_of IS NULL ORDER BY name',
  );
  return { version, hosts: hosts.rows };
}

export async function hostLabel(
  pool: Pool,
  id: HostId,
  change: { set: Readonly<Record<string, string>>; remove: readonly string[] },
  guarded: GuardedLabels,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<HostStore['hostLabel']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ before: Record<string, string>; after: Record<string, string> }>(
      'SELECT labels AS before, (labels - $2::text[]) || $3 AS after FROM host WHERE id = $1 AND removed_at_ms IS NULL FOR UPDATE',
      [id, change.remove, JSON.stringify(change.set)],
    );
    if (!rows[0]) return undefined;
    const refused = guardedChange(guarded, rows[0].before, rows[0].after);
    if (refused) return { refused };
    const [had, count] = [rows[0].before, rows[0].after].map((labels) => Object.keys(labels).length) as [
      number,
      number,
    ];
    if (count > limits.labelsPerHostMax && count > had) return { tooMany: count };
    await tx.query('UPDATE host SET labels = $2 WHERE id = $1', [id, JSON.stringify(rows[0].after)]);
    await tx.query(DIRECTORY_CHANGED);
    await auditAppend(tx, audit, nowMs);
    return hostFetch(tx, id);
  });
}

/** A host leaves with its agent; executions in flight keep it. */
export async function hostRemove(
  pool: Pool,
  id: HostId,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<HostStore['hostRemove']> {
  return pool.transaction(async (tx) => {
    await hostAccessHold(tx);
    const { rows } = await tx.query('SELECT 1 FROM host WHERE id = $1 AND removed_at_ms IS NULL FOR UPDATE', [id]);
    if (!rows[0]) return 'not-found';
    const dependent = await tx.query('SELECT 1 FROM host WHERE jump_host_id = $1 AND removed_at_ms IS NULL LIMIT 1', [
      id,
    ]);
    if (dependent.rows[0]) return 'is-jump-host';
    const busy = await tx.query(
      `SELECT 1
       FROM run_active a
       JOIN execution e ON e.run_id = a.run_id
       WHERE e.host_id = $1 AND e.state IN ('waiting', 'dispatched', 'running')
       LIMIT 1`,
      [id],
    );
    if (busy.rows[0]) return 'in-use';
    await tx.query('UPDATE host SET removed_at_ms = $2 WHERE id = $1', [id, nowMs]);
    await tx.query("UPDATE agent SET state = 'revoked' WHERE host_id = $1 AND state = 'active'", [id]);
    await tx.query('DELETE FROM host_key WHERE host_id = $1', [id]);
    await tx.query('DELETE FROM host_key_offers WHERE host_id = $1', [id]);
    await hostAccessChanged(tx);
    await tx.query(DIRECTORY_CHANGED);
    await auditAppend(tx, audit, nowMs);
    return 'removed';
  });
}
