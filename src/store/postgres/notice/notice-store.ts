/** What the store does with notices. What servers do by themselves waits for no caller. */
import type { NoticeStore } from '../../contract/notice.ts';
import type { StoreParts } from '../store-parts.ts';
import { askedQuestions, endedRunContexts, endedRuns } from './ended-runs.ts';
import { channelsDue, messagesClaim, messageSettle, noticesLook } from './messages.ts';
import { noticeFetch, noticeList } from './notice-list.ts';
import { noticeRuleAdd, noticeRuleList, noticeRuleRemove } from './notice-rule.ts';
import { noticesMake, noticesMakeAsked, noticesMakeLate } from './notices-make.ts';
import { runsUnderWay, usualTimes } from './runs-under-way.ts';

export function noticeStore({ pool, ownPool, now }: StoreParts): NoticeStore {
  return {
    noticeRuleAdd: (id, rule, entry) => noticeRuleAdd(pool, id, rule, entry, now()),
    noticeRuleList: (scope) => noticeRuleList(pool, scope),
    noticeRuleRemove: (id, entry) => noticeRuleRemove(pool, id, entry, now()),
    endedRuns: (limit) => endedRuns(ownPool, limit),
    endedRunContexts: (ids) => endedRunContexts(ownPool, ids),
    noticesMake: (ended, notices) => noticesMake(ownPool, ended, notices, now()),
    askedQuestions: (limit) => askedQuestions(ownPool, limit),
    noticesMakeAsked: (asked, notices) => noticesMakeAsked(ownPool, asked, notices, now()),
    runsUnderWay: (after, options) => runsUnderWay(ownPool, after, options),
    usualTimes: (jobs) => usualTimes(ownPool, jobs),
    noticesMakeLate: (notices) => noticesMakeLate(ownPool, notices, now()),
    noticesLook: () => noticesLook(ownPool, now()),
    channelsDue: () => channelsDue(ownPool, now()),
    messagesClaim: (channel, leaseMs, limit) => messagesClaim(ownPool, channel, { leaseMs, limit }, now()),
    messageSettle: (id, number, end) => messageSettle(ownPool, { id, number, end }, now()),
    noticeList: (scope, filter, page) => noticeList(pool, scope, filter, page),
    noticeFetch: (id) => noticeFetch(pool, id),
  };
}
