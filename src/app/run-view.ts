/** Runs as people look at them: lists, one whole, its timeline, its executions and what they said. */
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { attemptId, type AttemptKey, type RunId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { ExecutionRecord } from '../store/contract/execution.ts';
import type { OutputGroup } from '../store/contract/output.ts';
import type { OutputValuesFilter, OutputValuesRecord } from '../store/contract/output-value.ts';
import type { Page } from '../store/contract/page.ts';
import type { RunRecord } from '../store/contract/run.ts';
import type { Store } from '../store/contract/store.ts';
import type { TimelineEntry } from '../store/contract/timeline.ts';
import { assertCan, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { hostOf } from '../domain/run/subject.ts';

/** What a page has of values at most, but for its last line. */
const VALUES_PAGE_BYTES = 1024 * 1024;

type StoreContext = Pick<AppContext, 'store'>;

export interface ExecutionPlaceInput {
  readonly runId: string;
  readonly task: number;
  readonly ordinal: number;
}

/** Newest first. */
export function runList(
  ctx: AppContext,
  caller: Caller,
  filter: Parameters<Store['runList']>[1],
  page: Parameters<Store['runList']>[2],
): Promise<Page<RunRecord>> {
  return ctx.store.runList(scopeOf(caller, 'job.run.view'), filter, page);
}

/** Throws `run-not-found`, as all here do. */
export async function runShow(ctx: StoreContext, caller: Caller, id: string): Promise<RunRecord> {
  assertCan(caller, 'job.run.view');
  const run = await ctx.store.runFetch(id as RunId);
  if (!run) throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
  return run;
}

/** The same without its tasks and its plan. */
export function runHeadShow(ctx: StoreContext, caller: Caller, id: string): Promise<RunRecord> {
  assertCan(caller, 'job.run.view');
  return runHead(ctx, id);
}

/** Without its tasks: for all that only wants the run. Also for the answer to a request that was carried out before. */
export async function runHead(ctx: StoreContext, id: string): Promise<RunRecord> {
  const run = await ctx.store.runHead(id as RunId);
  if (!run) throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
  return run;
}

export async function timelineList(
  ctx: AppContext,
  caller: Caller,
  id: string,
  page: Parameters<Store['timelineList']>[1],
): Promise<readonly TimelineEntry[]> {
  const run = await runHeadShow(ctx, caller, id);
  return ctx.store.timelineList(run.id, page);
}

export async function executionList(
  ctx: AppContext,
  caller: Caller,
  id: string,
  filter: Parameters<Store['executionList']>[1],
  page: Parameters<Store['executionList']>[2],
): Promise<Page<ExecutionRecord>> {
  const run = await runHeadShow(ctx, caller, id);
  return ctx.store.executionList(run.id, filter, page);
}

/** With its earlier attempts. */
export async function executionShow(
  ctx: AppContext,
  caller: Caller,
  at: ExecutionPlaceInput,
): Promise<{ readonly execution: ExecutionRecord; readonly history: readonly ExecutionRecord[] }> {
  assertCan(caller, 'job.run.view');
  const execution = await executionFetch(ctx, at);
  return { execution, history: await ctx.store.executionHistory(execution) };
}

/** The execution as it stood at an attempt: the last one, or one before. Throws `output-not-available` for one that was not. */
export async function outputOwner(
  ctx: AppContext,
  caller: Caller,
  at: ExecutionPlaceInput,
  attempt: number | undefined,
): Promise<ExecutionRecord> {
  assertCan(caller, 'job.output.view');
  const current = await executionFetch(ctx, at);
  if (attempt === undefined || attempt === current.attempt) return current;
  const past = (await ctx.store.executionHistory(current)).find((execution) => execution.attempt === attempt);
  if (!past)
    throw new DroverError('output-not-available', { detail: `There is no attempt ${attempt} of this execution.` });
  return past;
}

/** A range of the whole output, from the host itself. */
export function hostOutputRead(
  ctx: { readonly fleet: Pick<Fleet, 'fetchOutput'> },
  caller: Caller,
  execution: ExecutionRecord,
  stream: 1 | 2,
  range: { readonly offset: number; readonly length: number },
): ReturnType<Fleet['fetchOutput']> {
  assertCan(caller, 'job.output.view');
  return ctx.fleet.fetchOutput(
    {
      attempt: attemptId(execution),
      ...given({ hostId: hostOf(execution.subject)?.id, executor: execution.route?.executor }),
    },
    stream,
    range.offset,
    Math.min(range.length, limits.outputFetchBytesMax),
  );
}

/** Kept output, at most `limits.outputReadBytes` of it; undefined when it has not arrived, or is no longer kept. */
export function keptOutputRead(
  ctx: StoreContext,
  caller: Caller,
  attempt: AttemptKey,
  stream: 1 | 2,
  range: { readonly offset: number; readonly length: number },
): Promise<Uint8Array | undefined> {
  assertCan(caller, 'job.output.view');
  return ctx.store.outputRead(attempt, stream, range.offset, Math.min(limits.outputReadBytes, range.length));
}

/** Executions that ended alike with the same output, folded. */
export async function outputGroups(
  ctx: AppContext,
  caller: Caller,
  id: string,
  options: Parameters<Store['outputGroups']>[1],
): Promise<readonly OutputGroup[]> {
  assertCan(caller, 'job.output.view');
  const run = await runHead(ctx, id);
  return ctx.store.outputGroups(run.id, options);
}

/** Of executions that told some; a page ends where it is large. */
export async function outputValuesList(
  ctx: AppContext,
  caller: Caller,
  id: string,
  filter: OutputValuesFilter,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<Page<OutputValuesRecord>> {
  assertCan(caller, 'job.output.view');
  const run = await runHead(ctx, id);
  return ctx.store.outputValuesList(run.id, filter, { ...page, bytesMax: VALUES_PAGE_BYTES });
}

async function executionFetch(ctx: StoreContext, at: ExecutionPlaceInput): Promise<ExecutionRecord> {
  const execution = await ctx.store.executionFetch({ ...at, runId: at.runId as RunId });
  if (!execution)
    throw new DroverError('run-not-found', {
      detail: `There is no execution ${at.task}/${at.ordinal} in run ${at.runId}.`,
    });
  return execution;
}
