/** Notices and their rules as the API shows them. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import type * as r from '../../../protocol/rest/notice-resources.ts';
import type { NoticeRecord, NoticeRuleRecord, NoticeTry } from '../../../store/contract/notice.ts';
import { instant } from '../instant.ts';

export function noticeRuleResource(rule: NoticeRuleRecord): z.infer<typeof r.NoticeRule> {
  const { id, channel, on, lostShare, lateAfterMs, job, owner, team } = rule;
  return {
    id,
    channel,
    on: [...on],
    ...given({ lostShare, lateAfterMs, job, owner, team }),
    createdAt: instant(rule.createdAtMs),
    createdBy: rule.createdBy.name,
  };
}

export function noticeResource(notice: NoticeRecord): z.infer<typeof r.Notice> {
  return {
    id: notice.id,
    channel: notice.channel,
    event: notice.event,
    run: { ...notice.facts.run },
    state: notice.state,
    message: notice.messageId,
    tries: notice.tries,
    createdAt: instant(notice.createdAtMs),
    ...given({
      job: notice.facts.job?.name,
      nextTryAt: instant(notice.nextTryAtMs),
      finishedAt: instant(notice.finishedAtMs),
      code: notice.code,
      detail: notice.detail,
    }),
  };
}

export function noticeTryResource(one: NoticeTry): z.infer<typeof r.NoticeDetail>['attempts'][number] {
  const { number, isTaken: taken, code, detail, answer } = one;
  return {
    number,
    beganAt: instant(one.beganAtMs),
    ...given({ endedAt: instant(one.endedAtMs), taken, code, detail, answer }),
  };
}
