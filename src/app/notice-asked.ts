/**
 * Makes notices of what runs ask: an approval, or whether a rollout goes on. The owner of the run has noted the question in the write that
 * asks it; the note is taken away in the transaction that writes the notices. What is answered by then, or not asked any more, is not told.
 */
import { given } from '../base/given.ts';
import { EVERYTHING } from '../domain/access/access-node.ts';
import { isTerminalRun } from '../domain/flow/run-machine.ts';
import type { NoticeQuestion } from '../domain/notice/notice-facts.ts';
import { plainLines } from '../domain/notice/plain-lines.ts';
import { ruleFits, toldOfQuestions } from '../domain/notice/subscription.ts';
import { isOfCommand } from '../domain/run/plan.ts';
import { batchEnds } from '../domain/rollout/batches.ts';
import type { AskedQuestion, NewNotice } from '../store/contract/notice.ts';
import type { RunRecord } from '../store/contract/run.ts';
import type { Store } from '../store/contract/store.ts';
import { questionsOf, type Question } from './run-answer.ts';

type Reading = Pick<Store, 'askedQuestions' | 'endedRunContexts' | 'noticeRuleList' | 'noticesMakeAsked' | 'runFetch'>;

const QUESTIONS_AT_ONCE = 100;

/** Answers whether there may be more. */
export async function askedNoticesMake(store: Reading): Promise<boolean> {
  const asked = await store.askedQuestions(QUESTIONS_AT_ONCE);
  if (asked.length === 0) return false;
  const rules = (await store.noticeRuleList(EVERYTHING)).filter(({ on }) => on.includes('asks'));
  const contexts = new Map(
    (await store.endedRunContexts([...new Set(asked.map(({ runId }) => runId))])).map((run) => [run.id, run]),
  );
  const notices: NewNotice[] = [];
  for (const [runId, ofRun] of Map.groupBy(asked, (one) => one.runId)) {
    // Of a run that is not kept any more there is nothing to tell.
    const context = contexts.get(runId);
    const fitting = rules.filter((rule) =>
      ruleFits(rule, given({ job: context?.job?.name, owner: context?.job?.owner, team: context?.job?.team })),
    );
    const channels = toldOfQuestions([...(context?.notify ?? []), ...fitting]);
    const run = channels.length > 0 ? await store.runFetch(runId) : undefined;
    if (!context || !run) continue;
    for (const one of ofRun) {
      const question = stillAsked(run, one);
      if (!question) continue;
      for (const channel of channels)
        notices.push({
          runId,
          round: one.round,
          event: 'asks',
          question: { task: one.task, turn: one.turn },
          channel,
          group: context.job?.name ?? context.name,
          facts: {
            event: 'asks',
            run: { id: runId, name: context.name, round: one.round, state: run.state },
            ...given({ job: context.job }),
            by: context.createdBy.name,
            reason: context.reason,
            begunAtMs: context.roundStartedAtMs,
            endedAtMs: one.atMs,
            question: toldQuestion(run, question),
            counts: run.counts,
            failures: [],
          },
        });
    }
  }
  await store.noticesMakeAsked(asked, notices);
  return asked.length === QUESTIONS_AT_ONCE;
}

/** Undefined where it is answered, or where nobody has to answer it any more. */
function stillAsked(run: RunRecord, { round, task, turn }: AskedQuestion): Question | undefined {
  if (run.round !== round || isTerminalRun(run.state) || run.cancelRequestedBy !== undefined) return undefined;
  return questionsOf(run).find(
    (one) => one.task === task && (one.kind === 'rollout' ? one.turn : one.askedMs) === turn,
  );
}

function toldQuestion({ plan = [], tasks = [] }: RunRecord, question: Question): NoticeQuestion {
  const { path } = question;
  const { spec, hostCount } = tasks.find(({ task }) => task === question.task)!;
  if (question.kind === 'rollout') {
    const { batch, why } = question;
    const batches = batchEnds(spec.policy.batches ?? [{ kind: 'all' }], hostCount)?.length ?? 1;
    return { kind: 'rollout', batch, batches, why, ...given({ step: isOfCommand(plan) ? undefined : path }) };
  }
  const { count, by, notByStarter, onTimeout } = question.work;
  const message = plainLines(question.message).join('\n');
  return {
    kind: 'approval',
    step: path,
    message,
    count,
    notByStarter,
    onTimeout,
    ...given({ by, untilMs: question.untilMs }),
  };
}
