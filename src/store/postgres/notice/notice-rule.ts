/** Rules: who is told of what. */
import { given } from '../../../base/given.ts';
import { isUuid } from '../../../base/ids.ts';
import { noticeLimits } from '../../../base/notice-limits.ts';
import type { Scope } from '../../../domain/access/access-node.ts';
import type { NoticeEvent, NoticeRule } from '../../../domain/notice/subscription.ts';
import type { Actor, AuditEntry } from '../../contract/audit.ts';
import type { NoticeRuleRecord, NoticeStore } from '../../contract/notice.ts';
import { auditAppend } from '../audit/audit.ts';
import type { Executor, Pool } from '../pool.ts';
import { inScope } from '../scope.ts';

interface RuleRow {
  id: string;
  channel: string;
  events: NoticeEvent[];
  lost_share: number | null;
  late_after_ms: number | null;
  job: string | null;
  owner: string | null;
  team: string | null;
  created_at_ms: number;
  created_by: Actor;
}

const COLUMNS =
  'r.id, channel.name AS channel, r.events, r.lost_share, r.late_after_ms, r.job, r.owner, r.team, r.created_at_ms, r.created_by';

function ruleRecord(row: RuleRow): NoticeRuleRecord {
  return {
    id: row.id,
    channel: row.channel,
    on: row.events,
    ...given({
      lostShare: row.lost_share ?? undefined,
      lateAfterMs: row.late_after_ms ?? undefined,
      job: row.job ?? undefined,
      owner: row.owner ?? undefined,
      team: row.team ?? undefined,
    }),
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
  };
}

/** Adding waits for its turn, so that the limit holds; readers do not. */
const ADD_LOCK = 727_022;

export async function noticeRuleAdd(
  pool: Pool,
  id: string,
  rule: NoticeRule,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<NoticeStore['noticeRuleAdd']> {
  return pool.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [ADD_LOCK]);
    const { rows: counted } = await tx.query<{ count: number }>('SELECT count(*) AS count FROM notice_rule');
    if (counted[0]!.count >= noticeLimits.noticeRulesMax) return { kind: 'too-many' };
    const { rows } = await tx.query<RuleRow>(
      `WITH r AS (
         INSERT INTO notice_rule (
           id, channel_id, events, lost_share, late_after_ms, job, owner, team, created_at_ms, created_by
         )
         SELECT $1, channel.id, $3, $4, $5, $6, $7, $8, $9, $10
         FROM channel
         WHERE channel.name = $2
         RETURNING *
       )
       SELECT ${COLUMNS} FROM r JOIN channel ON channel.id = r.channel_id`,
      [
        id,
        rule.channel,
        rule.on,
        rule.lostShare ?? null,
        rule.lateAfterMs ?? null,
        rule.job ?? null,
        rule.owner ?? null,
        rule.team ?? null,
        nowMs,
        JSON.stringify(audit.actor),
      ],
    );
    if (!rows[0]) return { kind: 'no-channel' };
    await auditAppend(tx, audit, nowMs);
    return { kind: 'added', rule: ruleRecord(rows[0]) };
  });
}

export async function noticeRuleList(db: Executor, scope: Scope): Promise<readonly NoticeRuleRecord[]> {
  const { rows } = await db.query<RuleRow>({
    name: 'notice-rules',
    text: `SELECT ${COLUMNS}
      FROM notice_rule r
      JOIN channel ON channel.id = r.channel_id
      WHERE ${inScope(scope)}
      ORDER BY r.created_at_ms, r.id`,
  });
  return rows.map(ruleRecord);
}

export async function noticeRuleRemove(
  pool: Pool,
  id: string,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<NoticeStore['noticeRuleRemove']> {
  if (!isUuid(id)) return 'not-found';
  return pool.transaction(async (tx) => {
    const { rowCount } = await tx.query('DELETE FROM notice_rule WHERE id = $1', [id]);
    if (rowCount === 0) return 'not-found';
    await auditAppend(tx, audit, nowMs);
    return 'removed';
  });
}
