/**
 * Answers to what a run asks: an approval that is a step of it, or a rollout. The answer is written and audited; the run's owner carries
 * on by it.
 */
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { RunId } from '../base/ids.ts';
import { meantText, nearest } from '../base/nearest.ts';
import { answerTaken, approvalVerdict, approversOf, peopleFor, type ApprovalAnswer } from '../domain/gate/approval.ts';
import { isTerminalRun } from '../domain/flow/run-machine.ts';
import { isNamed, placesOf, type TaskPlace } from '../domain/run/plan.ts';
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

type Place = Pick<TaskPlace, 'task' | 'step' | 'path'>;

/** What is asked that nobody has answered, or too few. */
export function questionsOf({ plan = [], tasks = [] }: RunRecord): Question[] {
  const places = placesIn(plan);
  return tasks.flatMap((task): Question[] => {
    const { position, answer, spec, gate } = task;
    const place = places.get(task.task)!;
    if (isTerminalRun(task.state)) return [];
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
  return new Map(placesOf(plan).map(({ task, step, path }) => [task, { task, step, path }]));
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

/** What an answer came to. */
export interface Answered {
  /** STAGE/STEP; absent for a command, whose parts have no names. */
  readonly step?: string;
  /** Of an approval: so many different people have said yes, this answer included, of so many that have to. */
  readonly approvals?: number;
  readonly count?: number;
  /** Whoever answers had said yes before, which counts once. */
  readonly repeated?: true;
}

/** An approval that others answer meanwhile is looked at so often. */
const LOOKS_MAX = 10;

export async function runAnswer(
  ctx: AppContext,
  caller: Caller,
  id: RunId,
  said: RunAnswerSaid,
): Promise<{ readonly run: RunRecord; readonly answered: Answered }> {
  assertCan(caller, 'job.run.answer');
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const run = await ctx.store.runFetch(id);
    if (!run) throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
    const question = questionMeant(run, said);
    const answered =
      question.kind === 'rollout'
        ? await rolloutAnswer(ctx, caller, run, question, said)
        : await approvalAnswer(ctx, caller, run, question, said);
    if (!answered) continue;
    ctx.ownership.wake(id);
    return { run: (await ctx.store.runHead(id))!, answered };
  }
  throw new DroverError('nothing-asked', { detail: `What run ${id} asks is being answered by others.` });
}

function questionMeant(run: RunRecord, { step, batch }: RunAnswerSaid): Question {
  const isMeant = (one: Place): boolean => step === undefined || isNamed(one, step);
  const asked = questionsOf(run).filter(isMeant);
  const [question, other] = asked;
  if (question === undefined)
    throw new DroverError('nothing-asked', {
      detail: noSuchStep(run, step) ?? cameTo(run, isMeant) ?? asksNothing(run.id, step),
    });
  if (other)
    throw new DroverError('bad-input', {
      detail: `Several steps ask: ${asked.map((one) => one.path).join(', ')}. Say which with step.`,
    });
  // Two who have seen one question: the answer of the second is not to the next one.
  if (batch !== undefined && (question.kind === 'approval' || batch !== question.batch))
    throw new DroverError('nothing-asked', {
      detail: `${ofRun(run, question)} asks ${
        question.kind === 'approval' ? 'for an approval' : `after batch ${question.batch} by now`
      }, and not after batch ${batch}.`,
    });
  return question;
}

/** A command has no names for its parts. */
function ofRun({ id, job }: RunRecord, { path }: Place): string {
  return job === undefined ? `Run ${id}` : `Step ${path} of run ${id}`;
}

/** A name that none of its steps has, with the one that may be meant. */
function noSuchStep({ id, plan = [] }: RunRecord, step: string | undefined): string | undefined {
  const places = [...placesIn(plan).values()];
  if (step === undefined || places.some((one) => isNamed(one, step))) return undefined;
  const names = /[./]/.test(step) ? places.map(({ path }) => path) : [...new Set(places.map((one) => one.step))];
  return `Run ${id} has no step ${step}.${meantText(nearest(step.replace('.', '/'), names))}`;
}

function asksNothing(id: RunId, step: string | undefined): string {
  return step === undefined ? `Run ${id} asks nothing.` : `Step ${step} of run ${id} asks nothing.`;
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
    (verdict
      ? verdict.isYes
        ? `Approved by ${approversOf(answersOf(last)).join(', ')}.`
        : `Refused by ${verdict.last.by.name}.`
      : `It is ${last.state}.`);
  return `Step ${places.get(last.task)!.path} of run ${id} asks no more. ${how}`;
}

async function rolloutAnswer(
  ctx: AppContext,
  caller: Caller,
  run: RunRecord,
  question: RolloutQuestion,
  { goesOn, reason }: RunAnswerSaid,
): Promise<Answered> {
  const { id } = run;
  const { task, turn, path } = question;
  const audit = auditOf(caller, 'job.run.answer', `run/${id}`, { step: path, goesOn, reason });
  const answer = await ctx.store.runAnswer(id, task, { turn, goesOn, by: caller.actor.name, reason }, audit);
  if (answer !== 'answered')
    throw new DroverError('nothing-asked', { detail: `${ofRun(run, question)} was answered meanwhile.` });
  return run.job === undefined ? {} : { step: path };
}

/**
 * The ids of whoever has begun the run, and its present round. Where another round is begun meanwhile, whatever asks asks anew, and an
 * answer of before is to nothing any more.
 */
export async function startersOf(
  { store }: Pick<AppContext, 'store'>,
  { id, createdBy }: RunRecord,
): Promise<readonly (string | undefined)[]> {
  return [createdBy.id, await store.runRoundStarter(id)];
}

/** Undefined where it was answered meanwhile: then it is judged anew. */
async function approvalAnswer(
  ctx: AppContext,
  caller: Caller,
  run: RunRecord,
  { task, path, askedMs, work, answers }: ApprovalQuestion,
  { goesOn: isYes, reason }: RunAnswerSaid,
): Promise<Answered | undefined> {
  const by = { id: caller.actor.id, name: caller.actor.name };
  const taken = answerTaken(work, answers, { isYes, by }, await startersOf(ctx, run));
  if (taken.kind === 'refused')
    throw new DroverError('permission-denied', { detail: `Step ${path} of run ${run.id}: ${taken.why}.` });
  const { count } = work;
  if (taken.kind === 'repeated') return { step: path, approvals: peopleFor(answers), count, repeated: true };
  const audit = auditOf(caller, 'job.run.answer', `run/${run.id}`, { step: path, goesOn: isYes, reason });
  const answer = { askedMs, isYes, by, reason, atMs: ctx.store.clock().nowMs() };
  if ((await ctx.store.runApprove(run.id, task, answer, answers.length, audit)) !== 'answered') return undefined;
  return { step: path, approvals: peopleFor([...answers, answer]), count };
}
