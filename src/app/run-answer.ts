/**
 * Answers to what a run asks: an approval that is a step of it, or a rollout. The answer is written and audited; the run's owner carries
 * on by it.
 */
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { RunId } from '../base/ids.ts';
import { answerTaken, approvalVerdict, type ApprovalAnswer } from '../domain/gate/approval.ts';
import type { ApprovalWork } from '../domain/work/approval.ts';
import type { RunRecord, TaskRecord } from '../store/contract/run.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

interface RolloutQuestion extends Place {
  readonly kind: 'rollout';
  readonly turn: number;
  /** After which it is asked, from 1. */
  readonly batch: number;
  readonly why: 'between' | 'max-failed';
}
interface ApprovalQuestion extends Place {
  readonly kind: 'approval';
  readonly askedMs: number;
  readonly untilMs?: number;
  /** What is asked, filled in. */
  readonly message: string;
  readonly work: ApprovalWork;
  readonly answers: readonly ApprovalAnswer[];
}
export type Question = RolloutQuestion | ApprovalQuestion;

interface Place {
  readonly task: number;
  readonly step: string;
  /** With its stage: a step's name is its own there alone. */
  readonly path: string;
}

/** What is asked that nobody has answered, or too few. */
export function questionsOf({ plan = [], tasks = [] }: RunRecord): Question[] {
  const places = placesIn(plan);
  return tasks.flatMap((task): Question[] => {
    const { position, answer, spec, gate } = task;
    const place = places.get(task.task)!;
    if (position?.phase === 'asking' && answer?.turn !== position.turn)
      return [{ ...place, kind: 'rollout', turn: position.turn, batch: position.batch + 1, why: position.why! }];
    if (gate?.phase !== 'asking' || spec.work.kind !== 'approval') return [];
    const answers = answersOf(task);
    if (approvalVerdict(spec.work, answers)) return [];
    const { sinceMs: askedMs, dueMs: untilMs, message = '' } = gate;
    return [{ ...place, kind: 'approval', askedMs, message, work: spec.work, answers, ...given({ untilMs }) }];
  });
}

function placesIn(plan: NonNullable<RunRecord['plan']>): Map<number, Place> {
  return new Map(
    plan.flatMap((stage) =>
      stage.tasks.map(({ task, name }) => [task, { task, step: name, path: `${stage.name}/${name}` }]),
    ),
  );
}

/** Those to what it asks, or has asked, in this round. */
function answersOf({ gate, approvals = [] }: TaskRecord): readonly ApprovalAnswer[] {
  return approvals.filter(({ askedMs }) => askedMs === gate?.sinceMs);
}

interface RunAnswerSaid {
  /** Where several ask. */
  readonly step?: string;
  /** Of the question that whoever answers has seen. */
  readonly batch?: number;
  readonly goesOn: boolean;
  readonly reason: string;
}

/** An approval that others answer meanwhile is looked at so often. */
const LOOKS_MAX = 10;

export async function runAnswer(ctx: AppContext, caller: Caller, id: RunId, said: RunAnswerSaid): Promise<RunRecord> {
  assertCan(caller, 'job.run.answer');
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const run = await ctx.store.runFetch(id);
    if (!run) throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
    const question = questionMeant(run, said);
    const isTaken =
      question.kind === 'rollout'
        ? await rolloutAnswer(ctx, caller, id, question, said)
        : await approvalAnswer(ctx, caller, run, question, said);
    if (!isTaken) continue;
    ctx.ownership.wake(id);
    return (await ctx.store.runHead(id))!;
  }
  throw new DroverError('nothing-asked', { detail: `What run ${id} asks is being answered by others.` });
}

function questionMeant(run: RunRecord, { step, batch }: RunAnswerSaid): Question {
  const isMeant = (one: Place): boolean => step === undefined || namesOf(one).includes(step);
  const asked = questionsOf(run).filter(isMeant);
  const [question, other] = asked;
  if (question === undefined)
    throw new DroverError('nothing-asked', { detail: cameTo(run, isMeant) ?? asksNothing(run.id, step) });
  if (other)
    throw new DroverError('bad-input', {
      detail: `Several steps ask: ${asked.map((one) => one.path).join(', ')}. Say which with step.`,
    });
  // Two who have seen one question: the answer of the second is not to the next one.
  if (batch !== undefined && (question.kind === 'approval' || batch !== question.batch))
    throw new DroverError('nothing-asked', {
      detail: `Step ${question.path} of run ${run.id} asks ${
        question.kind === 'approval' ? 'for an approval' : `after batch ${question.batch} by now`
      }, and not after batch ${batch}.`,
    });
  return question;
}

function namesOf({ step, path }: Place): readonly string[] {
  return [step, path, path.replace('/', '.')];
}

function asksNothing(id: RunId, step: string | undefined): string {
  return `Run ${id}${step === undefined ? '' : `, step ${step},`} asks nothing that is not answered.`;
}

/** Of approvals that were meant and are answered, or over: how the last of them ended. */
function cameTo({ id, plan = [], tasks = [] }: RunRecord, isMeant: (one: Place) => boolean): string | undefined {
  const places = placesIn(plan);
  const over = tasks.filter(
    ({ task, gate, spec }) => gate !== undefined && spec.work.kind === 'approval' && isMeant(places.get(task)!),
  );
  const last = over.toSorted((one, other) => one.gate!.sinceMs - other.gate!.sinceMs).at(-1);
  if (!last || last.spec.work.kind !== 'approval') return undefined;
  const verdict = approvalVerdict(last.spec.work, answersOf(last));
  const how =
    last.gate!.because ??
    (verdict ? `${verdict.isYes ? 'Approved' : 'Refused'} by ${verdict.last.by.name}.` : `It is ${last.state}.`);
  return `Step ${places.get(last.task)!.path} of run ${id} asks no more. ${how}`;
}

async function rolloutAnswer(
  ctx: AppContext,
  caller: Caller,
  id: RunId,
  { task, turn, path }: RolloutQuestion,
  { goesOn, reason }: RunAnswerSaid,
): Promise<true> {
  const audit = auditOf(caller, 'job.run.answer', `run/${id}`, { step: path, goesOn, reason });
  const answer = await ctx.store.runAnswer(id, task, { turn, goesOn, by: caller.actor.name }, audit);
  if (answer !== 'answered')
    throw new DroverError('nothing-asked', { detail: `Step ${path} of run ${id} was answered meanwhile.` });
  return true;
}

/** False where it was answered meanwhile: then it is judged anew. */
async function approvalAnswer(
  ctx: AppContext,
  caller: Caller,
  { id, createdBy }: RunRecord,
  { task, path, askedMs, work, answers }: ApprovalQuestion,
  { goesOn: isYes, reason }: RunAnswerSaid,
): Promise<boolean> {
  const by = { id: caller.actor.id, name: caller.actor.name };
  // Where another round is begun meanwhile, it asks anew, and this answer is to nothing any more.
  const starters = [createdBy.id, await ctx.store.runRoundStarter(id)];
  const taken = answerTaken(work, answers, { isYes, by }, starters);
  if (taken.kind === 'refused')
    throw new DroverError('permission-denied', { detail: `Step ${path} of run ${id}: ${taken.why}.` });
  if (taken.kind === 'repeated') return true;
  const audit = auditOf(caller, 'job.run.answer', `run/${id}`, { step: path, goesOn: isYes, reason });
  const answer = { askedMs, isYes, by, reason, atMs: ctx.store.clock().nowMs() };
  return (await ctx.store.runApprove(id, task, answer, answers.length, audit)) === 'answered';
}
