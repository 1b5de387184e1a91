/**
 * The shape of a job, once for reading it and for the JSON Schema by which editors complete it. What goes beyond shapes
 * (names that refer to each other, expressions, values of types) is looked at in job-definition.ts. Keys are in
 * snake_case, in YAML and in JSON.
 */
import { JOIN_RULES } from '../flow/join.ts';
import { z } from 'zod';
import { parseDurationMs } from '../../base/duration.ts';
import { callLimits } from '../../base/call-limits.ts';
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { limits } from '../../base/limits.ts';
import { checked } from '../../shape/checked.ts';
import { duration, runFields } from '../../shape/run-fields.ts';
import { valueLimits } from '../../base/value-limits.ts';
import { lineFault, plainNameFault } from '../access/name-rule.ts';
import { NOTICE_EVENTS, type Subscription } from '../notice/subscription.ts';
import { OUTPUT_REDUCERS, OUTPUT_TYPES } from '../run/step-outputs.ts';
import { OUTPUT_NAME } from '../work/output-values.ts';
import { CALL_STEPS } from './calls/call-steps.ts';
import { PARAMETER_TYPES } from './parameter.ts';
import { gateShapes } from './step-gates.ts';

/** When a stage begins, by how those ended that it needs: all are over, and … */

const name = checked(limits.nameLengthMax, plainNameFault);
const line = checked(limits.nameLengthMax, lineFault);
/** It is read in check-conditions.ts. */
const condition = z.string();
const needs = z.array(z.string()).max(jobLimits.jobNeedsMax);
const LOST_SHARE = /^\d{1,2}%$/;
const PARAMETER_NAME = /^[a-z][a-z0-9_]*$/;

const ParameterShape = z.strictObject({
  name: z
    .string()
    .max(limits.nameLengthMax)
    .regex(PARAMETER_NAME, 'a name of small letters a-z, digits and _, beginning with a letter')
    .describe(
      'Reaches scripts as DROVER_PARAM_name, a secret as the variable of its own name; ${{ params.name }} elsewhere',
    ),
  type: z.enum(PARAMETER_TYPES).optional().describe('Default: string'),
  required: z.boolean().optional().describe('Whoever starts the job has to give it'),
  default: z.union([z.string(), z.number(), z.boolean()], { error: 'a text, a number, or true or false' }).optional(),
  pattern: z
    .string()
    .max(jobLimits.jobPatternLengthMax)
    .optional()
    .describe('Of a string: a regular expression for the whole value'),
  min: z
    .union([z.number(), z.string()], { error: 'a number, or a day' })
    .optional()
    .describe('Of a number or date the least, of a text its characters'),
  max: z.union([z.number(), z.string()], { error: 'a number, or a day' }).optional(),
  choices: z.array(z.string()).max(jobLimits.jobChoicesMax).optional(),
  help: z.string().max(limits.reasonLengthMax).optional().describe('For whoever is asked for it'),
});

const OutputShape = z.strictObject({
  name: z
    .string()
    .max(valueLimits.outputValueNameLengthMax)
    .regex(OUTPUT_NAME, 'a name of letters, digits and _ that begins with a letter')
    .describe('As its script tells it: echo NAME=VALUE >>"$DROVER_OUTPUT"'),
  from: z
    .enum(OUTPUT_REDUCERS)
    .optional()
    .describe('How the values of its hosts are drawn together; default: same, which all hosts have to have told alike'),
  type: z
    .enum(OUTPUT_TYPES)
    .optional()
    .describe('Default: string; of list it is list, of count, sum, min and max number'),
});

const STATUS = 'a status such as 204, or a range such as 200-299';
const Status = z.union([z.int().min(100).max(599), z.string().regex(/^[1-5]\d\d-[1-5]\d\d$/, STATUS)], {
  error: STATUS,
});

const Rows = z.union([z.int().min(0).max(999_999_999), z.string().regex(/^\d{1,9}(-(\d{1,9})?)?$/)], {
  error: 'a number of rows such as 3, or a range such as 1-10, or 1- for one and more',
});

const StepShape = z.strictObject({
  step: name.describe('Its name, of which there is one in the stage'),
  needs: needs
    .optional()
    .describe('Steps of this stage that are over before it begins; left out: the step before it; []: none'),
  when: condition
    .optional()
    .describe('A condition: where it is not met, the step is skipped, and what needs it goes on'),
  script: runFields.script
    .optional()
    .describe('Text of the script; it is never filled in, and reads DROVER_PARAM_name'),
  command: runFields.command.optional(),
  http: CALL_STEPS.http.shape.optional().describe('A request that a worker makes itself, in the place of a script'),
  sql: CALL_STEPS.sql.shape.optional().describe('A statement that a worker gives a database, in the place of a script'),
  ...gateShapes,
  interpreter: runFields.lang.optional(),
  args: runFields.args.optional(),
  env: runFields.env.optional(),
  cwd: runFields.cwd.optional(),
  stdin: runFields.stdin.optional(),
  secrets: z
    .array(z.string())
    .max(limits.secretsMax)
    .optional()
    .describe('Parameters of type secret that its script is given, as variables of their names'),
  targets: runFields.targets.optional(),
  worker: runFields.worker.optional(),
  for_each: z
    .union([z.array(z.string()).min(1).max(jobLimits.itemsMax), z.string()], {
      error: `a list of up to ${jobLimits.itemsMax} texts, or one expression`,
    })
    .optional()
    .describe(
      'Of a step on a worker: it is done once for each of these, which its script reads as DROVER_ITEM. A list; or ' +
        '${{ params.NAME }} for the lines of a text, or ${{ steps.STAGE.STEP.outputs.NAME }} for what a step before it has told',
    ),
  prefer: runFields.prefer.optional(),
  resources: runFields.resources.optional(),
  strategy: runFields.strategy.optional(),
  user: runFields.user.optional(),
  account: z
    .string()
    .max(limits.nameLengthMax)
    .optional()
    .describe('Name or id of the account to run as: it must cover every host'),
  via: runFields.via.optional(),
  timeout: runFields.timeout.optional(),
  kill_after: runFields.killAfter.optional(),
  start_deadline: runFields.startDeadline.optional(),
  lost_after: runFields.lostAfter.optional(),
  priority: runFields.priority.optional(),
  concurrency: runFields.concurrency.optional(),
  max_failed: z
    .union([z.int().min(0).max(999_999_999), runFields.maxFailed], {
      error: 'a number of hosts such as 3, or a share such as 10%',
    })
    .optional(),
  batches: z
    .union([z.int().min(1).max(9_999_999), runFields.batches], { error: 'batches such as 1 10 25% all' })
    .optional(),
  between: runFields.between.optional(),
  batch_max_failed: z
    .union([z.int().min(0).max(999_999_999), runFields.batchMaxFailed], {
      error: 'a number of hosts such as 3, or a share such as 10%',
    })
    .optional(),
  on_max_failed: runFields.onMaxFailed.optional(),
  counts_as_failed: runFields.countsAsFailed.optional(),
  order: runFields.order.optional(),
  retries: runFields.retries.optional(),
  success: z
    .strictObject({
      exit_codes: runFields.successExitCodes.optional().describe('Of a script; default: 0'),
      status: z.array(Status).max(callLimits.callStatusesMax).optional().describe('Of an http step; default: 200-299'),
      rows: z
        .array(Rows)
        .max(callLimits.sqlRowsRangesMax)
        .optional()
        .describe('Of an sql step, rows that it has read or changed; default: any number'),
    })
    .optional(),
  output_kept_bytes: runFields.outputKeptBytes.optional(),
  outputs: z
    .array(OutputShape)
    .max(jobLimits.jobOutputsMax)
    .optional()
    .describe('Values of the step that its hosts have to have told; where one is missing or disagrees it has failed'),
  on_failure: z.enum(['stop', 'continue']).optional().describe('Whether what needs it goes on; default: stop'),
});

const StageShape = z.strictObject({
  stage: name.describe('Its name, of which there is one in the job'),
  needs: needs.optional().describe('Stages that are over before it begins; left out: the stage before it; []: none'),
  when: condition
    .meta({ examples: [...JOIN_RULES] })
    .optional()
    .describe(
      'How those that it needs have to have ended (default: all-succeeded), a condition, or both: all-done and CONDITION',
    ),
  finally: z
    .boolean()
    .optional()
    .describe('Runs whatever happened, also after a cancel, when all other stages are over'),
  steps: z.array(StepShape).min(1).max(jobLimits.jobStepsMax),
});

const NotifyShape = z.strictObject({
  channel: name.describe('The name of a channel: drover channels list'),
  on: z
    .array(z.enum(NOTICE_EVENTS))
    .min(1)
    .max(NOTICE_EVENTS.length)
    .describe(
      'Of what ends: failed, timed_out, lost, cancelled, recovered, succeeded; or late, while they are under way',
    ),
  lost_share: z
    .string()
    .regex(LOST_SHARE, 'a share of the hosts such as 10%')
    .optional()
    .describe('lost: more than this share of the hosts; default: any'),
  late_after: duration(limits.timeoutMsMax)
    .optional()
    .describe('late: under way for longer than this; default: than its runs usually take'),
});

export const JobShape = z.strictObject({
  job: name.describe('The name of the job: letters a-z and A-Z, digits and . _ - : @'),
  description: z.string().max(jobLimits.jobDescriptionLengthMax).optional(),
  owner: line.optional().describe('Who looks after it'),
  team: line.optional(),
  tags: z.array(line).max(jobLimits.jobTagsMax).optional(),
  parameters: z.array(ParameterShape).max(jobLimits.jobParametersMax).optional(),
  notify: z.array(NotifyShape).max(jobLimits.jobNotifyMax).optional().describe('Who is told of the ends of its runs'),
  targets: runFields.targets.optional().describe('Of all steps that say none'),
  stages: z.array(StageShape).min(1).max(jobLimits.jobStagesMax),
});

/** Who is told, as rules have it. */
export function subscriptionsOf({ notify = [] }: JobDefinition): readonly Subscription[] {
  return notify.map(({ channel, on, lost_share: share, late_after: late }) => ({
    channel,
    on: [...new Set(on)],
    ...given({
      lostShare: share === undefined ? undefined : Number.parseInt(share, 10),
      lateAfterMs: late === undefined ? undefined : parseDurationMs(late),
    }),
  }));
}

export type JobDefinition = z.infer<typeof JobShape>;
export type JobStep = JobDefinition['stages'][number]['steps'][number];

/** For editors: draft 7, which they know. */
export function jobJsonSchema(): Record<string, unknown> {
  return {
    ...(z.toJSONSchema(JobShape, { io: 'input', target: 'draft-7' }) as Record<string, unknown>),
    title: 'A job of Drover',
    description: 'Stages of steps that run on hosts: docs/guides/jobs.md.',
  };
}
