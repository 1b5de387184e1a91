/**
 * Messages on their way: who sends which, and how that ended. A message is claimed by making its next try due when the
 * lease of this one is over: so a server that is killed leaves it to the next one, and nothing has to be given back.
 */
import type { ChannelId } from '../../../base/ids.ts';
import { noticeLimits } from '../../../base/notice-limits.ts';
import type { Lang } from '../../../domain/notice/message.ts';
import type { NoticeFacts } from '../../../domain/notice/notice-facts.ts';
import type { ClaimedMessage, NoticeStore, TryEnd } from '../../contract/notice.ts';
import type { Executor, Pool } from '../pool.ts';
import { sentLately } from './channel-test.ts';
import { TELLS_LATE } from './runs-under-way.ts';

export async function noticesLook(db: Executor, nowMs: number): ReturnType<NoticeStore['noticesLook']> {
  const { rows } = await db.query<{ is_any: boolean; is_late_watched: boolean }>({
    name: 'notices-look',
    text: `SELECT EXISTS (SELECT FROM run_ended) OR EXISTS (SELECT FROM run_asked)
        OR EXISTS (SELECT FROM notice_message WHERE state = 'waiting' AND due_at_ms <= $1) AS is_any,
        EXISTS (SELECT FROM run_active) AND (
          EXISTS (SELECT FROM notice_rule WHERE 'late' = ANY (events))
            OR EXISTS (SELECT FROM job_version WHERE ${TELLS_LATE})
        ) AS is_late_watched`,
    values: [nowMs],
  });
  return { isAny: rows[0]!.is_any, isLateWatched: rows[0]!.is_late_watched };
}

interface ChannelRow {
  id: ChannelId;
  name: string;
  lang: Lang;
  per_minute: number;
  key_id: string;
  data_key: Buffer;
  sealed: Buffer;
}

export async function channelsDue(db: Executor, nowMs: number): Promise<readonly ChannelId[]> {
  const { rows } = await db.query<{ channel_id: ChannelId }>({
    name: 'channels-due',
    text: `SELECT channel_id
      FROM notice_message
      WHERE state = 'waiting' AND due_at_ms <= $1
      GROUP BY channel_id
      ORDER BY min(due_at_ms)`,
    values: [nowMs],
  });
  return rows.map(({ channel_id: id }) => id);
}

/** A transaction of its own: a channel that another server is at keeps no other waiting. */
export function messagesClaim(
  pool: Pool,
  id: ChannelId,
  how: { readonly leaseMs: number; readonly limit: number },
  nowMs: number,
): ReturnType<NoticeStore['messagesClaim']> {
  return pool.transaction((tx) => channelClaim(tx, id, how, nowMs));
}

interface MessageRow {
  id: string;
  tries: number;
  created_at_ms: number;
}

async function channelClaim(
  tx: Executor,
  id: ChannelId,
  { leaseMs, limit }: { readonly leaseMs: number; readonly limit: number },
  nowMs: number,
): Promise<ClaimedMessage[] | 'elsewhere'> {
  const { rows: channels } = await tx.query<ChannelRow>(
    'SELECT id, name, lang, per_minute, key_id, data_key, sealed FROM channel WHERE id = $1 FOR UPDATE SKIP LOCKED',
    [id],
  );
  const channel = channels[0];
  if (!channel) return 'elsewhere';
  const allowed = channel.per_minute - (await sentLately(tx, id, nowMs));
  if (allowed <= 0) return [];
  const { rows: due } = await tx.query<MessageRow>(
    `SELECT id, tries, created_at_ms
     FROM notice_message
     WHERE channel_id = $1 AND state = 'waiting' AND due_at_ms <= $2
     ORDER BY due_at_ms, id
     LIMIT $3`,
    [id, nowMs, noticeLimits.messagesMergedMax],
  );
  const spent = due.filter(({ tries }) => tries >= noticeLimits.noticeTriesMax);
  await giveUp(tx, spent, nowMs);
  const open = due.filter(({ tries }) => tries < noticeLimits.noticeTriesMax);
  const own = (open.length > allowed ? await merged(tx, open) : open).slice(0, Math.min(limit, allowed));
  const claimed: ClaimedMessage[] = [];
  for (const message of own) claimed.push(await claim(tx, channel, message, { leaseMs, nowMs }));
  return claimed;
}

/** The server that made the last try ended before it heard. */
async function giveUp(tx: Executor, messages: readonly MessageRow[], nowMs: number): Promise<void> {
  if (messages.length === 0) return;
  await tx.query(
    `UPDATE notice_message
     SET state = 'failed', finished_at_ms = $2, code = 'outbound-timeout', detail = 'No server heard how the last try ended.'
     WHERE id = ANY ($1::uuid[])`,
    [messages.map(({ id }) => id), nowMs],
  );
}

/** Those that nobody has tried yet become the first of them: more than may be sent would be told late, and one by one. */
async function merged(tx: Executor, messages: readonly MessageRow[]): Promise<MessageRow[]> {
  const fresh = messages.filter(({ tries }) => tries === 0);
  const [first, ...others] = fresh;
  if (!first || others.length === 0) return [...messages];
  const ids = others.map(({ id }) => id);
  await tx.query('UPDATE notice SET message_id = $1 WHERE message_id = ANY ($2::uuid[])', [first.id, ids]);
  await tx.query('DELETE FROM notice_message WHERE id = ANY ($1::uuid[])', [ids]);
  await tx.query("UPDATE notice_message SET grouped_as = '' WHERE id = $1", [first.id]);
  return messages.filter((message) => message === first || message.tries > 0);
}

async function claim(
  tx: Executor,
  channel: ChannelRow,
  message: MessageRow,
  { leaseMs, nowMs }: { readonly leaseMs: number; readonly nowMs: number },
): Promise<ClaimedMessage> {
  const number = message.tries + 1;
  await tx.query('UPDATE notice_message SET tries = $2, due_at_ms = $3 WHERE id = $1', [
    message.id,
    number,
    nowMs + leaseMs,
  ]);
  await tx.query('INSERT INTO notice_try (message_id, number, channel_id, began_at_ms) VALUES ($1, $2, $3, $4)', [
    message.id,
    number,
    channel.id,
    nowMs,
  ]);
  const { rows } = await tx.query<{ facts: NoticeFacts; count: number }>(
    `SELECT facts, count(*) OVER () AS count
     FROM notice
     WHERE message_id = $1
     ORDER BY created_at_ms, run_id, round, event, question
     LIMIT $2`,
    [message.id, noticeLimits.noticesToldMax],
  );
  return {
    id: message.id,
    try: number,
    createdAtMs: message.created_at_ms,
    channel: { id: channel.id, name: channel.name, lang: channel.lang },
    endpoint: { keyId: channel.key_id, dataKey: channel.data_key, sealed: channel.sealed },
    notices: rows.map(({ facts }) => facts),
    noticeCount: rows[0]?.count ?? 0,
  };
}

export async function messageSettle(
  pool: Pool,
  { id, number, end }: { readonly id: string; readonly number: number; readonly end: TryEnd },
  nowMs: number,
): Promise<void> {
  const isTaken = end.kind === 'taken';
  const [code, detail] = isTaken ? [null, null] : [end.code, end.detail];
  await pool.transaction(async (tx) => {
    await tx.query(
      `UPDATE notice_try SET ended_at_ms = $3, is_taken = $4, code = $5, detail = $6, answer = $7
       WHERE message_id = $1 AND number = $2 AND ended_at_ms IS NULL`,
      [id, number, nowMs, isTaken, code, detail, end.answer ?? null],
    );
    const next = isTaken ? undefined : end.nextTryAtMs;
    const state = isTaken ? 'delivered' : next === undefined ? 'failed' : 'waiting';
    await tx.query(
      `UPDATE notice_message
       SET state = $3, due_at_ms = coalesce($4, due_at_ms), finished_at_ms = $5, code = $6, detail = $7
       WHERE id = $1 AND state = 'waiting' AND (tries = $2 OR $3 = 'delivered')`,
      [id, number, state, next ?? null, state === 'waiting' ? null : nowMs, code, detail],
    );
  });
}
