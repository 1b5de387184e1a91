/**
 * What is to be told, written together with the taking away of the ends that it is of. Each notice goes with a message:
 * with one of its channel and group that nobody has tried yet, or with a new one, which is due at once unless the last of
 * that group is younger than the channel's window.
 */
import { newId, type ChannelId } from '../../../base/ids.ts';
import type { AskedQuestion, EndedRun, NewNotice } from '../../contract/notice.ts';
import type { Executor, Pool } from '../pool.ts';

export async function noticesMake(
  pool: Pool,
  ended: readonly EndedRun[],
  notices: readonly NewNotice[],
  nowMs: number,
): Promise<number> {
  if (ended.length === 0) return 0;
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ key: string }>({
      name: 'ended-runs-take',
      text: `DELETE FROM run_ended e
        USING unnest($1::uuid[], $2::int[], $3::text[]) AS k(run_id, round, state)
        WHERE e.run_id = k.run_id AND e.round = k.round AND e.state = k.state
        RETURNING e.run_id || ' ' || e.round || ' ' || e.state AS key`,
      values: [ended.map(({ runId }) => runId), ended.map(({ round }) => round), ended.map(({ state }) => state)],
    });
    // Another server was faster with what is not here any more, and has written its notices.
    const own = new Set(rows.map(({ key }) => key));
    return noticesWrite(
      tx,
      notices.filter(({ runId, round, facts }) => own.has(`${runId} ${round} ${facts.run.state}`)),
      nowMs,
    );
  });
}

export async function noticesMakeAsked(
  pool: Pool,
  asked: readonly AskedQuestion[],
  notices: readonly NewNotice[],
  nowMs: number,
): Promise<number> {
  if (asked.length === 0) return 0;
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ key: string }>({
      name: 'asked-questions-take',
      text: `DELETE FROM run_asked a
        USING unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[]) AS k(run_id, round, task, turn)
        WHERE a.run_id = k.run_id AND a.round = k.round AND a.task = k.task AND a.turn = k.turn
        RETURNING a.run_id || ' ' || a.round || ' ' || a.task || ' ' || a.turn AS key`,
      values: [
        asked.map(({ runId }) => runId),
        asked.map(({ round }) => round),
        asked.map(({ task }) => task),
        asked.map(({ turn }) => turn),
      ],
    });
    const own = new Set(rows.map(({ key }) => key));
    return noticesWrite(
      tx,
      notices.filter(({ runId, round, question }) => own.has(`${runId} ${round} ${questionKey(question)}`)),
      nowMs,
    );
  });
}

/** A run that ends waits until this is written, so that it is never said to be late when it is over. */
export async function noticesMakeLate(pool: Pool, notices: readonly NewNotice[], nowMs: number): Promise<number> {
  return pool.transaction(async (tx) => {
    const ids = [...new Set(notices.map(({ runId }) => runId))].sort();
    const { rows } = await tx.query<{ key: string }>({
      name: 'runs-still-under-way',
      text: `SELECT run_id || ' ' || round AS key
        FROM run_active
        WHERE run_id = ANY ($1::uuid[])
        ORDER BY run_id
        FOR KEY SHARE`,
      values: [ids],
    });
    const underWay = new Set(rows.map(({ key }) => key));
    return noticesWrite(
      tx,
      notices.filter(({ runId, round }) => underWay.has(`${runId} ${round}`)),
      nowMs,
    );
  });
}

async function noticesWrite(tx: Executor, notices: readonly NewNotice[], nowMs: number): Promise<number> {
  let made = 0;
  // Channels in the order of their names, so that two servers never wait for each other.
  const byChannel = [...Map.groupBy(notices, ({ channel }) => channel)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, ofChannel] of byChannel) {
    const { rows } = await tx.query<{ id: ChannelId; group_ms: number }>(
      'SELECT id, group_ms FROM channel WHERE name = $1 FOR UPDATE',
      [name],
    );
    for (const [group, list] of Map.groupBy(ofChannel, (notice) => notice.group)) {
      const fresh = await unknownOf(tx, list);
      if (fresh.length === 0) continue;
      const message = await messageFor(tx, { name, group, channel: rows[0] }, nowMs);
      made += await insert(tx, fresh, message, nowMs);
    }
  }
  return made;
}

/** Those that were not written before: the same end may be noted again by a later write of its run. */
async function unknownOf(tx: Executor, notices: readonly NewNotice[]): Promise<NewNotice[]> {
  const { rows } = await tx.query<{ n: number }>({
    name: 'notices-known',
    text: `SELECT k.n
      FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[])
        WITH ORDINALITY AS k(run_id, round, event, question, channel, n)
      JOIN notice USING (run_id, round, event, question, channel)`,
    values: keys(notices),
  });
  const known = new Set(rows.map(({ n }) => n - 1));
  return notices.filter((_, at) => !known.has(at));
}

function keys(notices: readonly NewNotice[]): unknown[] {
  return [
    notices.map(({ runId }) => runId),
    notices.map(({ round }) => round),
    notices.map(({ event }) => event),
    notices.map(({ question }) => questionKey(question)),
    notices.map(({ channel }) => channel),
  ];
}

/** Empty for what is no question. */
function questionKey(question: NewNotice['question']): string {
  return question ? `${question.task} ${question.turn}` : '';
}

interface Place {
  readonly name: string;
  readonly group: string;
  /** Undefined where there is none of this name (any more). */
  readonly channel: { readonly id: ChannelId; readonly group_ms: number } | undefined;
}

async function messageFor(tx: Executor, { name, group, channel }: Place, nowMs: number): Promise<string> {
  const id = newId();
  if (!channel) {
    await tx.query(
      `INSERT INTO notice_message (
         id, channel, grouped_as, state, due_at_ms, opened_at_ms, created_at_ms, finished_at_ms, code, detail
       )
       VALUES ($1, $2, $3, 'failed', $4, $4, $4, $4, 'channel-not-found', $5)`,
      [id, name, group, nowMs, `There is no channel ${name}.`],
    );
    return id;
  }
  const { rows } = await tx.query<{ id: string; is_fresh: boolean; opened_at_ms: number }>(
    `SELECT id, state = 'waiting' AND tries = 0 AS is_fresh, opened_at_ms
     FROM notice_message
     WHERE channel_id = $1 AND grouped_as = $2
     ORDER BY opened_at_ms DESC
     LIMIT 1`,
    [channel.id, group],
  );
  const last = rows[0];
  if (last?.is_fresh) return last.id;
  const dueAtMs = last ? Math.max(nowMs, last.opened_at_ms + channel.group_ms) : nowMs;
  await tx.query(
    `INSERT INTO notice_message (id, channel, channel_id, grouped_as, state, due_at_ms, opened_at_ms, created_at_ms)
     VALUES ($1, $2, $3, $4, 'waiting', $5, $5, $6)`,
    [id, name, channel.id, group, dueAtMs, nowMs],
  );
  return id;
}

async function insert(tx: Executor, notices: readonly NewNotice[], message: string, nowMs: number): Promise<number> {
  const { rowCount } = await tx.query({
    name: 'notices-write',
    text: `INSERT INTO notice (id, run_id, round, event, question, channel, facts, message_id, created_at_ms)
      SELECT id, run_id, round, event, question, channel, facts, $8, $9
      FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::jsonb[])
        AS n(run_id, round, event, question, channel, id, facts)
      ON CONFLICT DO NOTHING`,
    values: [
      ...keys(notices),
      notices.map(() => newId()),
      notices.map(({ facts }) => JSON.stringify(facts)),
      message,
      nowMs,
    ],
  });
  return rowCount;
}
