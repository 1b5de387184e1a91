/**
 * Makes notices of the ends of runs: who is told by the rules, and what. It reads, decides, and writes in one transaction
 * that takes the ends away; killed anywhere before that, it has done nothing, and whoever comes next does it all.
 */
import { given } from '../base/given.ts';
import type { RunId } from '../base/ids.ts';
import { EVERYTHING } from '../domain/access/access-node.ts';
import type { RunState } from '../domain/flow/run-machine.ts';
import type { NoticeFacts, NoticeFailure, UnmetOutputs } from '../domain/notice/notice-facts.ts';
import { plainLines } from '../domain/notice/plain-lines.ts';
import { noticesOf, ruleFits } from '../domain/notice/subscription.ts';
import { tasksOf } from '../domain/run/plan.ts';
import type { EndedRun, EndedRunContext, NewNotice } from '../store/contract/notice.ts';
import type { OutputGroup } from '../store/contract/output.ts';
import type { Store } from '../store/contract/store.ts';

type Reading = Pick<
  Store,
  'endedRuns' | 'endedRunContexts' | 'noticeRuleList' | 'noticesMake' | 'outputGroups' | 'outputRead' | 'runFetch'
>;

const ENDS_AT_ONCE = 100;

/** Answers whether there may be more. */
export async function noticesMake(store: Reading): Promise<boolean> {
  const ended = await store.endedRuns(ENDS_AT_ONCE);
  if (ended.length === 0) return false;
  const rules = await store.noticeRuleList(EVERYTHING);
  const contexts = new Map(
    (await store.endedRunContexts([...new Set(ended.map(({ runId }) => runId))])).map((run) => [run.id, run]),
  );
  const notices: NewNotice[] = [];
  for (const end of ended) {
    const run = contexts.get(end.runId);
    // Of a run that is not kept any more there is nothing to tell.
    if (!run) continue;
    const fitting = rules.filter((rule) =>
      ruleFits(rule, given({ job: run.job?.name, owner: run.job?.owner, team: run.job?.team })),
    );
    const told = noticesOf([...run.notify, ...fitting], {
      state: end.state,
      counts: end.counts,
      ...given({ before: verdictBefore(run, end) }),
    });
    if (told.length === 0) continue;
    const failures = await failuresOf(store, run, end);
    const unmet = await unmetOf(store, run, end);
    for (const { channel, event } of told)
      notices.push({
        runId: end.runId,
        round: end.round,
        event,
        channel,
        group: run.job?.name ?? run.name,
        facts: factsOf(run, end, { failures, ...given({ unmet }) }, event),
      });
  }
  await store.noticesMake(ended, notices);
  return ended.length === ENDS_AT_ONCE;
}

/**
 * What the run was said to have come to before, in an earlier round or before a late truth; else what the run of its job
 * before it came to.
 */
function verdictBefore(
  { verdicts: [newest, older], verdictBefore: ofJob }: EndedRunContext,
  end: EndedRun,
): RunState | undefined {
  return (newest === end.state ? older : newest) ?? ofJob;
}

function factsOf(
  run: EndedRunContext,
  end: EndedRun,
  why: Pick<NoticeFacts, 'failures' | 'unmet'>,
  event: NoticeFacts['event'],
): NoticeFacts {
  return {
    event,
    run: { id: run.id, name: run.name, round: end.round, state: end.state },
    ...given({ job: run.job }),
    by: run.createdBy.name,
    reason: run.reason,
    begunAtMs: run.roundStartedAtMs,
    endedAtMs: end.atMs,
    counts: end.counts,
    ...why,
  };
}

const UNMET_TOLD = 3;

/** Why a run has failed of which nothing failed on any host. Undefined where that is not so, or it was begun anew meanwhile. */
async function unmetOf(
  store: Reading,
  { id, plan = [], round }: EndedRunContext,
  end: EndedRun,
): Promise<readonly UnmetOutputs[] | undefined> {
  const declaring = new Map(tasksOf(plan).flatMap(({ task, name, outputs }) => (outputs ? [[task, name]] : [])));
  if (end.state !== 'failed' || declaring.size === 0 || round !== end.round) return undefined;
  const { tasks = [] } = (await store.runFetch(id)) ?? {};
  const unmet = tasks.flatMap(({ task, outputs }) =>
    outputs?.fault === undefined ? [] : [{ step: declaring.get(task) ?? '', why: outputs.fault }],
  );
  return unmet.length > 0 ? unmet.slice(0, UNMET_TOLD) : undefined;
}

// — the first folded errors —

const FAILED_STATES = ['failed', 'timed_out', 'lost', 'not_started'] as const;
const [GROUPS_TOLD, HOSTS_TOLD, LINES_TOLD] = [3, 5, 5];
/** Of the end of an output; enough for the lines that are told. */
const TAIL_BYTES = 2_048;
const LINE_CHARACTERS_MAX = 300;

/** The most common first. None of a run that somebody has begun anew meanwhile: what is there is of the next round. */
async function failuresOf(store: Reading, run: EndedRunContext, end: EndedRun): Promise<readonly NoticeFailure[]> {
  if (run.round !== end.round || FAILED_STATES.every((state) => end.counts[state] === 0)) return [];
  const groups = await store.outputGroups(run.id, {
    hostsMax: HOSTS_TOLD,
    groupsMax: GROUPS_TOLD,
    states: FAILED_STATES,
  });
  const steps = new Map(tasksOf(run.plan ?? []).map(({ task, name }) => [task, name]));
  return Promise.all(
    groups.map(async (group) => {
      const { outcome, reason } = group;
      return {
        state: group.state,
        count: group.count,
        hosts: group.hosts,
        ...given({
          step: steps.get(group.sample.task),
          exitCode: outcome?.kind === 'exited' ? outcome.code : undefined,
          signal: outcome?.kind === 'signalled' ? outcome.signal : undefined,
          reason,
        }),
        lines: await lastLines(store, run.id, group),
      };
    }),
  );
}

/** Of standard error, else of standard output: the last ones that say something. */
async function lastLines(store: Reading, runId: RunId, group: OutputGroup): Promise<readonly string[]> {
  for (const [number, stream] of [
    [2, group.stderr],
    [1, group.stdout],
  ] as const) {
    const kept = stream.head + stream.tail;
    if (kept === 0) continue;
    const from = Math.max(0, kept - TAIL_BYTES);
    const bytes = await store.outputRead({ ...group.sample, runId }, number, from, TAIL_BYTES);
    const lines = linesOf(Buffer.from(bytes ?? []).toString(), from > 0);
    if (lines.length > 0) return lines;
  }
  return [];
}

function linesOf(text: string, isCut: boolean): string[] {
  return plainLines(isCut && text.includes('\n') ? text.slice(text.indexOf('\n') + 1) : text)
    .slice(-LINES_TOLD)
    .map((line) => (line.length > LINE_CHARACTERS_MAX ? `${[...line].slice(0, LINE_CHARACTERS_MAX).join('')}…` : line));
}
