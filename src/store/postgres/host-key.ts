/**
 * Keys by which hosts are known. Whoever records one holds the host's row, so that of two first uses one is first, and a
 * key that comes second is never believed by accident.
 */
import { createHash } from 'node:crypto';
import { given } from '../../base/given.ts';
import { isUuid, type HostId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { offerCounted } from '../../domain/inventory/key-offers.ts';
import type { Actor, AuditEntry } from '../contract/audit.ts';
import type { HostKeyRecord, HostKeyStore, NewHostKey } from '../contract/host-key.ts';
import { auditAppend } from './audit/audit.ts';
import { inEntries } from './audit/audit-detail.ts';
import { hostAccessChanged } from './host-versions.ts';
import type { Executor, Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function hostKeyStore({ pool, hints, now }: StoreParts): HostKeyStore {
  return {
    hostKeyList: (id) => hostKeyList(pool, id),
    async hostKeyRecord(id, key, seenBy) {
      const answer = await hostKeyRecord(pool, id, key, seenBy, now());
      if (answer !== 'offered') return answer;
      // Every worker looks at its connections to the host. Apart from the record: ways are changed before any row of a host is held.
      await hostAccessChanged(pool);
      hints.notify('hosts', '');
      return 'changed';
    },
    hostKeyImport: (keys, entry) => hostKeyImport(pool, keys, entry, now()),
    hostKeyAccept: (id, keyId, entry) => hostKeyAccept(pool, id, keyId, entry, now()),
    hostKeyRemove: (id, keyId, entry) => hostKeyRemove(pool, id, keyId, entry, now()),
  };
}

interface KeyRow {
  id: Buffer;
  algorithm: string;
  key: Buffer;
  state: HostKeyRecord['state'];
  origin: HostKeyRecord['origin'];
  first_seen_at_ms: number;
  changed_at_ms: number;
  changed_by: string;
}

function keyId(key: Uint8Array): Buffer {
  return createHash('sha256').update(key).digest();
}

/** As OpenSSH prints it. */
function fingerprintOf(id: Buffer): string {
  return `SHA256:${id.toString('base64').replace(/=+$/, '')}`;
}

/** The host's row, held; undefined when there is none. */
async function holdHost(tx: Executor, id: HostId): Promise<{ name: string; host_key_policy: string } | undefined> {
  return (
    await tx.query<{ name: string; host_key_policy: string }>(
      'SELECT name, host_key_policy FROM host WHERE id = $1 AND removed_at_ms IS NULL FOR NO KEY UPDATE',
      [id],
    )
  ).rows[0];
}

async function writeKey(
  tx: Executor,
  hostId: HostId,
  key: NewHostKey,
  state: HostKeyRecord['state'],
  origin: HostKeyRecord['origin'],
  by: string,
  nowMs: number,
): Promise<void> {
  await tx.query(
    `INSERT INTO host_key (host_id, id, algorithm, key, state, origin, first_seen_at_ms, changed_at_ms, changed_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)
     ON CONFLICT (host_id, id) DO UPDATE SET state = excluded.state, origin = excluded.origin,
       changed_at_ms = excluded.changed_at_ms, changed_by = excluded.changed_by`,
    [hostId, keyId(key.key), key.algorithm, key.key, state, origin, nowMs, by],
  );
}

async function hostKeyList(db: Executor, id: HostId): Promise<readonly HostKeyRecord[]> {
  const { rows } = await db.query<KeyRow>('SELECT * FROM host_key WHERE host_id = $1 ORDER BY state, algorithm, id', [
    id,
  ]);
  return rows.map((row) => ({
    id: row.id.toString('hex'),
    algorithm: row.algorithm,
    key: row.key,
    state: row.state,
    origin: row.origin,
    firstSeenAtMs: row.first_seen_at_ms,
    changedAtMs: row.changed_at_ms,
    changedBy: row.changed_by,
  }));
}

/** A worker may see keys of the hosts of its zone, and of those on the way to them. */
async function isOnWayInto(tx: Executor, zone: string, id: HostId): Promise<boolean> {
  const { rows } = await tx.query(
    `WITH RECURSIVE through AS (
       SELECT id, zone
       FROM host
       WHERE id = $1
       UNION
       SELECT host.id, host.zone
       FROM through
       JOIN host ON host.jump_host_id = through.id
       WHERE host.removed_at_ms IS NULL
     )
     SELECT 1 FROM through WHERE zone = $2 LIMIT 1`,
    [id, zone],
  );
  return rows.length > 0;
}

async function hostKeyRecord(
  pool: Pool,
  id: HostId,
  key: NewHostKey,
  seenBy: Parameters<HostKeyStore['hostKeyRecord']>[2],
  nowMs: number,
): Promise<Awaited<ReturnType<HostKeyStore['hostKeyRecord']>> | 'offered'> {
  const { zone, workerId } = seenBy;
  const actor: Actor = {
    kind: 'system',
    id: workerId ?? `zone/${zone}`,
    name: workerId === undefined ? `a worker of ${zone}` : `worker ${workerId}`,
  };
  return pool.transaction(async (tx) => {
    const host = await holdHost(tx, id);
    if (!host || key.key.length > limits.hostKeyBytesMax || !(await isOnWayInto(tx, zone, id))) return 'changed';
    const { rows } = await tx.query<KeyRow>('SELECT * FROM host_key WHERE host_id = $1 ORDER BY first_seen_at_ms, id', [
      id,
    ]);
    const digest = keyId(key.key);
    const same = rows.find((row) => row.id.equals(digest));
    if (same?.state === 'known') return 'known';
    const audit = (action: string, untold = 0): Promise<void> =>
      auditAppend(
        tx,
        {
          actor,
          action,
          target: `host/${host.name}`,
          detail: {
            algorithm: key.algorithm,
            fingerprint: fingerprintOf(digest),
            ...given({ untold: untold || undefined }),
          },
        },
        nowMs,
      );
    if (host.host_key_policy === 'first-use' && !rows.some((row) => row.state === 'known')) {
      await writeKey(tx, id, key, 'known', 'first-use', actor.name, nowMs);
      await audit('fleet.host-key.record');
      return 'recorded';
    }
    // Told once: a job that tries every minute must not fill the audit.
    if (same) return 'changed';
    const offered = rows.filter((row) => row.state === 'offered');
    const gone = offered.filter((row) => row.algorithm === key.algorithm);
    if (rows.length - gone.length >= limits.hostKeysPerHostMax)
      gone.push(...offered.filter((row) => !gone.includes(row)).slice(0, 1));
    await tx.query('DELETE FROM host_key WHERE host_id = $1 AND id = ANY($2)', [id, gone.map((row) => row.id)]);
    if (rows.length - gone.length < limits.hostKeysPerHostMax)
      await writeKey(tx, id, key, 'offered', 'offered', actor.name, nowMs);
    const told = await countOffer(tx, id, nowMs);
    if (told) await audit('fleet.host-key.offer', told.untold);
    // Of several the first alone is news to connections.
    return offered.length === 0 ? 'offered' : 'changed';
  });
}

/** Of a host whose row is held. Undefined: the audit does not tell of this one. */
async function countOffer(tx: Executor, id: HostId, nowMs: number): Promise<{ readonly untold: number } | undefined> {
  const { rows } = await tx.query<{ since_ms: number; offers: number; untold: number }>(
    'SELECT since_ms, offers, untold FROM host_key_offers WHERE host_id = $1',
    [id],
  );
  const before = rows[0] && { sinceMs: rows[0].since_ms, offers: rows[0].offers, untold: rows[0].untold };
  const { now, told } = offerCounted(before, nowMs, limits.hostKeyOffersToldPerHour);
  await tx.query(
    `INSERT INTO host_key_offers (host_id, since_ms, offers, untold) VALUES ($1, $2, $3, $4)
     ON CONFLICT (host_id) DO UPDATE SET since_ms = excluded.since_ms, offers = excluded.offers, untold = excluded.untold`,
    [id, now.sinceMs, now.offers, now.untold],
  );
  return told;
}

async function hostKeyImport(
  pool: Pool,
  hosts: Parameters<HostKeyStore['hostKeyImport']>[0],
  audit: AuditEntry,
  nowMs: number,
): ReturnType<HostKeyStore['hostKeyImport']> {
  const given = `SELECT DISTINCT ON (host_id, id) host_id, decode(id, 'hex') AS id, algorithm, decode(key, 'hex') AS key
    FROM jsonb_to_recordset($1::jsonb) AS k(host_id uuid, id text, algorithm text, key text)
    ORDER BY host_id, id`;
  return pool.transaction(async (tx) => {
    const names = hosts.map((host) => host.host);
    const { rows: held } = await tx.query<{ id: HostId; name: string }>(
      'SELECT id, name FROM host WHERE (name = ANY($1) OR id = ANY($2::uuid[])) AND removed_at_ms IS NULL ORDER BY id FOR NO KEY UPDATE',
      [names, names.filter(isUuid)],
    );
    // An id wins over a name, as everywhere.
    const byName = new Map([
      ...held.map((host) => [host.name, host] as const),
      ...held.map((host) => [host.id as string, host] as const),
    ]);
    const missing = names.flatMap((name, index) => (byName.has(name) ? [] : [index]));
    if (missing.length > 0) return { kind: 'not-found', indexes: missing };
    const flat = hosts.flatMap((host) =>
      host.keys.map((key) => ({
        host_id: byName.get(host.host)!.id,
        algorithm: key.algorithm,
        key: Buffer.from(key.key).toString('hex'),
        id: keyId(key.key).toString('hex'),
      })),
    );
    const hostNames = new Map(held.map((host) => [host.id, host.name]));
    const ids = [...new Set(flat.map((key) => key.host_id))];
    const full = await tx.query<{ host_id: HostId }>(
      `WITH given AS (${given}), together AS (
         SELECT host_id, id FROM given UNION SELECT host_id, id FROM host_key WHERE host_id = ANY($2)
       )
       SELECT host_id
       FROM together
       GROUP BY host_id
       HAVING count(*) > $3
       LIMIT 1`,
      [JSON.stringify(flat), ids, limits.hostKeysPerHostMax],
    );
    if (full.rows[0]) return { kind: 'too-many', hostName: hostNames.get(full.rows[0].host_id)! };
    const { rows } = await tx.query<{ host_id: HostId; id: Buffer }>(
      `INSERT INTO host_key (host_id, id, algorithm, key, state, origin, first_seen_at_ms, changed_at_ms, changed_by)
       SELECT g.host_id, g.id, g.algorithm, g.key, 'known', 'import', $2::bigint, $2::bigint, $3 FROM (${given}) AS g
       ON CONFLICT (host_id, id) DO UPDATE SET state = 'known', origin = 'import',
         changed_at_ms = excluded.changed_at_ms, changed_by = excluded.changed_by
       WHERE host_key.state = 'offered'
       RETURNING host_id, id`,
      [JSON.stringify(flat), nowMs, audit.actor.name],
    );
    const told = rows.map((row) => `${hostNames.get(row.host_id)} ${fingerprintOf(row.id)}`);
    for (const keys of inEntries(told)) await auditAppend(tx, { ...audit, detail: { ...audit.detail, keys } }, nowMs);
    return { kind: 'imported', hosts: ids.length, added: rows.length };
  });
}

async function hostKeyAccept(
  pool: Pool,
  id: HostId,
  hexId: string,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<HostKeyStore['hostKeyAccept']> {
  return pool.transaction(async (tx) => {
    if (!(await holdHost(tx, id))) return 'not-found';
    const { rows } = await tx.query<KeyRow>('SELECT * FROM host_key WHERE host_id = $1', [id]);
    const key = rows.find((row) => row.id.toString('hex') === hexId);
    if (!key) return 'not-found';
    if (key.state === 'known') return 'known';
    const replaced = rows.filter((row) => row.state === 'known' && row.algorithm === key.algorithm);
    await tx.query('DELETE FROM host_key WHERE host_id = $1 AND id = ANY($2)', [id, replaced.map((row) => row.id)]);
    await writeKey(tx, id, key, 'known', 'accepted', audit.actor.name, nowMs);
    await auditAppend(
      tx,
      {
        ...audit,
        detail: {
          ...audit.detail,
          algorithm: key.algorithm,
          fingerprint: fingerprintOf(key.id),
          replaced: replaced.map((row) => fingerprintOf(row.id)),
        },
      },
      nowMs,
    );
    return 'accepted';
  });
}

async function hostKeyRemove(
  pool: Pool,
  id: HostId,
  hexId: string,
  audit: AuditEntry,
  nowMs: number,
): Promise<boolean> {
  return pool.transaction(async (tx) => {
    if (!(await holdHost(tx, id))) return false;
    const { rows } = await tx.query<KeyRow>(
      "DELETE FROM host_key WHERE host_id = $1 AND id = decode($2, 'hex') RETURNING *",
      [id, hexId],
    );
    const key = rows[0];
    if (!key) return false;
    await auditAppend(
      tx,
      {
        ...audit,
        detail: { ...audit.detail, algorithm: key.algorithm, fingerprint: fingerprintOf(key.id), state: key.state },
      },
      nowMs,
    );
    return true;
  });
}
