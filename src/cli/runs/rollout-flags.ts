/** Flags of `drover run` that say how it goes out over its hosts. Faults are told with all others. */
import type { Schemas } from '@drover/sdk';
import { given } from '../../base/given.ts';
import { betweenOf, rolloutFault } from '../../domain/policy/policy-words.ts';
import { parseBatches } from '../../domain/rollout/batches.ts';
import { parseFailureLimit } from '../../domain/rollout/failure-limit.ts';
import { parseOrder } from '../../domain/rollout/order.ts';
import { FAILED_STATES } from '../../domain/rollout/rollout.ts';
import { choice, choicesOf, type Faults } from '../input.ts';

const ON_MAX_FAILED = ['drain', 'abort', 'pause'] as const;
const FLAGS = {
  batches: '--batches',
  between: '--between',
  batchMaxFailed: '--batch-max-failed',
  maxFailed: '--max-failed',
  onMaxFailed: '--on-max-failed',
  countsAsFailed: '--counts-as-failed',
} as const;

export interface RolloutFlags {
  readonly batches?: string;
  readonly between?: string;
  readonly batchMaxFailed?: string;
  readonly onMaxFailed?: string;
  readonly countsAsFailed?: string;
  readonly order?: string;
}

export function rolloutOf(
  faults: Faults,
  flags: RolloutFlags & { readonly maxFailed?: string },
): Partial<Schemas['RunCreate']> {
  const { batches, between, batchMaxFailed, order } = flags;
  const parsed = batches === undefined ? undefined : parseBatches(batches);
  if (parsed && !parsed.ok) faults.add(`--batches: ${parsed.detail}.`);
  if (between !== undefined && !betweenOf(between))
    faults.add(`--between wants ask, or a duration such as 10m up to 30d, not ${JSON.stringify(between)}.`);
  if (batchMaxFailed !== undefined && !parseFailureLimit(batchMaxFailed))
    faults.add(
      `--batch-max-failed wants a number of hosts from 0 to 999999999, or a share from 0% to 100%, not ${JSON.stringify(batchMaxFailed)}.`,
    );
  if (order !== undefined && !parseOrder(order))
    faults.add(`--order wants name, label:KEY, spread:KEY, random or random:SEED, not ${JSON.stringify(order)}.`);
  const onMaxFailed = choice(faults, '--on-max-failed', ON_MAX_FAILED, flags.onMaxFailed);
  const countsAsFailed = choicesOf(faults, '--counts-as-failed', FAILED_STATES, flags.countsAsFailed);
  const words = { batches, between, batchMaxFailed, maxFailed: flags.maxFailed, onMaxFailed, countsAsFailed };
  const fault = rolloutFault(words, (field) => FLAGS[field]);
  if (fault) faults.add(fault.detail);
  return given({
    batches,
    between,
    batchMaxFailed,
    onMaxFailed,
    countsAsFailed: countsAsFailed && [...countsAsFailed],
    order,
  });
}
