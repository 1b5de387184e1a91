/**
 * Policy in the words that people write, in requests and in jobs alike: durations with their units, a limit of failures
 * as a number or a share. What is not said is as it stands here, once for all who ask.
 */
import { formatDurationMs, parseDurationMs } from '../../base/duration.ts';
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { limits } from '../../base/limits.ts';
import { EXIT_ZERO, exitCodesOf, type RowsRange, type StatusRange } from '../crew/outcome.ts';
import type { Priority } from '../placement/queue-pick.ts';
import { parseBatches } from '../rollout/batches.ts';
import { parseFailureLimit } from '../rollout/failure-limit.ts';
import type { Between } from '../rollout/position.ts';
import type { FailedState, RolloutPolicy } from '../rollout/rollout.ts';
import type { Policy } from '../run/policy.ts';

/** Durations, limits of failures and batches are checked already (`durationFault`, `parseFailureLimit`, `rolloutFault`). */
export interface PolicyWords {
  readonly timeout?: string | undefined;
  readonly killAfter?: string | undefined;
  readonly startDeadline?: string | undefined;
  readonly lostAfter?: string | undefined;
  readonly priority?: Priority | undefined;
  readonly concurrency?: number | undefined;
  readonly maxFailed?: string | undefined;
  readonly batches?: string | undefined;
  readonly between?: string | undefined;
  readonly batchMaxFailed?: string | undefined;
  readonly onMaxFailed?: RolloutPolicy['onMaxFailed'] | undefined;
  readonly countsAsFailed?: readonly FailedState[] | undefined;
  readonly order?: string | undefined;
  readonly retries?: number | undefined;
  readonly successExitCodes?: readonly number[] | undefined;
  readonly successStatuses?: readonly StatusRange[] | undefined;
  readonly successRows?: readonly RowsRange[] | undefined;
  readonly outputKeptBytes?: number | undefined;
}

/** Of whoever says nothing of it. */
export const POLICY_WORDS = {
  timeout: formatDurationMs(limits.timeoutMsDefault),
  killAfter: '10s',
  startDeadline: '2m',
  lostAfter: '2m',
  priority: 'normal',
  retries: 0,
  successExitCodes: EXIT_ZERO.exitCodes,
  outputKeptBytes: limits.outputKeptBytesDefault,
} as const satisfies PolicyWords;

/** What is wrong with a duration, with its code before it; undefined when nothing is. */
export function durationFault(text: string, maxMs: number): string | undefined {
  const ms = parseDurationMs(text) ?? 0;
  return ms > 0 && ms <= maxMs
    ? undefined
    : `bad-duration: write it with a unit, such as 30s, 5m or 1h30m; at most ${maxMs / 1_000} s`;
}

export function policyOf(words: PolicyWords): Policy {
  const ms = (name: 'timeout' | 'killAfter' | 'startDeadline' | 'lostAfter'): number =>
    parseDurationMs(words[name] ?? POLICY_WORDS[name])!;
  return {
    priority: words.priority ?? POLICY_WORDS.priority,
    timeoutMs: ms('timeout'),
    killAfterMs: ms('killAfter'),
    startDeadlineMs: ms('startDeadline'),
    lostAfterMs: ms('lostAfter'),
    ...rolloutOf(words),
    success: {
      exitCodes: exitCodesOf(words.successExitCodes ?? POLICY_WORDS.successExitCodes),
      ...given({ statuses: words.successStatuses, rows: words.successRows }),
    },
    retries: words.retries ?? POLICY_WORDS.retries,
    outputKeptBytes: words.outputKeptBytes ?? POLICY_WORDS.outputKeptBytes,
  };
}

function rolloutOf(words: PolicyWords): RolloutPolicy {
  const limit = (text: string | undefined): RolloutPolicy['maxFailed'] =>
    text === undefined ? undefined : parseFailureLimit(text);
  const batches = words.batches === undefined ? undefined : parseBatches(words.batches);
  return given({
    concurrency: words.concurrency,
    maxFailed: limit(words.maxFailed),
    batches: batches?.ok ? batches.batches : undefined,
    between: words.between === undefined ? undefined : betweenOf(words.between),
    batchMaxFailed: limit(words.batchMaxFailed),
    onMaxFailed: words.onMaxFailed,
    countsAsFailed: words.countsAsFailed,
    order: words.order,
  });
}

/** `ask`, or a duration. Undefined when it is neither, or too long. */
export function betweenOf(text: string): Between | undefined {
  if (text === 'ask') return { kind: 'ask' };
  return durationFault(text, jobLimits.betweenMsMax) === undefined
    ? { kind: 'wait', ms: parseDurationMs(text)! }
    : undefined;
}

/** What does not go together; undefined where all does. `name` says how a field is called where it was written. */
export function rolloutFault(
  words: Pick<PolicyWords, 'batches' | 'between' | 'batchMaxFailed' | 'maxFailed' | 'onMaxFailed' | 'countsAsFailed'>,
  name: (field: 'batches' | 'between' | 'batchMaxFailed' | 'maxFailed' | 'onMaxFailed' | 'countsAsFailed') => string,
):
  | { readonly field: 'between' | 'batchMaxFailed' | 'onMaxFailed' | 'countsAsFailed'; readonly detail: string }
  | undefined {
  for (const field of ['between', 'batchMaxFailed'] as const)
    if (words[field] !== undefined && words.batches === undefined)
      return { field, detail: `${name(field)} is of batches: say ${name('batches')} too.` };
  for (const field of ['onMaxFailed', 'countsAsFailed'] as const)
    if (words[field] !== undefined && words.maxFailed === undefined && words.batchMaxFailed === undefined)
      return {
        field,
        detail: `${name(field)} is of a limit: say ${name('maxFailed')} or ${name('batchMaxFailed')} too.`,
      };
  return undefined;
}
