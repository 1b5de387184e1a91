/** The stages of a run in words. They are loaded where a run is shown. */
import type { Schemas } from '@drover/sdk';
import { given } from '../../base/given.ts';
import { isTerminalRun } from '../../domain/flow/run-machine.ts';
import { stateWord, timeText } from '../render.ts';
import { cutText, plainText } from '../text-width.ts';
import { gateLines, gateText } from './gate-text.ts';
import { rolloutAnswerLines, rolloutText } from './run-text.ts';

type Step = Schemas['RunStep'];

const OUTPUT_COLUMNS = 80;

/** Stages and their steps in order, with how far each has come. */
export function stageLines({ id, stages = [] }: Pick<Schemas['RunDetail'], 'id' | 'stages'>, utc: boolean): string[] {
  const names = stages.flatMap(({ stage, steps }) => [stage, ...steps.map(({ step }) => `  ${step}`)]);
  const width = Math.max(0, ...names.map((name) => plainText(name).length));
  const line = (name: string, rest: string): string => `${plainText(name).padEnd(width)}  ${rest}`.trimEnd();
  return stages.flatMap(({ stage, when, condition, finally: isFinally, needs, steps }) => [
    line(
      stage,
      [
        isFinally ? 'finally' : '',
        needs.length === 0 ? '' : `after ${needs.join(', ')}`,
        when === 'all-succeeded' ? '' : when,
      ]
        .filter(Boolean)
        .join(', '),
    ),
    ...conditionLines('  ', condition, steps.find(({ decision }) => decision?.stage)?.decision?.stage),
    ...steps.flatMap(
      ({ step, state, counts, hostCount, worker, openedAt, onFailure, outputs, outputsFault, rollout, ...asked }) => [
        line(
          `  ${step}`,
          [
            stateWord(state).padEnd(10),
            gateText({ step, ...asked }, isTerminalRun(state), utc) ??
              (worker !== undefined
                ? [
                    `on worker: ${plainText(worker)}`,
                    ...(hostCount > 1 && state !== 'created' ? [`${counts.succeeded} of ${hostCount}`] : []),
                  ].join(', ')
                : state === 'created'
                  ? `${hostCount} ${hostCount === 1 ? 'host' : 'hosts'}`
                  : `${counts.succeeded} of ${hostCount}`),
            onFailure === 'continue' && state !== 'succeeded' ? 'may fail' : '',
            openedAt === undefined ? '' : `since ${timeText(openedAt, utc)}`,
            isTerminalRun(state) ? '' : rolloutText(given({ rollout }), utc),
          ]
            .filter(Boolean)
            .join('  '),
        ),
        ...[
          ...gateLines({ step, ...asked }, `${stage}/${step}`, id, utc),
          ...(isTerminalRun(state) ? [] : rolloutAnswerLines(given({ rollout }), id, `${stage}/${step}`)),
        ].map((text) => `    ${text}`),
        ...conditionLines('    ', asked.condition, asked.decision?.step),
        ...chosenLines(asked),
        ...skipLines(asked.skip, state),
        ...Object.entries(outputs ?? {}).map(([name, value]) => `    ${plainText(name)}: ${outputText(value)}`),
        ...(outputsFault === undefined ? [] : [`    ${plainText(outputsFault)}`]),
      ],
    ),
  ]);
}

/** Hosts of a step before, and how many of them were chosen. */
function chosenLines({ chooses, each, decision }: Pick<Step, 'chooses' | 'each' | 'decision'>): string[] {
  if (each !== undefined) {
    const items = decision?.items;
    return [`    for each of ${plainText(each)}${items === undefined ? '' : `: ${items.count}`}`];
  }
  if (chooses === undefined) return [];
  const hosts = decision?.hosts;
  return [`    on ${plainText(chooses)}${hosts === undefined ? '' : `: ${hosts.chosen} of ${hosts.of}`}`];
}

/** Who has it skipped. */
function skipLines(skip: Step['skip'], state: Step['state']): string[] {
  if (!skip) return [];
  const what = isTerminalRun(state) ? 'skipped' : state === 'created' ? 'to be skipped' : 'ended to be skipped';
  return [`    ${what}, by ${plainText(skip.by)}${skip.reason === '' ? '' : `: ${plainText(skip.reason)}`}`];
}

/** A condition as the job says it, and what it has come to. */
function conditionLines(
  indent: string,
  condition: string | undefined,
  verdict: NonNullable<Step['decision']>['step'],
): string[] {
  if (condition === undefined) return [];
  const values = Object.entries(verdict?.values ?? {}).map(
    ([name, value]) => `${name} ${value === null ? 'has no value' : `is ${value}`}`,
  );
  const came = verdict && `${verdict.met ? 'met' : 'not met'}${values.length === 0 ? '' : ` (${values.join(', ')})`}`;
  return [`${indent}when ${plainText(condition)}${came === undefined ? '' : `: ${plainText(came)}`}`];
}

/** Of a step, on one line. */
function outputText(value: NonNullable<Step['outputs']>[string]): string {
  const text = Array.isArray(value) ? value.join(', ') : String(value);
  return cutText(plainText(text), OUTPUT_COLUMNS);
}
