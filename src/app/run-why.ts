/**
 * Why what waits of a run does so, as hosts and workers are now, and by what the workers of tasks without hosts that went out were
 * chosen.
 */
import { given } from '../base/given.ts';
import { tasksOf } from '../domain/run/plan.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { hostWaitsBecause, type WaysToHosts } from './host-waits.ts';
import { runShow } from './run-view.ts';

/** Each list has the first so many. */
const TOLD_MAX = 100;
const TIMELINE_READ = 1_000;

export interface RunWhy {
  readonly waiting: readonly {
    readonly task: number;
    readonly step?: string;
    /** Workers that would take it now, and in words by what the others would not. */
    readonly workers: number;
    readonly why: string;
  }[];
  readonly hosts: readonly {
    readonly task: number;
    readonly step?: string;
    readonly host: string;
    readonly why: string;
  }[];
  readonly chosen: readonly {
    readonly task: number;
    readonly step?: string;
    readonly worker: string;
    readonly considered: number;
    readonly scores?: Readonly<Record<string, number>>;
  }[];
}

/** Throws `run-not-found`. */
export async function runWhy(
  ctx: AppContext & { readonly fleet: Pick<Fleet, 'workersFor'> & WaysToHosts },
  caller: Caller,
  id: string,
): Promise<RunWhy> {
  const run = await runShow(ctx, caller, id);
  const { plan, job, tasks = [] } = run;
  const names = new Map(plan && job ? tasksOf(plan).map(({ task, name }) => [task, name]) : []);
  const { items } = await ctx.store.executionList(run.id, { states: ['waiting'] }, { limit: TIMELINE_READ });
  const waiting = items.flatMap(({ task, subject }) => {
    const choice = subject.kind === 'none' ? tasks[task]?.spec.placement.worker : undefined;
    if (!choice) return [];
    const { count: workers, why } = ctx.fleet.workersFor(choice);
    return [{ task, ...given({ step: names.get(task) }), workers, why }];
  });
  const isPaused = run.pausedBy !== undefined || run.state === 'paused';
  const hosts = items.flatMap(({ task, subject }) => {
    const placement = tasks[task]?.spec.placement;
    if (subject.kind !== 'host' || !placement) return [];
    const why = hostWaitsBecause(subject.id, placement.via, isPaused, ctx.fleet);
    return [{ task, ...given({ step: names.get(task) }), host: subject.name, why }];
  });
  const entries = await ctx.store.timelineList(run.id, { limit: TIMELINE_READ, afterSeq: 0 });
  const chosen = entries.flatMap(({ kind, detail }) =>
    kind === 'dispatched' ? ((detail.chosen ?? []) as readonly RunWhy['chosen'][number][]) : [],
  );
  return {
    waiting: waiting.slice(0, TOLD_MAX),
    hosts: hosts.slice(0, TOLD_MAX),
    chosen: chosen.slice(-TOLD_MAX).map((one) => ({ ...one, ...given({ step: names.get(one.task) }) })),
  };
}
