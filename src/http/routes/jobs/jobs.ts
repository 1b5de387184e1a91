/** Jobs and their versions. */
import { z } from 'zod';
import {
  jobApply,
  jobDiff,
  jobList,
  jobPublish,
  jobRemove,
  jobRetire,
  jobShow,
  jobValidate,
  jobVersionRemove,
  jobVersionRetire,
  jobVersions,
  jobVersionShow,
} from '../../../app/job.ts';
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import * as r from '../../../protocol/rest/job-resources.ts';
import { pageOf } from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { page, pageOfQuery } from '../page.ts';
import { idOrName } from '../params.ts';
import { jobResource, jobVersionResource } from './job-resource.ts';
import { versionChoice, versionChoiceOf } from './version-choice.ts';

const jobParams = z.strictObject({ job: idOrName });
const versionParams = z.strictObject({ job: idOrName, version: versionChoice });
const removeQuery = z.strictObject({ reason: r.removeReason });
const word = z.string().max(limits.nameLengthMax).optional();

/** What is wrong with the text of a job. */
const textErrors = [
  'bad-input',
  'bad-duration',
  'bad-target',
  'script-empty',
  'script-format',
  'script-too-large',
  'job-unreadable',
  'job-key-unknown',
  'job-name-twice',
  'job-reference-unknown',
  'job-cycle',
  'job-unreachable',
  'job-expression',
  'parameter-invalid',
] as const;
const moveErrors = ['job-not-found', 'job-version-not-found', 'job-version-state', 'job-changed'] as const;

export const jobRoutes = [
  operation({
    id: 'listJobs',
    method: 'GET',
    path: '/jobs',
    summary: 'List jobs by name',
    permission: 'job.definition.view',
    query: z.strictObject({
      ...page,
      name: word.describe('Whose name holds this'),
      owner: word,
      team: word,
      tag: word,
      state: r.jobStateFilter.optional(),
    }),
    status: 200,
    response: pageOf(r.Job),
    errors: ['bad-input'],
    async handle({ ctx, caller, query }) {
      const { name, owner, team, tag, state } = query;
      const { items, next } = await jobList(ctx, caller, given({ name, owner, team, tag, state }), pageOfQuery(query));
      return given({ items: items.map(jobResource), next });
    },
  }),
  operation({
    id: 'applyJob',
    method: 'POST',
    path: '/jobs',
    summary:
      'Make the text of a job its draft: of a new job, of a new version, or in the place of the draft; the same text again changes nothing',
    permission: 'job.definition.edit',
    bodyBytesMax: limits.requestBodyBytesMax,
    body: r.JobApply,
    status: 200,
    response: r.JobApplied,
    errors: [...textErrors, 'channel-not-found', 'job-changed', 'too-many-jobs'],
    async handle({ ctx, caller, body }) {
      const { definition, reason, seen } = body;
      const { outcome, version } = await jobApply(ctx, caller, { definition, reason, ...given({ seen }) });
      return { outcome, version: jobVersionResource(version) };
    },
  }),
  operation({
    id: 'validateJob',
    method: 'POST',
    path: '/jobs/validate',
    summary: 'What is wrong with the text of a job, all of it at once, with lines and columns',
    permission: 'job.definition.edit',
    bodyBytesMax: limits.requestBodyBytesMax,
    body: r.JobValidate,
    asksOnly: true,
    status: 200,
    response: r.JobValidated,
    errors: [],
    async handle({ caller, body }) {
      const { definition, params, secrets, targets } = body;
      const isStart = params !== undefined || secrets !== undefined || targets !== undefined;
      const start = isStart
        ? { values: { params: params ?? {}, ...given({ secrets }) }, ...given({ targets }) }
        : undefined;
      const { parsed, valueFaults } = jobValidate(caller, definition, start);
      return parsed.ok
        ? { valid: valueFaults.length === 0, job: parsed.definition.job, faults: [], faultCount: 0, valueFaults }
        : { valid: false, faults: parsed.faults, faultCount: parsed.faultCount, valueFaults };
    },
  }),
  operation({
    id: 'getJob',
    method: 'GET',
    path: '/jobs/{job}',
    summary: 'Show a job',
    permission: 'job.definition.view',
    params: jobParams,
    status: 200,
    response: r.Job,
    errors: ['job-not-found'],
    handle: async ({ ctx, caller, params }) => jobResource(await jobShow(ctx, caller, params.job)),
  }),
  operation({
    id: 'retireJob',
    method: 'POST',
    path: '/jobs/{job}/retire',
    summary: 'Retire every version of a job',
    permission: 'job.definition.retire',
    params: jobParams,
    body: r.JobRetire,
    needsNoRoom: true,
    status: 200,
    response: r.Job,
    errors: ['job-not-found', 'job-version-state'],
    handle: async ({ ctx, caller, params, body }) => jobResource(await jobRetire(ctx, caller, params.job, body)),
  }),
  operation({
    id: 'removeJob',
    method: 'DELETE',
    path: '/jobs/{job}',
    summary: 'Remove a job whose versions are all retired, and of which no run is on record',
    permission: 'job.definition.remove',
    params: jobParams,
    query: removeQuery,
    status: 204,
    errors: ['job-not-found', 'job-version-state', 'job-has-runs'],
    handle: ({ ctx, caller, params, query }) => jobRemove(ctx, caller, params.job, query),
  }),
  operation({
    id: 'removeJobVersion',
    method: 'DELETE',
    path: '/jobs/{job}/versions/{version}',
    summary: 'Remove a retired version of a job; its number is not given again, and runs of it keep what they ran',
    permission: 'job.definition.remove',
    params: versionParams,
    query: removeQuery,
    status: 204,
    errors: ['job-not-found', 'job-version-not-found', 'job-version-state'],
    handle: ({ ctx, caller, params, query }) =>
      jobVersionRemove(ctx, caller, params.job, versionChoiceOf(params.version), query),
  }),
  operation({
    id: 'listJobVersions',
    method: 'GET',
    path: '/jobs/{job}/versions',
    summary: 'The versions of a job, newest first',
    permission: 'job.definition.view',
    params: jobParams,
    query: z.strictObject(page),
    status: 200,
    response: pageOf(r.JobVersion),
    errors: ['job-not-found', 'bad-input'],
    async handle({ ctx, caller, params, query }) {
      const { items, next } = await jobVersions(ctx, caller, params.job, pageOfQuery(query));
      return given({ items: items.map(jobVersionResource), next });
    },
  }),
  operation({
    id: 'getJobVersion',
    method: 'GET',
    path: '/jobs/{job}/versions/{version}',
    summary: 'Show a version of a job, with its text',
    permission: 'job.definition.view',
    params: versionParams,
    status: 200,
    response: r.JobVersionDetail,
    errors: ['job-not-found', 'job-version-not-found'],
    async handle({ ctx, caller, params }) {
      const version = await jobVersionShow(ctx, caller, params.job, versionChoiceOf(params.version));
      return { ...jobVersionResource(version), definition: version.text };
    },
  }),
  operation({
    id: 'exportJobVersion',
    method: 'GET',
    path: '/jobs/{job}/versions/{version}/definition',
    summary: 'The text of a version as it was sent, byte for byte',
    permission: 'job.definition.view',
    params: versionParams,
    status: 200,
    contentType: 'application/octet-stream',
    errors: ['job-not-found', 'job-version-not-found'],
    async handle({ ctx, caller, params, reply }) {
      const { text } = await jobVersionShow(ctx, caller, params.job, versionChoiceOf(params.version));
      void reply.header('content-type', 'application/octet-stream');
      return Buffer.from(text);
    },
  }),
  operation({
    id: 'publishJobVersion',
    method: 'POST',
    path: '/jobs/{job}/versions/{version}/publish',
    summary: 'Publish a draft: from then on it never changes, and is what runs of the job take',
    permission: 'job.definition.publish',
    params: versionParams,
    body: r.JobVersionMove,
    status: 200,
    response: r.JobVersion,
    errors: moveErrors,
    handle: async ({ ctx, caller, params, body: { reason, seen } }) =>
      jobVersionResource(
        await jobPublish(ctx, caller, params.job, versionChoiceOf(params.version), { reason, ...given({ seen }) }),
      ),
  }),
  operation({
    id: 'retireJobVersion',
    method: 'POST',
    path: '/jobs/{job}/versions/{version}/retire',
    summary: 'Retire a version: it is kept, and nothing runs by it any more',
    permission: 'job.definition.retire',
    params: versionParams,
    body: r.JobVersionMove,
    needsNoRoom: true,
    status: 200,
    response: r.JobVersion,
    errors: moveErrors,
    handle: async ({ ctx, caller, params, body: { reason, seen } }) =>
      jobVersionResource(
        await jobVersionRetire(ctx, caller, params.job, versionChoiceOf(params.version), {
          reason,
          ...given({ seen }),
        }),
      ),
  }),
  operation({
    id: 'diffJobVersions',
    method: 'GET',
    path: '/jobs/{job}/diff',
    summary: 'How the text of one version becomes that of another, line by line',
    permission: 'job.definition.view',
    params: jobParams,
    query: z.strictObject({ from: versionChoice.default('latest'), to: versionChoice.default('last') }),
    status: 200,
    response: r.JobDiff,
    errors: ['job-not-found', 'job-version-not-found', 'bad-input'],
    async handle({ ctx, caller, params, query }) {
      const between = { from: versionChoiceOf(query.from), to: versionChoiceOf(query.to) };
      const { from, to, lines } = await jobDiff(ctx, caller, params.job, between);
      const equal = from.digest === to.digest;
      return { from: jobVersionResource(from), to: jobVersionResource(to), equal, lines };
    },
  }),
];
