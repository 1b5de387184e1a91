/**
 * Fields that a request for a run and a step of a job have alike, as shapes: what is to be done, where, as whom, and how it is gone about.
 * Whoever uses one says whether it may be left out.
 */
import { z } from 'zod';
import { limits } from '../base/limits.ts';
import { parseNeeds } from '../domain/placement/needs.ts';
import { STRATEGY_NAMES } from '../domain/placement/plugins.ts';
import { USER_LENGTH_MAX, VIAS } from '../domain/placement/placement.ts';
import { PRIORITIES } from '../domain/placement/queue-pick.ts';
import { betweenOf, durationFault } from '../domain/policy/policy-words.ts';
import { parseBatches } from '../domain/rollout/batches.ts';
import { parseOrder } from '../domain/rollout/order.ts';
import { FAILED_STATES } from '../domain/rollout/rollout.ts';
import { parseFailureLimit } from '../domain/rollout/failure-limit.ts';

export function duration(maxMs: number): z.ZodString {
  return z
    .string()
    .superRefine((value, context) => {
      const message = durationFault(value, maxMs);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .describe('A duration with its unit: 500ms, 30s, 5m, 2h, 7d, 1h30m') as unknown as z.ZodString;
}

/** Names with their values. */
export function variables(max: number): z.ZodRecord<z.ZodString, z.ZodString> {
  return z
    .record(z.string(), z.string())
    .refine((value) => Object.keys(value).length <= max, `at most ${max} are allowed`);
}

export const runFields = {
  targets: z
    .string()
    .max(limits.targetExpressionLengthMax)
    .describe('all, names, globs, sets such as web-[01-20,25], label=value, joined by and, or, not and brackets'),
  worker: z
    .string()
    .max(limits.targetExpressionLengthMax)
    .describe(
      'In place of targets: no host, but one worker that takes it, of all, names, globs, zone=name, joined as targets are',
    ),
  prefer: z
    .string()
    .max(limits.targetExpressionLengthMax)
    .describe('Workers that are preferred for a task without hosts, of those that may'),
  resources: z
    .string()
    .max(200)
    .superRefine((value, context) => {
      const read = parseNeeds(value);
      if (!read.ok) context.addIssue({ code: 'custom', message: read.detail });
    })
    .describe('What a task without hosts wants of its worker: cpus=2 memory=4GiB disk=10GiB, each if it matters'),
  strategy: z.enum(STRATEGY_NAMES).describe('How a worker is chosen for a task without hosts; default: spread'),
  script: z.string().describe('Script as text'),
  command: z.array(z.string()).max(limits.argumentsMax).describe('Argument vector, run without a shell'),
  lang: z.string().max(200).describe('sh, bash, python, perl, node, powershell, or any program; default: #!, else sh'),
  args: z.array(z.string()).max(limits.argumentsMax),
  env: variables(limits.environmentEntriesMax),
  user: z.string().max(USER_LENGTH_MAX).describe('A user of the hosts, where no account is given'),
  cwd: z.string().max(4_096),
  stdin: z.string().describe('Standard input as text'),
  timeout: duration(limits.timeoutMsMax),
  killAfter: duration(limits.killAfterMsMax),
  startDeadline: duration(limits.startDeadlineMsMax),
  lostAfter: duration(limits.startDeadlineMsMax),
  concurrency: z.int().min(1).max(limits.concurrencyMax),
  maxFailed: z.string().refine((value) => parseFailureLimit(value) !== undefined, {
    message: 'a number of hosts, or a share such as 10%',
  }),
  batches: z
    .string()
    .max(500)
    .superRefine((value, context) => {
      const parsed = parseBatches(value);
      if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.detail });
    })
    .describe(
      'Hosts of each batch, one after the other: 10, 25% (of all), +5, *2 (than the one before), all; the last is repeated',
    ),
  between: z
    .string()
    .refine((value) => betweenOf(value) !== undefined, { message: 'ask, or a duration such as 10m, up to 30d' })
    .describe('Between two batches: a time that is waited, or ask: until somebody says that it goes on'),
  batchMaxFailed: z
    .string()
    .refine((value) => parseFailureLimit(value) !== undefined, { message: 'a number of hosts, or a share such as 10%' })
    .describe('As maxFailed, of the hosts of one batch'),
  onMaxFailed: z
    .enum(['drain', 'abort', 'pause'])
    .describe(
      'When more have failed than may: start no more (drain), end what runs too (abort), or ask (pause); default: drain',
    ),
  countsAsFailed: z
    .array(z.enum(FAILED_STATES))
    .min(1)
    .max(FAILED_STATES.length)
    .describe('What counts for the limits of failures; default: failed, timed_out, lost'),
  order: z
    .string()
    .max(limits.nameLengthMax)
    .refine((value) => parseOrder(value) !== undefined, {
      message: 'name, label:KEY, spread:KEY, random or random:SEED',
    })
    .describe(
      'In which order it comes to the hosts: name, label:KEY (those of one value together), spread:KEY (mixed), random[:SEED]',
    ),
  retries: z.int().min(0).max(limits.retriesMax),
  successExitCodes: z.array(z.int().min(0).max(limits.exitCodeMax)).min(1).max(limits.successExitCodesMax),
  via: z.enum(VIAS),
  priority: z.enum(PRIORITIES),
  outputKeptBytes: z.int().min(0).max(limits.outputKeptBytesMax),
} as const;
