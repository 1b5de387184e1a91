/** Steps that wait for people or for a time, in words. */
import type { Schemas } from '@drover/sdk';
import { formatDurationMs } from '../../base/duration.ts';
import { timeText } from '../render.ts';
import { plainText } from '../text-width.ts';

type Step = Pick<Schemas['RunStep'], 'approval' | 'wait' | 'step'>;

/** What stands where hosts are counted; undefined for a step that is carried out. */
export function gateText({ approval, wait }: Step, isOver: boolean, utc: boolean): string | undefined {
  if (approval) {
    const { approvals, count, asks, until } = approval;
    const left = asks && until !== undefined ? `, until ${timeText(until, utc)}` : '';
    return `${asks ? 'asks: ' : ''}${approvals} of ${count} approved${left}`;
  }
  if (!wait) return undefined;
  if (wait.until !== undefined && !isOver) return `waits until ${timeText(wait.until, utc)}`;
  return `a wait of ${formatDurationMs(wait.forMs)}`;
}

/** Below it: what is asked, who has said what, and how it is answered. `path`: STAGE/STEP. */
export function gateLines({ approval, wait }: Step, path: string, runId: string, utc: boolean): string[] {
  const because = approval?.because ?? wait?.because;
  const lines = because === undefined ? [] : [plainText(because)];
  if (!approval) return lines;
  const { message, answers, asks, by, notByStarter } = approval;
  return [
    // What it says may be what a host has told: it is not to be taken for what people answered, or for how to answer.
    ...message
      .trimEnd()
      .split('\n')
      .map((line) => `│ ${plainText(line)}`),
    ...answers.map(
      ({ yes, by: who, reason, at }) =>
        `${yes ? 'yes' : 'no'}, by ${plainText(who)} at ${timeText(at, utc)}${reason === '' ? '' : `: ${plainText(reason)}`}`,
    ),
    ...lines,
    ...(asks
      ? [
          ...(by ? [`may answer: ${by.map(plainText).join(', ')}`] : []),
          ...(notByStarter ? ['whoever has begun the run, or has it done again, may not approve it'] : []),
          `answer: drover runs answer ${runId} yes|no --step ${plainText(path)} --reason TEXT`,
        ]
      : []),
  ];
}
