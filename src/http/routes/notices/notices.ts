/** Notices: what was told to whom, and the rules by which it is. */
import { z } from 'zod';
import { noticeList, noticeRuleAdd, noticeRuleList, noticeRuleRemove, noticeShow } from '../../../app/notice.ts';
import { parseDurationMs } from '../../../base/duration.ts';
import { given } from '../../../base/given.ts';
import type { RunId } from '../../../base/ids.ts';
import { limits } from '../../../base/limits.ts';
import * as r from '../../../protocol/rest/notice-resources.ts';
import { pageOf } from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { page, pageOfQuery } from '../page.ts';
import { idParams } from '../params.ts';
import { noticeResource, noticeRuleResource, noticeTryResource } from './notice-resource.ts';

const word = z.string().max(limits.nameLengthMax).optional();

export const noticeRoutes = [
  operation({
    id: 'listNotices',
    method: 'GET',
    path: '/notices',
    summary: 'List notices, newest first',
    permission: 'notice.notice.view',
    query: z.strictObject({
      ...page,
      channel: word,
      state: r.noticeState.optional(),
      event: r.noticeEvent.optional(),
      run: z.uuid().optional(),
      job: word,
    }),
    status: 200,
    response: pageOf(r.Notice),
    errors: ['bad-input'],
    async handle({ ctx, caller, query }) {
      const { channel, state, event, run, job } = query;
      const filter = given({ channel, state, event, runId: run as RunId | undefined, job });
      const { items, next } = await noticeList(ctx, caller, filter, pageOfQuery(query));
      return given({ items: items.map(noticeResource), next });
    },
  }),
  operation({
    id: 'getNotice',
    method: 'GET',
    path: '/notices/{id}',
    summary: 'Show a notice, what it says, and every try to tell it',
    permission: 'notice.notice.view',
    params: idParams,
    status: 200,
    response: r.NoticeDetail,
    errors: ['notice-not-found'],
    async handle({ ctx, caller, params }) {
      const { notice, attempts, said } = await noticeShow(ctx, caller, params.id);
      return { ...noticeResource(notice), ...said, attempts: attempts.map(noticeTryResource) };
    },
  }),
  operation({
    id: 'listNoticeRules',
    method: 'GET',
    path: '/notice-rules',
    summary: 'List the rules that say who is told of what, oldest first',
    permission: 'notice.rule.view',
    status: 200,
    response: pageOf(r.NoticeRule),
    errors: [],
    handle: async ({ ctx, caller }) => ({ items: (await noticeRuleList(ctx, caller)).map(noticeRuleResource) }),
  }),
  operation({
    id: 'addNoticeRule',
    method: 'POST',
    path: '/notice-rules',
    summary:
      'Have a channel told of ends of runs, and that they are late: of all, or of those of a job, an owner or a team',
    permission: 'notice.rule.edit',
    body: r.NoticeRuleAdd,
    status: 201,
    response: r.NoticeRule,
    errors: ['bad-input', 'bad-duration', 'channel-not-found', 'too-many-notice-rules'],
    async handle({ ctx, caller, body: { channel, on, lateAfter, ...more } }) {
      const lateAfterMs = lateAfter === undefined ? undefined : parseDurationMs(lateAfter)!;
      const rule = { channel, on: [...new Set(on)], ...given({ ...more, lateAfterMs }) };
      return noticeRuleResource(await noticeRuleAdd(ctx, caller, rule));
    },
  }),
  operation({
    id: 'removeNoticeRule',
    method: 'DELETE',
    path: '/notice-rules/{id}',
    summary: 'Remove a rule: what is waiting to be told by it is told all the same',
    permission: 'notice.rule.edit',
    params: idParams,
    status: 204,
    errors: ['notice-rule-not-found'],
    handle: ({ ctx, caller, params }) => noticeRuleRemove(ctx, caller, params.id),
  }),
];
