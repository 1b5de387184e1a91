/** Notices as people look at them. */
import { given } from '../../../base/given.ts';
import { isUuid, type RunId } from '../../../base/ids.ts';
import type { ErrorCode } from '../../../base/errors.ts';
import type { Scope } from '../../../domain/access/access-node.ts';
import type { NoticeFacts } from '../../../domain/notice/notice-facts.ts';
import type { NoticeEvent } from '../../../domain/notice/subscription.ts';
import type { NoticeFilter, NoticeRecord, NoticeState, NoticeStore, NoticeTry } from '../../contract/notice.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { Executor } from '../pool.ts';
import { inScope } from '../scope.ts';

interface NoticeRow {
  id: string;
  run_id: RunId;
  round: number;
  event: NoticeEvent;
  channel: string;
  facts: NoticeFacts;
  created_at_ms: number;
  message_id: string;
  state: NoticeState;
  tries: number;
  due_at_ms: number;
  finished_at_ms: number | null;
  code: ErrorCode | null;
  detail: string | null;
}

const COLUMNS = `n.id, n.run_id, n.round, n.event, n.channel, n.facts, n.created_at_ms, n.message_id, m.state, m.tries,
  m.due_at_ms, m.finished_at_ms, m.code, m.detail`;

function noticeRecord(row: NoticeRow): NoticeRecord {
  return {
    id: row.id,
    runId: row.run_id,
    round: row.round,
    event: row.event,
    channel: row.channel,
    facts: row.facts,
    createdAtMs: row.created_at_ms,
    messageId: row.message_id,
    state: row.state,
    tries: row.tries,
    ...given({
      nextTryAtMs: row.state === 'waiting' ? row.due_at_ms : undefined,
      finishedAtMs: row.finished_at_ms ?? undefined,
      code: row.code ?? undefined,
      detail: row.detail ?? undefined,
    }),
  };
}

export async function noticeList(
  db: Executor,
  scope: Scope,
  { channel, state, event, runId, job }: NoticeFilter,
  page: { limit: number; cursor?: string },
): ReturnType<NoticeStore['noticeList']> {
  const after = decodeCursor(page.cursor, ['bigint', 'uuid']);
  const { rows } = await db.query<NoticeRow>(
    `SELECT ${COLUMNS}
     FROM notice n
     JOIN notice_message m ON m.id = n.message_id
     WHERE ${inScope(scope)} AND ($1::bigint IS NULL OR (n.created_at_ms, n.id) < ($1::bigint, $2::uuid))
       AND ($3::text IS NULL OR n.channel = $3) AND ($4::text IS NULL OR m.state = $4)
       AND ($5::text IS NULL OR n.event = $5) AND ($6::uuid IS NULL OR n.run_id = $6)
       AND ($7::text IS NULL OR n.facts->'job'->>'name' = $7)
     ORDER BY n.created_at_ms DESC, n.id DESC
     LIMIT $8`,
    [
      after?.[0] ?? null,
      after?.[1] ?? null,
      channel ?? null,
      state ?? null,
      event ?? null,
      runId ?? null,
      job ?? null,
      page.limit + 1,
    ],
  );
  const items = rows.slice(0, page.limit).map(noticeRecord);
  const last = items.at(-1);
  return given({
    items,
    next: rows.length > page.limit ? encodeCursor([last!.createdAtMs, last!.id]) : undefined,
  });
}

interface TryRow {
  number: number;
  began_at_ms: number;
  ended_at_ms: number | null;
  is_taken: boolean | null;
  code: ErrorCode | null;
  detail: string | null;
  answer: string | null;
}

export async function noticeFetch(db: Executor, id: string): ReturnType<NoticeStore['noticeFetch']> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<NoticeRow>(
    `SELECT ${COLUMNS} FROM notice n JOIN notice_message m ON m.id = n.message_id WHERE n.id = $1`,
    [id],
  );
  const row = rows[0];
  if (!row) return undefined;
  const tries = await db.query<TryRow>('SELECT * FROM notice_try WHERE message_id = $1 ORDER BY number', [
    row.message_id,
  ]);
  return { ...noticeRecord(row), attempts: tries.rows.map(noticeTry) };
}

function noticeTry(row: TryRow): NoticeTry {
  return {
    number: row.number,
    beganAtMs: row.began_at_ms,
    ...given({
      endedAtMs: row.ended_at_ms ?? undefined,
      isTaken: row.is_taken ?? undefined,
      code: row.code ?? undefined,
      detail: row.detail ?? undefined,
      answer: row.answer ?? undefined,
    }),
  };
}
