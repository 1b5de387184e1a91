/** What answers to an approval come to, and who may give one. Pure. */
import type { ApprovalWork } from '../work/approval.ts';

export interface ApprovalAnswer {
  /** Since when that is asked which it is to. */
  readonly askedMs: number;
  readonly isYes: boolean;
  readonly by: { readonly id: string; readonly name: string };
  readonly reason: string;
  readonly atMs: number;
}

/** Undefined while more have to answer. One no is enough, whoever has said yes before. */
export function approvalVerdict(
  { count }: Pick<ApprovalWork, 'count'>,
  answers: readonly ApprovalAnswer[],
): { readonly isYes: boolean; readonly last: ApprovalAnswer } | undefined {
  const no = answers.find(({ isYes }) => !isYes);
  if (no) return { isYes: false, last: no };
  return peopleFor(answers) >= count ? { isYes: true, last: answers.at(-1)! } : undefined;
}

/** Different people who have said yes: whoever says it twice counts once. */
export function peopleFor(answers: readonly ApprovalAnswer[]): number {
  return approversOf(answers).length;
}

/** Their names. */
export function approversOf(answers: readonly ApprovalAnswer[]): readonly string[] {
  const people = answers.filter(({ isYes }) => isYes).map(({ by }) => [by.id, by.name] as const);
  return [...new Map(people).values()];
}

/** What becomes of an answer that somebody is about to give. */
export type AnswerTaken =
  | { readonly kind: 'counts' }
  /** The same has been said by the same person. */
  | { readonly kind: 'repeated' }
  | { readonly kind: 'decided'; readonly isYes: boolean; readonly by: string }
  | { readonly kind: 'refused'; readonly why: string };

/** `starters`: the ids of whoever has begun the run, and its present round. */
export function answerTaken(
  work: ApprovalWork,
  before: readonly ApprovalAnswer[],
  answer: Pick<ApprovalAnswer, 'isYes' | 'by'>,
  starters: readonly (string | undefined)[],
): AnswerTaken {
  const verdict = approvalVerdict(work, before);
  if (verdict) return { kind: 'decided', isYes: verdict.isYes, by: verdict.last.by.name };
  const { by, isYes } = answer;
  if (work.by && !work.by.includes(by.name))
    return { kind: 'refused', why: `it is for ${work.by.join(', ')} to answer` };
  if (work.notByStarter && isYes && starters.includes(by.id))
    return { kind: 'refused', why: 'whoever has begun the run, or has it done again, may not approve it' };
  return isYes && before.some((one) => one.by.id === by.id) ? { kind: 'repeated' } : { kind: 'counts' };
}
