/**
 * Shapes of jobs in the API. The text of a job goes in and comes out as it is, as one string; what it may say is
 * published at /api/v1/schemas/job.json.
 */
import { z } from 'zod';
import { jobLimits } from '../../base/job-limits.ts';
import { limits } from '../../base/limits.ts';
import { JOB_VERSION_STATES } from '../../domain/job/version-machine.ts';
import { instant, text } from './fields.ts';

const JobVersionState = z.enum(JOB_VERSION_STATES).meta({ id: 'JobVersionState' });
export const jobStateFilter = z.enum(JOB_VERSION_STATES);
const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal, in small letters')
  .describe('SHA-256 of a text, in hexadecimal');
const reason = text(limits.reasonLengthMax).default('').describe('Why; it is kept with the version and in the audit');
const definition = z.string().max(jobLimits.jobBytesMax).describe('The text of one job, YAML or JSON');

const card = {
  description: z.string().optional(),
  owner: z.string().optional(),
  team: z.string().optional(),
  tags: z.array(z.string()),
};

export const Job = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state: JobVersionState.describe(
      'published: a version of it is; draft: none is, and one is worked on; retired: neither',
    ),
    lastVersion: z.int(),
    publishedVersion: z.int().optional().describe('The newest that is published'),
    draftVersion: z.int().optional(),
    ...card,
    createdAt: instant,
    changedAt: instant,
  })
  .describe(
    'With description, owner, team and tags of its newest published version, else of its draft, else of its last',
  )
  .meta({ id: 'Job' });

const JobDeed = z.object({ by: z.string(), at: instant, reason: z.string() }).meta({ id: 'JobDeed' });

export const JobVersion = z
  .object({
    jobId: z.uuid(),
    job: z.string(),
    version: z.int(),
    state: JobVersionState,
    digest: z.string(),
    ...card,
    applied: JobDeed,
    published: JobDeed.optional(),
    retired: JobDeed.optional(),
  })
  .meta({ id: 'JobVersion' });

export const JobVersionDetail = JobVersion.extend({
  definition: z.string().describe('The text as it was sent, comments and all'),
}).meta({ id: 'JobVersionDetail' });

export const JobApply = z
  .strictObject({
    definition,
    reason,
    seen: z
      .union([digest, z.literal('none')], { error: 'the digest of the last version, or none' })
      .optional()
      .describe(
        'The digest of the last version that you have seen, or none where you saw no such job: refused when it is another',
      ),
  })
  .meta({ id: 'JobApply' });

export const JobApplied = z
  .object({ outcome: z.enum(['created', 'changed', 'unchanged']), version: JobVersion })
  .meta({ id: 'JobApplied' });

const values = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()], { error: 'a text, a number, or true or false' }))
  .refine(
    (given) => Object.keys(given).length <= jobLimits.jobParametersMax,
    `at most ${jobLimits.jobParametersMax} are allowed`,
  );

const secretValues = z
  .record(z.string().max(limits.nameLengthMax), z.string({ error: 'a text' }))
  .refine(
    (given) => Object.keys(given).length <= jobLimits.jobParametersMax,
    `at most ${jobLimits.jobParametersMax} are allowed`,
  );

export const JobValidate = z
  .strictObject({
    definition,
    params: values.optional().describe('Values, as for a start: what is wrong with them is told as well'),
    secrets: secretValues.optional().describe('Those of type secret, as for a start'),
    targets: text(limits.targetExpressionLengthMax)
      .optional()
      .describe("In place of the job's own, as for a start; looked at with the values"),
  })
  .meta({ id: 'JobValidate' });

export const JobValidated = z
  .object({
    valid: z.boolean(),
    job: z.string().optional().describe('Its name'),
    faults: z.array(
      z
        .object({ line: z.int(), column: z.int(), code: z.string(), detail: z.string() })
        .describe('Line and column are counted from 1, columns in UTF-16 units'),
    ),
    faultCount: z.int().describe('Of all; the first hundred are told'),
    valueFaults: z
      .array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() }))
      .describe('What is wrong with values and targets, where such were sent; the first hundred'),
  })
  .meta({ id: 'JobValidated' });

export const JobRun = z.strictObject({
  params: values
    .default({})
    .describe('Values of its parameters, but for those of type secret; they are kept with the run and shown'),
  secrets: secretValues
    .default({})
    .describe('Values of its parameters of type secret: they are kept sealed and are never shown'),
  targets: z
    .string()
    .max(limits.targetExpressionLengthMax)
    .optional()
    .describe("In place of the job's own, for the steps that say none"),
  reason,
});

export const removeReason = text(limits.reasonLengthMax).default('').describe('Why; it is kept in the audit');
export const JobRetire = z.strictObject({ reason }).meta({ id: 'JobRetire' });

export const JobVersionMove = z
  .strictObject({
    reason,
    seen: digest.optional().describe('The digest of the text that you have seen: refused when it is another'),
  })
  .meta({ id: 'JobVersionMove' });

export const JobDiff = z
  .object({
    from: JobVersion,
    to: JobVersion,
    equal: z.boolean(),
    lines: z.array(z.object({ kind: z.enum(['same', 'removed', 'added']), text: z.string() })),
  })
  .meta({ id: 'JobDiff' });
