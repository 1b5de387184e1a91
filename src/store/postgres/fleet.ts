/** Hosts, agents, workers, and the tokens they join with. */
import { guardedChange, type GuardedLabels } from '../../domain/access/guarded-labels.ts';
import { isUuid, newId, type AgentId, type HostId, type TokenId, type WorkerId } from '../../base/ids.ts';
import type { AgentSessionRecord } from '../../domain/agent/session-rule.ts';
import type { AgentRecord, AuditEntry, HostRecord, JoinToken, Page, Store, WorkerRecord, Actor } from '../store.ts';
import { auditAppend } from './audit.ts';
import type { Executor, Pool } from './pool.ts';
import { decodeCursor, encodeCursor, present } from './rows.ts';

type In<K extends keyof Store> = Parameters<Store[K]>[0];

/** Any edit that a target expression can see; directories cached by servers are compared by this number. */
export const DIRECTORY_CHANGED = "UPDATE setting SET value = value + 1 WHERE name = 'host-directory'";

/** Ways to hosts are changed by one transaction at a time: taken before any row of a host. */
export async function hostAccessHold(tx: Executor): Promise<void> {
  await tx.query("SELECT value FROM setting WHERE name = 'host-access' FOR UPDATE");
}

export async function hostAccessChanged(tx: Executor): Promise<void> {
  await tx.query("UPDATE setting SET value = value + 1 WHERE name = 'host-access'");
}

/** Checks the token and locks it, so that it is used up together with what it is used for, or not at all. */
export async function joinTokenHold(
  tx: Executor,
  hash: Uint8Array,
  role: 'agent' | 'worker',
  nowMs: number,
): Promise<
  | { id: string; labels: Record<string, string>; zone: string; host_id: HostId | null; host_names: string[] | null }
  | 'join-token-invalid'
  | 'join-token-expired'
> {
  const { rows } = await tx.query<{
    id: string;
    labels: Record<string, string>;
    zone: string;
    host_id: HostId | null;
    host_names: string[] | null;
    uses_left: number;
    expires_at_ms: number;
  }>('SELECT * FROM join_token WHERE hash = $1 AND role = $2 FOR UPDATE', [hash, role]);
  const token = rows[0];
  if (!token) return 'join-token-invalid';
  if (token.uses_left < 1 || token.expires_at_ms <= nowMs) return 'join-token-expired';
  return token;
}

/** As `joinTokenHold`, without a lock: before anything costly is done for whoever shows it. */
export async function joinTokenCheck(
  db: Executor,
  hash: Uint8Array,
  role: 'agent' | 'worker',
  nowMs: number,
): ReturnType<Store['joinTokenCheck']> {
  const { rows } = await db.query<{ is_over: boolean }>({
    name: 'join-token-check',
    text: 'SELECT uses_left < 1 OR expires_at_ms <= $3 AS is_over FROM join_token WHERE hash = $1 AND role = $2',
    values: [hash, role, nowMs],
  });
  return rows[0] === undefined ? 'join-token-invalid' : rows[0].is_over ? 'join-token-expired' : 'good';
}

export async function joinTokenUse(tx: Executor, id: string, hostName?: string): Promise<void> {
  await tx.query(
    'UPDATE join_token SET uses_left = uses_left - 1, host_names = array_remove(host_names, $2) WHERE id = $1',
    [id, hostName ?? null],
  );
}

export async function workerJoin(
  pool: Pool,
  join: In<'workerJoin'>,
  audit: Omit<AuditEntry, 'target'>,
  nowMs: number,
): ReturnType<Store['workerJoin']> {
  return pool.transaction(async (tx) => {
    const token = await joinTokenHold(tx, join.tokenHash, 'worker', nowMs);
    if (typeof token === 'string') return { kind: 'refused', code: token };
    await joinTokenUse(tx, token.id);
    const workerId = newId<'worker'>();
    await tx.query(
      'INSERT INTO worker (id, name, zone, version, public_key, joined_at_ms) VALUES ($1, $2, $3, $4, $5, $6)',
      [workerId, join.name, token.zone, join.version, join.publicKey, nowMs],
    );
    await auditAppend(tx, { ...audit, target: `worker/${join.name}` }, nowMs);
    return { kind: 'joined', workerId, zone: token.zone };
  });
}

const AGENT_SELECT = `SELECT agent.*, host.name AS host_name, coalesce(p.linked AND p.agent_id = agent.id, false) AS linked
  FROM agent JOIN host ON host.id = agent.host_id LEFT JOIN host_presence p ON p.host_id = agent.host_id`;
interface AgentRow {
  id: AgentId;
  host_id: HostId;
  host_name: string;
  state: AgentRecord['state'];
  version: string | null;
  public_key: Buffer;
  joined_at_ms: number;
  certificate_expires_at_ms: number;
  linked: boolean;
  session: AgentSessionRecord | null;
}

function agentRecord(row: AgentRow): AgentRecord {
  return present<AgentRecord>({
    id: row.id,
    hostId: row.host_id,
    hostName: row.host_name,
    state: row.state,
    version: row.version,
    joinedAtMs: row.joined_at_ms,
    certificateExpiresAtMs: row.certificate_expires_at_ms,
    publicKey: row.public_key,
    linked: row.linked,
    copies: row.session?.rival && [row.session.current, row.session.rival],
  });
}

export async function agentFetch(db: Executor, id: AgentId): Promise<AgentRecord | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<AgentRow>(`${AGENT_SELECT} WHERE agent.id = $1`, [id]);
  return rows[0] && agentRecord(rows[0]);
}

export async function agentList(
  db: Executor,
  page: { limit: number; cursor?: string },
  hostIds?: readonly HostId[],
): Promise<Page<AgentRecord>> {
  const after = decodeCursor(page.cursor, ['uuid']);
  const { rows } = await db.query<AgentRow>(
    `${AGENT_SELECT} WHERE ($1::uuid IS NULL OR agent.id > $1) AND ($3::uuid[] IS NULL OR (agent.host_id = ANY ($3) AND agent.id = host.agent_id)) ORDER BY agent.id LIMIT $2`,
    [after?.[0] ?? null, page.limit + 1, hostIds ?? null],
  );
  const items = rows.slice(0, page.limit).map(agentRecord);
  return present<Page<AgentRecord>>({
    items,
    next: rows.length > page.limit ? encodeCursor([items.at(-1)!.id]) : undefined,
  });
}

export async function agentRevoke(
  pool: Pool,
  id: AgentId,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<Store['agentRevoke']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ state: string }>('SELECT state FROM agent WHERE id = $1 FOR UPDATE', [id]);
    if (!rows[0]) return 'not-found';
    if (rows[0].state !== 'active') return 'already-revoked';
    await tx.query("UPDATE agent SET state = 'revoked' WHERE id = $1", [id]);
    await auditAppend(tx, audit, nowMs);
    return 'revoked';
  });
}

export async function workerSeen(db: Executor, worker: In<'workerSeen'>): Promise<void> {
  await db.query('UPDATE worker SET agent_address = $2, version = $3, linked = $4 WHERE id = $1', [
    worker.id,
    worker.agentAddress,
    worker.version,
    worker.linked,
  ]);
}

export async function workerList(db: Executor): Promise<readonly WorkerRecord[]> {
  const { rows } = await db.query<WorkerRow>('SELECT * FROM worker ORDER BY name, id');
  return rows.map(workerRecord);
}

export interface WorkerRow {
  id: WorkerId;
  name: string;
  zone: string;
  agent_address: string;
  linked: boolean;
  joined_at_ms: number;
  version: string | null;
  public_key: Buffer;
  drained: boolean;
  revoked_at_ms: number | null;
}

export function workerRecord(row: WorkerRow): WorkerRecord {
  return present<WorkerRecord>({
    id: row.id,
    name: row.name,
    zone: row.zone,
    agentAddress: row.agent_address,
    linked: row.linked,
    joinedAtMs: row.joined_at_ms,
    version: row.version,
    publicKey: row.public_key,
    drained: row.drained,
    revokedAtMs: row.revoked_at_ms,
  });
}

export async function workerFetch(db: Executor, id: WorkerId): Promise<WorkerRecord | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<WorkerRow>('SELECT * FROM worker WHERE id = $1', [id]);
  return rows[0] && workerRecord(rows[0]);
}

/** Changes and audits only what is not revoked yet. */
export async function workerRevoke(
  pool: Pool,
  id: WorkerId,
  audit: AuditEntry,
  nowMs: number,
): Promise<WorkerRecord | undefined> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<WorkerRow>(
      'UPDATE worker SET revoked_at_ms = $2 WHERE id = $1 AND revoked_at_ms IS NULL RETURNING *',
      [id, nowMs],
    );
    if (rows[0]) await auditAppend(tx, audit, nowMs);
    return rows[0] ? workerRecord(rows[0]) : workerFetch(tx, id);
  });
}

export async function workerDrain(
  pool: Pool,
  id: WorkerId,
  drained: boolean,
  audit: AuditEntry,
  nowMs: number,
): Promise<WorkerRecord | undefined> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<WorkerRow>('SELECT * FROM worker WHERE id = $1 FOR UPDATE', [id]);
    if (!rows[0] || rows[0].drained === drained) return rows[0] && workerRecord(rows[0]);
    await tx.query('UPDATE worker SET drained = $2 WHERE id = $1', [id, drained]);
    await auditAppend(tx, audit, nowMs);
    return workerRecord({ ...rows[0], drained });
  });
}

/** An older observation never overwrites a newer one, whichever server writes it. */
export async function hostPresenceWrite(db: Executor, changes: In<'hostPresenceWrite'>): Promise<void> {
  const latest = [...new Map([...changes].sort((a, b) => a.atMs - b.atMs).map((c) => [c.hostId, c])).values()].sort(
    (a, b) => (a.hostId < b.hostId ? -1 : 1),
  );
  await db.query({
    name: 'presence-write',
    text: `INSERT INTO host_presence (host_id, agent_id, worker_id, linked, changed_at_ms)
           SELECT c.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::boolean[], $5::bigint[]) AS c(host_id, agent_id, worker_id, linked, at_ms)
           ON CONFLICT (host_id) DO UPDATE SET agent_id = excluded.agent_id, worker_id = excluded.worker_id, linked = excluded.linked, changed_at_ms = excluded.changed_at_ms
           WHERE host_presence.changed_at_ms <= excluded.changed_at_ms
             AND (host_presence.linked, host_presence.worker_id, host_presence.agent_id) IS DISTINCT FROM (excluded.linked, excluded.worker_id, excluded.agent_id)`,
    values: [
      latest.map((c) => c.hostId),
      latest.map((c) => c.agentId),
      latest.map((c) => c.workerId ?? null),
      latest.map((c) => c.linked),
      latest.map((c) => c.atMs),
    ],
  });
}

/** Once per link of a worker, so it may read the whole table; an index by worker would cost every change of presence. Rows are locked in the order in which `hostPresenceWrite` takes them, so that two servers never wait for each other. */
export async function hostPresenceReconcile(
  db: Executor,
  { workerId, linked, atMs }: In<'hostPresenceReconcile'>,
): Promise<void> {
  await db.query(
    `WITH gone AS (SELECT host_id FROM host_presence p WHERE worker_id = $1 AND linked AND changed_at_ms <= $3 AND NOT EXISTS (SELECT 1 FROM unnest($2::uuid[]) AS held(id) WHERE held.id = p.host_id)
                   ORDER BY host_id FOR UPDATE)
     UPDATE host_presence p SET linked = false, changed_at_ms = $3 FROM gone WHERE p.host_id = gone.host_id`,
    [workerId, linked, atMs],
  );
}

export async function hostFactsWrite(db: Executor, changes: In<'hostFactsWrite'>): Promise<void> {
  const latest = [...new Map(changes.map((c) => [c.hostId, c])).values()].sort((a, b) =>
    a.hostId < b.hostId ? -1 : 1,
  );
  await db.query(
    `WITH c AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[]) AS c(host_id, agent_id, version, facts)),
          versions AS (UPDATE agent SET version = c.version FROM c WHERE agent.id = c.agent_id AND agent.version IS DISTINCT FROM c.version)
     UPDATE host SET facts = c.facts FROM c WHERE host.id = c.host_id AND host.agent_id = c.agent_id AND host.facts IS DISTINCT FROM c.facts`,
    [
      latest.map((c) => c.hostId),
      latest.map((c) => c.agentId),
      latest.map((c) => c.version),
      latest.map((c) => JSON.stringify(c.facts)),
    ],
  );
}

const HOST_SELECT = `SELECT host.*, coalesce(p.linked AND p.agent_id = host.agent_id, false) AS linked, p.worker_id, p.changed_at_ms, jump.name AS jump_host, original.name AS original
  FROM host LEFT JOIN host_presence p ON p.host_id = host.id LEFT JOIN host jump ON jump.id = host.jump_host_id LEFT JOIN host original ON original.id = host.twin_of`;
interface HostRow {
  id: HostId;
  name: string;
  labels: Record<string, string>;
  facts: Record<string, unknown>;
  agent_id: AgentId | null;
  linked: boolean;
  worker_id: WorkerId | null;
  changed_at_ms: number | null;
  created_at_ms: number;
  zone: string;
  address: string | null;
  port: number;
  account_id: string | null;
  jump_host: string | null;
  original: string | null;
  host_key_policy: HostRecord['hostKeyPolicy'];
  algorithms: HostRecord['algorithms'] | null;
}

function hostRecord(row: HostRow): HostRecord {
  return present<HostRecord>({
    id: row.id,
    name: row.name,
    labels: row.labels,
    facts: row.facts,
    agentId: row.agent_id,
    linked: row.linked,
    workerId: row.linked ? row.worker_id : undefined,
    linkChangedAtMs: row.changed_at_ms,
    createdAtMs: row.created_at_ms,
    zone: row.zone,
    address: row.address,
    port: row.port,
    accountId: row.account_id,
    jumpHost: row.jump_host,
    twinOf: row.original,
    hostKeyPolicy: row.host_key_policy,
    algorithms: row.algorithms,
  });
}

export async function hostFetch(db: Executor, idOrName: string): Promise<HostRecord | undefined> {
  const { rows } = await db.query<HostRow>(
    `${HOST_SELECT} WHERE host.removed_at_ms IS NULL AND (host.name = $1 OR host.id = $2) ORDER BY host.name = $1 DESC LIMIT 1`,
    [idOrName, isUuid(idOrName) ? idOrName : null],
  );
  return rows[0] && hostRecord(rows[0]);
}

export async function hostList(
  db: Executor,
  filter: { linked?: boolean; twins?: boolean },
  page: { limit: number; cursor?: string },
): Promise<Page<HostRecord>> {
  const after = decodeCursor(page.cursor, ['text']);
  const { rows } = await db.query<HostRow>(
    `${HOST_SELECT} WHERE host.removed_at_ms IS NULL AND ($1::text IS NULL OR host.name > $1) AND ($2::boolean IS NULL OR coalesce(p.linked AND p.agent_id = host.agent_id, false) = $2) AND ($4::boolean IS NULL OR (host.twin_of IS NOT NULL) = $4) ORDER BY host.name LIMIT $3`,
    [after?.[0] ?? null, filter.linked ?? null, page.limit + 1, filter.twins ?? null],
  );
  const items = rows.slice(0, page.limit).map(hostRecord);
  return present<Page<HostRecord>>({
    items,
    next: rows.length > page.limit ? encodeCursor([items.at(-1)!.name]) : undefined,
  });
}

export async function hostDirectory(db: Executor, knownVersion?: number): ReturnType<Store['hostDirectory']> {
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
): ReturnType<Store['hostLabel']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ before: Record<string, string>; after: Record<string, string> }>(
      'SELECT labels AS before, (labels - $2::text[]) || $3 AS after FROM host WHERE id = $1 AND removed_at_ms IS NULL FOR UPDATE',
      [id, change.remove, JSON.stringify(change.set)],
    );
    if (!rows[0]) return undefined;
    const refused = guardedChange(guarded, rows[0].before, rows[0].after);
    if (refused) return { refused };
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
): ReturnType<Store['hostRemove']> {
  return pool.transaction(async (tx) => {
    await hostAccessHold(tx);
    const { rows } = await tx.query('SELECT 1 FROM host WHERE id = $1 AND removed_at_ms IS NULL FOR UPDATE', [id]);
    if (!rows[0]) return 'not-found';
    const dependent = await tx.query('SELECT 1 FROM host WHERE jump_host_id = $1 AND removed_at_ms IS NULL LIMIT 1', [
      id,
    ]);
    if (dependent.rows[0]) return 'is-jump-host';
    const busy = await tx.query(
      "SELECT 1 FROM run_active a JOIN execution e ON e.run_id = a.run_id WHERE e.host_id = $1 AND e.state IN ('waiting', 'dispatched', 'running') LIMIT 1",
      [id],
    );
    if (busy.rows[0]) return 'in-use';
    await tx.query('UPDATE host SET removed_at_ms = $2 WHERE id = $1', [id, nowMs]);
    await tx.query("UPDATE agent SET state = 'revoked' WHERE host_id = $1 AND state = 'active'", [id]);
    await tx.query('DELETE FROM host_key WHERE host_id = $1', [id]);
    await hostAccessChanged(tx);
    await tx.query(DIRECTORY_CHANGED);
    await auditAppend(tx, audit, nowMs);
    return 'removed';
  });
}

interface JoinTokenRow {
  id: TokenId;
  role: 'agent' | 'worker';
  labels: Record<string, string>;
  zone: string;
  host_id: HostId | null;
  uses_left: number;
  created_at_ms: number;
  expires_at_ms: number;
  created_by: Actor;
}

function joinTokenRecord(row: JoinTokenRow): JoinToken {
  return present<JoinToken>({
    id: row.id,
    role: row.role,
    labels: row.labels,
    zone: row.zone,
    hostId: row.host_id,
    usesLeft: row.uses_left,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    createdBy: row.created_by,
  });
}

export async function joinTokenCreate(
  pool: Pool,
  token: In<'joinTokenCreate'>,
  audit: AuditEntry,
  nowMs: number,
): Promise<JoinToken> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<JoinTokenRow>(
      'INSERT INTO join_token (id, hash, role, labels, zone, uses_left, created_at_ms, expires_at_ms, created_by, host_id, host_names) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING *',
      [
        token.id,
        token.hash,
        token.role,
        JSON.stringify(token.labels),
        token.zone,
        token.uses,
        nowMs,
        nowMs + token.lifetimeMs,
        JSON.stringify(audit.actor),
        token.hostId ?? null,
        token.hostNames ?? null,
      ],
    );
    await auditAppend(tx, audit, nowMs);
    return joinTokenRecord(rows[0]!);
  });
}

export async function joinTokenList(db: Executor, nowMs: number): Promise<readonly JoinToken[]> {
  const { rows } = await db.query<JoinTokenRow>(
    'SELECT * FROM join_token WHERE uses_left > 0 AND expires_at_ms > $1 ORDER BY created_at_ms DESC LIMIT 1000',
    [nowMs],
  );
  return rows.map(joinTokenRecord);
}

export async function joinTokenRevoke(pool: Pool, id: TokenId, audit: AuditEntry, nowMs: number): Promise<boolean> {
  return pool.transaction(async (tx) => {
    const { rowCount } = await tx.query('DELETE FROM join_token WHERE id = $1', [id]);
    if (rowCount > 0) await auditAppend(tx, audit, nowMs);
    return rowCount > 0;
  });
}
