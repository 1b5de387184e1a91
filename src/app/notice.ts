/** Notices as people look at them, and the rules that say who is told of what. */
import { DroverError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { noticeLimits } from '../base/notice-limits.ts';
import { noticeText, type NoticeText } from '../domain/notice/notice-text.ts';
import { subscriptionFaults, type NoticeRule } from '../domain/notice/subscription.ts';
import type { NoticeFilter, NoticeRecord, NoticeRuleRecord, NoticeTry } from '../store/contract/notice.ts';
import type { Page } from '../store/contract/page.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

type Stored = Pick<AppContext, 'store'>;

/** Throws `bad-input`, `channel-not-found`, `too-many-notice-rules`. */
export async function noticeRuleAdd(ctx: Stored, caller: Caller, rule: NoticeRule): Promise<NoticeRuleRecord> {
  assertCan(caller, 'notice.rule.edit');
  const faults = subscriptionFaults({ ...rule, lateAfter: rule.lateAfterMs }).map(({ key, event }) => ({
    pointer: `#/${key}`,
    code: 'bad-input' as const,
    detail: `${key} belongs to the event ${event}, of which the rule does not tell: add it to on, or leave ${key} out.`,
  }));
  if (faults.length > 0)
    throw new DroverError('bad-input', { detail: faults.map(({ detail }) => detail).join(' '), faults });
  const id = newId();
  const answer = await ctx.store.noticeRuleAdd(
    id,
    rule,
    auditOf(caller, 'notice.rule.edit', `notice-rule/${id}`, { ...rule }),
  );
  switch (answer.kind) {
    case 'added':
      return answer.rule;
    case 'no-channel':
      throw new DroverError('channel-not-found', {
        detail: `There is no channel ${rule.channel}. See: drover channels list.`,
        faults: [{ pointer: '#/channel', code: 'channel-not-found', detail: `There is no channel ${rule.channel}.` }],
      });
    case 'too-many':
      throw new DroverError('too-many-notice-rules', {
        detail: `There are ${noticeLimits.noticeRulesMax} rules, as many as there may be.`,
      });
  }
}

/** Oldest first. */
export function noticeRuleList(ctx: Stored, caller: Caller): Promise<readonly NoticeRuleRecord[]> {
  return ctx.store.noticeRuleList(scopeOf(caller, 'notice.rule.view'));
}

export async function noticeRuleRemove(ctx: Stored, caller: Caller, id: string): Promise<void> {
  assertCan(caller, 'notice.rule.edit');
  const audit = auditOf(caller, 'notice.rule.edit', `notice-rule/${id}`, { removed: true });
  if ((await ctx.store.noticeRuleRemove(id, audit)) === 'not-found')
    throw new DroverError('notice-rule-not-found', {
      detail: `There is no rule ${id}. See: drover notices rules list.`,
    });
}

/** Newest first. */
export function noticeList(
  ctx: Stored,
  caller: Caller,
  filter: NoticeFilter,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<Page<NoticeRecord>> {
  return ctx.store.noticeList(scopeOf(caller, 'notice.notice.view'), filter, page);
}

/** With every try, and with what it says by itself. Throws `notice-not-found`. */
export async function noticeShow(
  ctx: Stored & { readonly runLinkOf: (runId: string) => string },
  caller: Caller,
  id: string,
): Promise<{ readonly notice: NoticeRecord; readonly attempts: readonly NoticeTry[]; readonly said: NoticeText }> {
  assertCan(caller, 'notice.notice.view');
  const found = await ctx.store.noticeFetch(id);
  if (!found) throw new DroverError('notice-not-found', { detail: `There is no notice ${id}, or not any more.` });
  const { attempts, ...notice } = found;
  return { notice, attempts, said: noticeText([notice.facts], 0, { lang: 'en', linkOf: ctx.runLinkOf }) };
}
