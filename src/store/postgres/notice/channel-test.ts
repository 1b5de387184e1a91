/**
 * How often a channel is spoken to: every try of a message, and every message that somebody has sent by hand, counts among
 * those that it is sent in a minute. By hand is asked first, in the transaction that writes the audit.
 */
import type { ChannelId } from '../../../base/ids.ts';
import type { AuditEntry } from '../../contract/audit.ts';
import type { ChannelStore } from '../../contract/channel.ts';
import { auditAppend } from '../audit/audit.ts';
import type { Executor, Pool } from '../pool.ts';

const MINUTE_MS = 60_000;

/** Messages that it was sent in the last minute. */
export async function sentLately(db: Executor, id: ChannelId, nowMs: number): Promise<number> {
  const { rows } = await db.query<{ count: number }>({
    name: 'channel-sent-lately',
    text: `SELECT (SELECT count(*) FROM notice_try WHERE channel_id = $1 AND began_at_ms > $2)
        + (SELECT count(*) FROM channel_test WHERE channel_id = $1 AND began_at_ms > $2) AS count`,
    values: [id, nowMs - MINUTE_MS],
  });
  return rows[0]!.count;
}

/** Whoever is refused has kept nobody: it is asked before anything is locked, and again when it is. */
export async function channelTestBegin(
  pool: Pool,
  id: ChannelId,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<ChannelStore['channelTestBegin']> {
  const before = await testable(pool, id, { nowMs, lock: '' });
  if (before.kind !== 'begun') return before;
  return pool.transaction(async (tx) => {
    const present = await testable(tx, id, { nowMs, lock: 'FOR UPDATE' });
    if (present.kind !== 'begun') return present;
    await tx.query('DELETE FROM channel_test WHERE channel_id = $1 AND began_at_ms <= $2', [id, nowMs - MINUTE_MS]);
    await tx.query('INSERT INTO channel_test (channel_id, began_at_ms) VALUES ($1, $2)', [id, nowMs]);
    await auditAppend(tx, audit, nowMs);
    return present;
  });
}

async function testable(
  db: Executor,
  id: ChannelId,
  { nowMs, lock }: { readonly nowMs: number; readonly lock: '' | 'FOR UPDATE' },
): ReturnType<ChannelStore['channelTestBegin']> {
  const { rows } = await db.query<{ per_minute: number }>(`SELECT per_minute FROM channel WHERE id = $1 ${lock}`, [id]);
  const channel = rows[0];
  if (!channel) return { kind: 'not-found' };
  return (await sentLately(db, id, nowMs)) < channel.per_minute ? { kind: 'begun' } : { kind: 'too-many' };
}
