/**
 * What a step does and how it goes about it, in the words of the domain.
 */
import { given } from '../../base/given.ts';
import { parseRows, parseStatuses } from '../crew/outcome.ts';
import { policyOf } from '../policy/policy-words.ts';
import type { Policy } from '../run/policy.ts';
import type { Work } from '../work/work.ts';
import type { FillCallText } from './calls/call-step.ts';
import { callOf, callWork } from './calls/call-steps.ts';
import type { JobStep } from './job-shape.ts';
import { gateWork } from './step-gates.ts';

export interface StepFilling {
  /** Of a text of a script's, or of where it runs. */
  readonly text: (text: string, field: string) => string;
  /** Of a text of a call. */
  readonly call: FillCallText;
}

export function stepWork(
  step: JobStep,
  { text: fill, call: fillCall }: StepFilling,
  params: Readonly<Record<string, string>>,
  secretNames: readonly string[],
): Work {
  const gate = gateWork(step, fill);
  if (gate) return gate;
  const call = callOf(step);
  if (call !== undefined) return callWork(call, step, fillCall);
  const filled = (field: string, texts: readonly string[] = []): string[] => texts.map((text) => fill(text, field));
  const env = Object.entries(step.env ?? {}).map(([name, text]) => [name, fill(text, 'env')] as const);
  return {
    kind: 'script',
    program:
      step.script === undefined
        ? { form: 'argv', argv: filled('command', step.command) }
        : { form: 'text', text: Buffer.from(step.script) },
    ...given({ lang: step.interpreter }),
    args: filled('args', step.args),
    env: Object.fromEntries(env),
    params,
    secretNames,
    ...given({
      cwd: step.cwd === undefined ? undefined : fill(step.cwd, 'cwd'),
      stdin: step.stdin === undefined ? undefined : Buffer.from(step.stdin),
    }),
  };
}

export function stepPolicy(step: JobStep): Policy {
  return policyOf({
    timeout: step.timeout,
    killAfter: step.kill_after,
    startDeadline: step.start_deadline,
    lostAfter: step.lost_after,
    priority: step.priority,
    concurrency: step.concurrency,
    maxFailed: step.max_failed === undefined ? undefined : String(step.max_failed),
    batches: step.batches === undefined ? undefined : String(step.batches),
    between: step.between,
    batchMaxFailed: step.batch_max_failed === undefined ? undefined : String(step.batch_max_failed),
    onMaxFailed: step.on_max_failed,
    countsAsFailed: step.counts_as_failed,
    order: step.order,
    retries: step.retries,
    successExitCodes: step.success?.exit_codes,
    successStatuses: step.success?.status?.map((said) => parseStatuses(String(said))!),
    successRows: step.success?.rows?.map((said) => parseRows(String(said))!),
    outputKeptBytes: step.output_kept_bytes,
  });
}
