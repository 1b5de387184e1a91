/** How hosts are reached without an agent: set-based writes of whole imports, and the way to one host with all its stops. */
import { assert } from '../../base/assert.ts';
import { given } from '../../base/given.ts';
import { newId, type AccountId, type HostId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { HostAlgorithms } from '../../domain/inventory/host-draft.ts';
import type { HostKeyPolicy } from '../../domain/inventory/host-key-policy.ts';
import type { GuardedLabels } from '../../domain/access/guarded-labels.ts';
import {
  planHosts,
  type HostEntry,
  type HostPlan,
  type KnownHost,
  type PlannedHost,
  type PlanWorld,
} from '../../domain/inventory/host-plan.ts';
import type { AuditEntry } from '../contract/audit.ts';
import type { HostAccess, HostAccessStore, HostHop, HostWriteOutcome } from '../contract/host-access.ts';
import { auditAppend } from './audit/audit.ts';
import { inEntries } from './audit/audit-detail.ts';
import { DIRECTORY_CHANGED, hostAccessChanged, hostAccessHold } from './host-versions.ts';
import type { Executor, Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function hostAccessStore({ pool, hints, now }: StoreParts): HostAccessStore {
  return {
    async hostImport(entries, how, entry) {
      const answer = await hostImport(pool, entries, how, entry, now());
      if (answer.kind === 'done' && !how.dryRun) hints.notify('hosts', '');
      return answer;
    },
    async hostEdit(id, change, guarded, entry) {
      const answer = await hostEdit(pool, id, change, guarded, entry, now());
      if (answer.kind === 'edited') hints.notify('hosts', '');
      return answer;
    },
    hostAccess: (id) => hostAccess(pool, id),
    hostAccessList: (knownVersion) => hostAccessList(pool, knownVersion),
  };
}

async function hostImport(
  pool: Pool,
  entries: readonly HostEntry[],
  options: { dryRun: boolean; onlyNew: boolean; guarded: GuardedLabels },
  audit: AuditEntry,
  nowMs: number,
): Promise<HostWriteOutcome> {
  const once = (): Promise<HostWriteOutcome> =>
    pool.transaction(async (tx) => {
      await hostAccessHold(tx);
      const world = { ...(await planWorld(tx, entries)), guarded: options.guarded };
      const plan = planHosts(entries, world);
      const taken = options.onlyNew
        ? plan.hosts.flatMap((host, index) =>
            host.id === undefined
              ? []
              : [
                  {
                    index,
                    field: 'name',
                    code: 'host-name-taken' as const,
                    detail: `there is a host ${host.name} already; change it with drover hosts edit`,
                  },
                ],
          )
        : [];
      if (plan.faults.length + taken.length > 0) return { kind: 'refused', faults: [...taken, ...plan.faults] };
      if (!options.dryRun) await writePlan(tx, plan, world, audit, nowMs);
      return { kind: 'done', hosts: plan.hosts };
    });
  return orOnceMore(once);
}

async function hostEdit(
  pool: Pool,
  id: HostId,
  entry: Omit<HostEntry, 'name'>,
  guarded: GuardedLabels,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<HostAccessStore['hostEdit']> {
  return orOnceMore(() =>
    pool.transaction(async (tx) => {
      await hostAccessHold(tx);
      const { rows } = await tx.query<{ name: string }>(
        'SELECT name FROM host WHERE id = $1 AND removed_at_ms IS NULL',
        [id],
      );
      if (!rows[0]) return { kind: 'not-found' };
      const entries: HostEntry[] = [{ ...entry, name: rows[0].name }];
      const world = { ...(await planWorld(tx, entries)), guarded };
      // Renamed in between by nobody: names change only under the lock that is held here.
      const plan = planHosts(entries, world);
      if (plan.faults.length > 0) return { kind: 'refused', faults: plan.faults };
      await writePlan(tx, plan, world, audit, nowMs);
      return { kind: 'edited', changes: plan.hosts[0]!.changes };
    }),
  );
}

/** An agent that joins may take a name between our look and our insert; then it is there to be seen. */
async function orOnceMore<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if ((error as { constraint?: unknown }).constraint !== 'host_name') throw error;
    return write();
  }
}

interface KnownRow {
  id: string;
  name: string;
  address: string | null;
  port: number;
  zone: string;
  account_id: string | null;
  jump_host: string | null;
  host_key_policy: HostKeyPolicy;
  algorithms: HostAlgorithms | null;
  labels: Record<string, string>;
  agent_id: string | null;
}

/** The hosts that the entries name are held until the end: what was planned is still true when it is written. */
async function planWorld(tx: Executor, entries: readonly HostEntry[]): Promise<PlanWorld> {
  const names = [
    ...new Set(
      entries.flatMap((entry) => [entry.name, entry.rename, entry.jumpHost].filter((name) => typeof name === 'string')),
    ),
  ];
  const { rows } = await tx.query<KnownRow>(
    `SELECT host.*, jump.name AS jump_host
     FROM host
     LEFT JOIN host jump ON jump.id = host.jump_host_id
     WHERE host.name = ANY($1) AND host.removed_at_ms IS NULL
     ORDER BY host.id
     FOR UPDATE OF host`,
    [names],
  );
  const known = new Map(
    rows.map((row): [string, KnownHost] => [
      row.name,
      {
        id: row.id,
        name: row.name,
        address: row.address,
        port: row.port,
        zone: row.zone,
        accountId: row.account_id,
        jumpHost: row.jump_host,
        hostKeyPolicy: row.host_key_policy,
        algorithms: row.algorithms,
        labels: row.labels,
        hasAgent: row.agent_id !== null,
      },
    ]),
  );
  const needsWays = entries.some((entry) => entry.jumpHost !== undefined || entry.address === null);
  const jumps = needsWays
    ? (
        await tx.query<{ name: string; jump_host: string }>(
          `SELECT host.name, jump.name AS jump_host
           FROM host
           JOIN host jump ON jump.id = host.jump_host_id
           WHERE host.removed_at_ms IS NULL`,
        )
      ).rows
    : [];
  return { known, jumps: new Map(jumps.map((row) => [row.name, row.jump_host])) };
}

const COLUMNS =
  'id uuid, name text, labels jsonb, address text, port int, zone text, account_id uuid, jump_host_id uuid, ' +
  'host_key_policy text, algorithms jsonb';

async function writePlan(
  tx: Executor,
  plan: HostPlan,
  world: PlanWorld,
  audit: AuditEntry,
  nowMs: number,
): Promise<void> {
  const ids = new Map<string, string>([...world.known].map(([name, host]) => [name, host.id]));
  for (const host of plan.hosts) if (host.id === undefined) ids.set(host.name, newId<'host'>());
  const row = (host: PlannedHost): Record<string, unknown> => ({
    id: host.id ?? ids.get(host.name),
    name: host.name,
    labels: host.settings.labels,
    address: host.settings.address,
    port: host.settings.port,
    zone: host.settings.zone,
    account_id: host.settings.accountId,
    jump_host_id: host.settings.jumpHost === null ? null : ids.get(host.settings.jumpHost),
    host_key_policy: host.settings.hostKeyPolicy,
    algorithms: host.settings.algorithms,
  });
  const [created, updated] = [
    plan.hosts.filter((host) => host.action === 'created'),
    plan.hosts.filter((host) => host.action === 'updated'),
  ];
  if (created.length + updated.length === 0) return;
  if (created.length > 0) {
    await tx.query(
      `INSERT INTO host (id, name, labels, address, port, zone, account_id, jump_host_id, host_key_policy, algorithms, created_at_ms)
       SELECT id, name, labels, address, port, zone, account_id, jump_host_id, host_key_policy, algorithms, $2
       FROM jsonb_to_recordset($1::jsonb) AS h(${COLUMNS})`,
      [JSON.stringify(created.map(row)), nowMs],
    );
  }
  if (updated.length > 0) {
    await tx.query(
      `UPDATE host
       SET name = h.name, labels = h.labels, address = h.address, port = h.port, zone = h.zone,
         account_id = h.account_id, jump_host_id = h.jump_host_id, host_key_policy = h.host_key_policy,
         algorithms = h.algorithms
       FROM jsonb_to_recordset($1::jsonb) AS h(${COLUMNS}) WHERE host.id = h.id`,
      [JSON.stringify(updated.map(row))],
    );
  }
  await hostAccessChanged(tx);
  await tx.query(DIRECTORY_CHANGED);
  const told = plan.hosts
    .filter(({ action }) => action !== 'unchanged')
    .map(({ name, action, changes, settings }) => ({
      name,
      action,
      ...(action === 'created' ? { settings } : { changes }),
    }));
  for (const hosts of inEntries(told)) await auditAppend(tx, { ...audit, detail: { ...audit.detail, hosts } }, nowMs);
}

interface HopRow {
  depth: number;
  id: HostId;
  name: string;
  labels: Record<string, string>;
  address: string | null;
  port: number;
  zone: string;
  account_id: string | null;
  host_key_policy: HostKeyPolicy;
  algorithms: HostAlgorithms | null;
  keys: { algorithm: string; key: string }[];
  is_other_key_shown: boolean;
}

async function hostAccess(db: Executor, id: HostId): Promise<HostAccess> {
  const { rows } = await db.query<HopRow>({
    name: 'host-access',
    // One deeper than may be: were a way ever too long, it would show as such and not as one that begins in the middle.
    text: `WITH RECURSIVE hop AS (
             SELECT host.*, 1 AS depth FROM host WHERE id = $1 AND removed_at_ms IS NULL
             UNION ALL SELECT host.*, hop.depth + 1 FROM hop JOIN host ON host.id = hop.jump_host_id WHERE hop.depth <= $2)
           SELECT hop.depth, hop.id, hop.name, hop.labels, hop.address, hop.port, hop.zone, hop.account_id,
             hop.host_key_policy, hop.algorithms,
             coalesce(
               (
                 SELECT jsonb_agg(
                   jsonb_build_object('algorithm', k.algorithm, 'key', encode(k.key, 'base64'))
                   ORDER BY k.algorithm, k.id
                 )
                 FROM host_key k
                 WHERE k.host_id = hop.id AND k.state = 'known'
               ),
               '[]'
             ) AS keys,
             EXISTS (SELECT 1 FROM host_key k WHERE k.host_id = hop.id AND k.state = 'offered') AS is_other_key_shown
           FROM hop ORDER BY hop.depth DESC`,
    values: [id, limits.sshHopsMax],
  });
  const host = rows.at(-1);
  if (!host) return { kind: 'not-found' };
  assert(rows.length <= limits.sshHopsMax, `the way to ${host.name} has more than ${limits.sshHopsMax} hops`);
  const without = rows.findLast((row) => row.address === null);
  if (without) return { kind: 'no-address', hostName: without.name };
  return { kind: 'access', zone: host.zone, hops: rows.map(hostHop) };
}

function hostHop(row: HopRow): HostHop {
  return {
    hostId: row.id,
    hostName: row.name,
    labels: row.labels,
    // The whole way has addresses: `hostAccess` has looked.
    address: row.address!,
    port: row.port,
    hostKeyPolicy: row.host_key_policy,
    ...given({ accountId: row.account_id ?? undefined, algorithms: row.algorithms ?? undefined }),
    isOtherKeyShown: row.is_other_key_shown,
    knownHostKeys: row.keys.map(({ algorithm, key }) => ({ algorithm, key: Buffer.from(key, 'base64') })),
  };
}

async function hostAccessList(db: Executor, knownVersion?: number): ReturnType<HostAccessStore['hostAccessList']> {
  const { rows } = await db.query<{ value: number }>({
    name: 'host-access-version',
    text: "SELECT value FROM setting WHERE name = 'host-access'",
  });
  const version = rows[0]!.value;
  if (version === knownVersion) return 'unchanged';
  const hosts = await db.query<{ id: HostId; name: string; zone: string; account_id: AccountId | null }>(
    'SELECT id, name, zone, account_id FROM host WHERE removed_at_ms IS NULL AND address IS NOT NULL ORDER BY name',
  );
  return {
    version,
    hosts: hosts.rows.map(({ id, name, zone, account_id: accountId }) => ({
      id,
      name,
      zone,
      ...given({ accountId: accountId ?? undefined }),
    })),
  };
}
