/**
 * Jobs: what is applied, published, retired, shown and compared. A job runs as whoever runs it, so none of this gives
 * anybody anything to do.
 */
import { DroverError, type InputFault } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { jobLimits } from '../base/job-limits.ts';
import { limits } from '../base/limits.ts';
import { planRun } from '../domain/job/expand.ts';
import type { JobValues } from '../domain/job/parameter.ts';
import { textDiff, type DiffLine } from '../domain/job/text-diff.ts';
import { parseJob, type ParsedJob } from '../domain/job/job-definition.ts';
import { subscriptionsOf, type JobDefinition } from '../domain/job/job-shape.ts';
import type { Subscription } from '../domain/notice/subscription.ts';
import type { JobVersionState } from '../domain/job/version-machine.ts';
import type { JobCard, JobRecord, JobVersionChoice, JobVersionRecord, JobVersionText } from '../store/contract/job.ts';
import type { Page } from '../store/contract/page.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

type Stored = Pick<AppContext, 'store'>;
type PageOf = { readonly limit: number; readonly cursor?: string };

export interface JobApplied {
  readonly outcome: 'created' | 'changed' | 'unchanged';
  readonly version: JobVersionRecord;
}

/**
 * Throws `bad-input`, or the code of the only fault: each with its line and column. `job-changed`, `too-many-jobs`,
 * `channel-not-found`.
 */
export async function jobApply(
  ctx: Stored,
  caller: Caller,
  { definition: text, reason, seen }: { readonly definition: string; readonly reason: string; readonly seen?: string },
): Promise<JobApplied> {
  assertCan(caller, 'job.definition.edit');
  const definition = readJob(text);
  const { job: name } = definition;
  const notify = subscriptionsOf(definition);
  await assertChannels(ctx, notify);
  const answer = await ctx.store.jobApply(
    { name, text, reason, notify, card: cardOf(definition), ...given({ seen: seen === 'none' ? null : seen }) },
    auditOf(caller, 'job.definition.edit', `job/${name}`, { reason }),
  );
  switch (answer.kind) {
    case 'moved':
      throw changed(
        answer.last
          ? `The last version of ${name} is ${answer.last.version} with the digest ${answer.last.digest}, not what you have seen.`
          : `There is no job ${name}, or not any more.`,
      );
    case 'too-many-jobs':
      throw new DroverError('too-many-jobs', {
        detail: `There are ${jobLimits.jobsMax} jobs, the most that there may be. Remove those that nobody needs: drover job remove.`,
      });
    case 'too-many-versions':
      throw new DroverError('too-many-jobs', {
        detail:
          `${name} has ${jobLimits.jobVersionsMax} versions, the most that a job may have. Remove retired ones ` +
          `(drover job remove ${name} --job-version N), or give the job another name.`,
      });
    default:
      return { outcome: answer.kind, version: answer.version };
  }
}

/** A misspelt channel would tell nobody, and nobody would know. */
async function assertChannels(ctx: Stored, notify: readonly Subscription[]): Promise<void> {
  const names = [...new Set(notify.map(({ channel }) => channel))];
  const found = await Promise.all(names.map((name) => ctx.store.channelFetch(name)));
  const missing = names.filter((name, at) => found[at]?.name !== name);
  if (missing.length === 0) return;
  throw new DroverError('channel-not-found', {
    detail: `notify: there is no channel ${missing.join(', ')}. See: drover channels list.`,
    faults: missing.map((name) => ({
      pointer: '#/definition',
      code: 'channel-not-found',
      detail: `notify: there is no channel ${name}.`,
    })),
  });
}

/** Writes nothing, and needs no job that is there. */
export function jobValidate(
  caller: Caller,
  text: string,
  start?: { readonly values: JobValues; readonly targets?: string },
): { readonly parsed: ParsedJob; readonly valueFaults: readonly InputFault[] } {
  assertCan(caller, 'job.definition.edit');
  const parsed = parseJob(text);
  const planned =
    start && parsed.ok ? planRun(parsed.definition, start.values, given({ targets: start.targets })) : undefined;
  return { parsed, valueFaults: planned && !planned.ok ? planned.faults.slice(0, limits.faultsToldMax) : [] };
}

export function jobList(
  ctx: Stored,
  caller: Caller,
  filter: {
    readonly name?: string;
    readonly owner?: string;
    readonly team?: string;
    readonly tag?: string;
    readonly state?: JobVersionState;
  },
  page: PageOf,
): Promise<Page<JobRecord>> {
  return ctx.store.jobList(scopeOf(caller, 'job.definition.view'), filter, page);
}

export function jobShow(ctx: Stored, caller: Caller, idOrName: string): Promise<JobRecord> {
  assertCan(caller, 'job.definition.view');
  return jobFetch(ctx, idOrName);
}

/** Newest first. */
export async function jobVersions(
  ctx: Stored,
  caller: Caller,
  idOrName: string,
  page: PageOf,
): Promise<Page<JobVersionRecord>> {
  assertCan(caller, 'job.definition.view');
  return ctx.store.jobVersionList((await jobFetch(ctx, idOrName)).id, page);
}

export async function jobVersionShow(
  ctx: Stored,
  caller: Caller,
  idOrName: string,
  version: JobVersionChoice,
): Promise<JobVersionText> {
  assertCan(caller, 'job.definition.view');
  return versionFetch(ctx, await jobFetch(ctx, idOrName), version);
}

export interface JobDiff {
  readonly from: JobVersionRecord;
  readonly to: JobVersionRecord;
  readonly lines: readonly DiffLine[];
}

export async function jobDiff(
  ctx: Stored,
  caller: Caller,
  idOrName: string,
  between: { readonly from: JobVersionChoice; readonly to: JobVersionChoice },
): Promise<JobDiff> {
  assertCan(caller, 'job.definition.view');
  const job = await jobFetch(ctx, idOrName);
  const from = await versionFetch(ctx, job, between.from);
  const to = await versionFetch(ctx, job, between.to);
  return { from, to, lines: textDiff(from.text, to.text) };
}

interface Deed {
  readonly reason: string;
  /** The digest of the text that whoever asks has seen. */
  readonly seen?: string;
}

export function jobPublish(
  ctx: Stored,
  caller: Caller,
  idOrName: string,
  version: JobVersionChoice,
  deed: Deed,
): Promise<JobVersionRecord> {
  return versionMove(ctx, caller, { idOrName, version, to: 'published', permission: 'job.definition.publish' }, deed);
}

export function jobVersionRetire(
  ctx: Stored,
  caller: Caller,
  idOrName: string,
  version: JobVersionChoice,
  deed: Deed,
): Promise<JobVersionRecord> {
  return versionMove(ctx, caller, { idOrName, version, to: 'retired', permission: 'job.definition.retire' }, deed);
}

/** Every version of it at once. */
export async function jobRetire(
  ctx: Stored,
  caller: Caller,
  idOrName: string,
  { reason }: Pick<Deed, 'reason'>,
): Promise<JobRecord> {
  assertCan(caller, 'job.definition.retire');
  const job = await jobFetch(ctx, idOrName);
  const audit = auditOf(caller, 'job.definition.retire', `job/${job.name}`, { id: job.id, reason });
  const versions = await ctx.store.jobRetire(job.id, reason, audit);
  if (versions.length === 0)
    throw new DroverError('job-version-state', { detail: `Every version of ${job.name} is retired already.` });
  return jobFetch(ctx, job.id);
}

/**
 * One that is retired: its number is given to no other, and runs of it keep what they ran. Throws `job-version-state` for others and for
 * the only one that the job has.
 */
export async function jobVersionRemove(
  ctx: Stored,
  caller: Caller,
  idOrName: string,
  choice: JobVersionChoice,
  { reason }: Pick<Deed, 'reason'>,
): Promise<void> {
  assertCan(caller, 'job.definition.remove');
  const job = await jobFetch(ctx, idOrName);
  const version = numberOf(job, choice);
  const audit = auditOf(caller, 'job.definition.remove', `job/${job.name}`, { id: job.id, version, reason });
  const answer = await ctx.store.jobVersionRemove(job.id, version, audit);
  switch (answer.kind) {
    case 'removed':
      return;
    case 'not-found':
      throw noVersion(job, version);
    case 'only':
      throw new DroverError('job-version-state', {
        detail: `Version ${version} is the only one of ${job.name}: remove the job (drover job remove ${job.name}).`,
      });
    case 'other-state':
      throw notRetired(job.name, version, answer.state);
  }
}

/** With every version, which are all retired. Throws `job-version-state`, `job-has-runs`. */
export async function jobRemove(
  ctx: Stored,
  caller: Caller,
  idOrName: string,
  { reason }: Pick<Deed, 'reason'>,
): Promise<void> {
  assertCan(caller, 'job.definition.remove');
  const job = await jobFetch(ctx, idOrName);
  const audit = auditOf(caller, 'job.definition.remove', `job/${job.name}`, { id: job.id, reason });
  const answer = await ctx.store.jobRemove(job.id, audit);
  switch (answer.kind) {
    case 'removed':
      return;
    case 'not-found':
      throw new DroverError('job-not-found', { detail: `There is no job ${idOrName} any more.` });
    case 'other-state':
      throw notRetired(job.name, answer.version, answer.state);
    case 'has-runs':
      throw new DroverError('job-has-runs', {
        detail:
          `Runs of ${job.name} are on record, and another job of that name would have versions of the same numbers. Its retired ` +
          `versions can be removed: drover job remove ${job.name} --job-version N.`,
      });
  }
}

function notRetired(name: string, version: number, state: JobVersionState): DroverError {
  return new DroverError('job-version-state', {
    detail: `Version ${version} of ${name} is ${state}, and only what is retired is removed. See: drover job retire ${name}.`,
  });
}

async function versionMove(
  ctx: Stored,
  caller: Caller,
  asked: {
    readonly idOrName: string;
    readonly version: JobVersionChoice;
    readonly to: 'published' | 'retired';
    readonly permission: 'job.definition.publish' | 'job.definition.retire';
  },
  { reason, seen }: Deed,
): Promise<JobVersionRecord> {
  assertCan(caller, asked.permission);
  const job = await jobFetch(ctx, asked.idOrName);
  const version = numberOf(job, asked.version);
  const audit = auditOf(caller, asked.permission, `job/${job.name}`, { id: job.id, version, reason });
  const answer = await ctx.store.jobVersionMove(job.id, version, asked.to, { reason, ...given({ seen }) }, audit);
  switch (answer.kind) {
    case 'moved':
      return answer.version;
    case 'not-found':
      throw noVersion(job, version);
    case 'other-text':
      throw changed(`The text of version ${version} of ${job.name} is not the one with the digest ${seen}.`);
    case 'other-state':
      throw new DroverError('job-version-state', {
        detail: `Version ${version} of ${job.name} is ${answer.state}, so it is not ${asked.to} now.`,
      });
  }
}

/** Throws with every fault of the text at once. */
function readJob(text: string): JobDefinition {
  const parsed = parseJob(text);
  if (parsed.ok) return parsed.definition;
  const faults = parsed.faults.map(
    ({ line, column, code, detail }): InputFault => ({
      pointer: '#/definition',
      code,
      detail: `line ${line}, column ${column}: ${detail}`,
    }),
  );
  const more = parsed.faultCount - faults.length;
  throw new DroverError(faults.length === 1 ? faults[0]!.code : 'bad-input', {
    detail: `${faults.map(({ detail }) => detail).join(' ')}${more > 0 ? ` And ${more} more.` : ''}`,
    faults,
  });
}

function cardOf({ description, owner, team, tags }: JobDefinition): JobCard {
  return { ...given({ description, owner, team }), tags: [...new Set(tags ?? [])] };
}

/** For other verbs, which ask for their own permission. Throws `job-not-found`. */
async function jobFetch(ctx: Stored, idOrName: string): Promise<JobRecord> {
  const job = await ctx.store.jobFetch(idOrName);
  if (!job) throw new DroverError('job-not-found', { detail: `There is no job ${idOrName}. See: drover job list.` });
  return job;
}

async function versionFetch(ctx: Stored, job: JobRecord, choice: JobVersionChoice): Promise<JobVersionText> {
  const version = await ctx.store.jobVersionFetch(job.id, choice);
  if (!version) throw noVersion(job, choice);
  return version;
}

function numberOf(job: JobRecord, choice: JobVersionChoice): number {
  const number =
    choice === 'latest'
      ? job.publishedVersion
      : choice === 'draft'
        ? job.draftVersion
        : choice === 'last'
          ? job.lastVersion
          : choice;
  if (number === undefined) throw noVersion(job, choice);
  return number;
}

function noVersion({ name, lastVersion, draftVersion }: JobRecord, choice: JobVersionChoice): DroverError {
  const what = choice === 'latest' ? 'no published version' : choice === 'draft' ? 'no draft' : `no version ${choice}`;
  // What is applied runs only once it is published: whoever wants to run it is told how.
  const next =
    choice !== 'latest'
      ? ''
      : draftVersion === undefined
        ? ' What is retired runs no more: apply it anew.'
        : ` Publish it: drover job publish ${name}.`;
  return new DroverError('job-version-not-found', {
    detail: `${name} has ${what}; its last is ${lastVersion}.${next} See: drover job versions ${name}.`,
  });
}

function changed(detail: string): DroverError {
  return new DroverError('job-changed', { detail: `${detail} Look at it again, then repeat.` });
}
