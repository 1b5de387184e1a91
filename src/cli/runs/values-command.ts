/** `drover runs values`: what scripts told through DROVER_OUTPUT. */
import type { Run } from '@drover/sdk';
import { given } from '../../base/given.ts';
import { answer, listText, type AnswerFlags, type Column } from '../command.ts';
import { Faults, number } from '../input.ts';
import type { Session } from '../servers/session.ts';
import { cutText, plainText } from '../text-width.ts';
import { hostText } from './folded-text.ts';
import { stepNamed, stepNames, type StepNames } from './run-steps.ts';
import { valuesOf, type OutputValues } from './values.ts';

export interface ValuesFlags extends AnswerFlags {
  readonly host?: string;
  readonly step?: string;
  readonly attempt?: string;
}

const VALUE_COLUMNS = 80;

export function checkedAttempt(flags: ValuesFlags): number | undefined {
  const faults = new Faults();
  const attempt = number(faults, '--attempt', flags.attempt, { least: 1, most: 1_000_000 });
  faults.end();
  return attempt;
}

export async function showValues(
  session: Session,
  run: Run,
  flags: ValuesFlags,
  attempt: number | undefined,
): Promise<void> {
  const steps = await stepNames(session, run);
  const task = flags.step === undefined ? undefined : stepNamed(steps, flags.step);
  const items: OutputValues[] = [];
  for await (const told of valuesOf(session, run.id, { host: flags.host, task, attempt })) items.push(told);
  await answer(flags, { items: items.map((one) => ({ ...one, ...given({ step: steps.get(one.task) }) })) }, () =>
    items.length === 0 ? `nothing was told through DROVER_OUTPUT` : valuesText(flags, items, steps),
  );
}

interface Line {
  readonly told: OutputValues;
  readonly name: string;
  readonly value: string;
}

export function valuesText(flags: AnswerFlags, items: readonly OutputValues[], steps: StepNames): string {
  const lines = items.flatMap((told): Line[] => [
    ...Object.entries(told.values)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, value]) => ({ told, name, value })),
    ...(told.fault === undefined ? [] : [{ told, name: '(left out)', value: told.fault }]),
  ]);
  if (lines.length === 0) return '';
  const step: Column<Line>[] = steps.size > 0 ? [['STEP', ({ told }) => plainText(steps.get(told.task) ?? '')]] : [];
  return listText(flags, lines, [
    ...step,
    ['HOST', ({ told }) => plainText(hostText(told))],
    ['ATTEMPT', ({ told }) => String(told.attempt), 'wide'],
    ['NAME', ({ name }) => plainText(name)],
    ['VALUE', ({ value }) => (flags.output === 'wide' ? plainText(value) : cutText(plainText(value), VALUE_COLUMNS))],
  ]);
}
