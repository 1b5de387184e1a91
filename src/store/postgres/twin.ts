/** What is decided of a host that looks like another one. */
import { given } from '../../base/given.ts';
import type { AgentId, HostId } from '../../base/ids.ts';
import type { AuditEntry } from '../contract/audit.ts';
import { auditAppend } from './audit/audit.ts';
import { DIRECTORY_CHANGED, hostAccessChanged, hostAccessHold } from './host-versions.ts';
import { hostFetch } from './host.ts';
import type { Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';
import type { TwinStore } from '../contract/twin.ts';

export function twinStore({ pool, hints, now }: StoreParts): TwinStore {
  return {
    twinAccept: (id, entry) => twinAccept(pool, id, entry, now()),
    async twinReplace(id, entry) {
      const answer = await twinReplace(pool, id, entry, now());
      if (answer.kind === 'replaced') {
        hints.notify('fleet', answer.agentId ?? id);
        hints.notify('hosts', '');
      }
      return answer;
    },
  };
}

/** Not the machine that it looked like: a host as any other. */
async function twinAccept(
  pool: Pool,
  id: HostId,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<TwinStore['twinAccept']> {
  return pool.transaction(async (tx) => {
    const { rowCount } = await tx.query(
      'UPDATE host SET twin_of = NULL WHERE id = $1 AND twin_of IS NOT NULL AND removed_at_ms IS NULL',
      [id],
    );
    if (rowCount === 0) return 'not-twin';
    await tx.query(DIRECTORY_CHANGED);
    await auditAppend(tx, audit, nowMs);
    return 'accepted';
  });
}

/**
 * The very machine that it looked like, with an agent that lost its key: it takes that host's place, with name, labels, address,
 * account, host keys and those who jump through it. The former host goes as one that is removed, and its agent is revoked.
 */
async function twinReplace(
  pool: Pool,
  id: HostId,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<TwinStore['twinReplace']> {
  return pool.transaction(async (tx) => {
    await hostAccessHold(tx);
    const { rows } = await tx.query<{ original: HostId; agent_id: AgentId | null; name: string }>(
      `SELECT o.id AS original, o.agent_id, o.name FROM host t JOIN host o ON o.id = t.twin_of
       WHERE t.id = $1 AND t.removed_at_ms IS NULL AND o.removed_at_ms IS NULL FOR UPDATE OF t, o`,
      [id],
    );
    const former = rows[0];
    if (!former) return { kind: 'not-twin' };
    const busy = await tx.query(
      `SELECT 1
       FROM run_active a
       JOIN execution e ON e.run_id = a.run_id
       WHERE e.host_id = $1 AND e.state IN ('waiting', 'dispatched', 'running')
       LIMIT 1`,
      [former.original],
    );
    if (busy.rows[0]) return { kind: 'in-use', hostName: former.name };
    await tx.query('UPDATE host SET removed_at_ms = $2 WHERE id = $1', [former.original, nowMs]);
    await tx.query("UPDATE agent SET state = 'revoked' WHERE host_id = $1 AND state = 'active'", [former.original]);
    await tx.query(
      `UPDATE host SET twin_of = NULL, name = o.name, labels = host.labels || o.labels, address = o.address, port = o.port,
         zone = CASE WHEN o.address IS NULL THEN host.zone ELSE o.zone END, account_id = o.account_id, jump_host_id = o.jump_host_id,
         host_key_policy = o.host_key_policy, algorithms = o.algorithms FROM host o WHERE host.id = $1 AND o.id = $2`,
      [id, former.original],
    );
    await tx.query('UPDATE host SET jump_host_id = $1 WHERE jump_host_id = $2', [id, former.original]);
    await tx.query('UPDATE host SET twin_of = $1 WHERE twin_of = $2', [id, former.original]);
    await tx.query('UPDATE host_key SET host_id = $1 WHERE host_id = $2', [id, former.original]);
    await hostAccessChanged(tx);
    await tx.query(DIRECTORY_CHANGED);
    await auditAppend(tx, { ...audit, detail: { ...audit.detail, replaced: former.original } }, nowMs);
    return { kind: 'replaced', host: (await hostFetch(tx, id))!, ...given({ agentId: former.agent_id ?? undefined }) };
  });
}
