/** A run as its owner holds it in memory, with what waits to be written and answered for it. */
import { isUninstall } from '../app/agent-install.ts';
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import type { AttemptId } from '../base/ids.ts';
import type { Now } from '../domain/crew/crew.ts';
import type { Permission } from '../domain/access/permission.ts';
import type { ApprovalAnswer } from '../domain/gate/approval.ts';
import { Run } from '../domain/run/run.ts';
import type { SeedRun } from '../domain/run/run-write.ts';
import { tasksOf } from '../domain/run/plan.ts';
import type { RolloutAnswer, SeedTask } from '../domain/run/run-task.ts';
import type { StepSkip } from '../domain/run/step-skip.ts';
import { outputIn } from '../domain/run/step-outputs.ts';
import { filledWork } from '../domain/run/work-fills.ts';
import { isGate, type Work } from '../domain/work/work.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { LateReportChange, RunSeed, TaskSeed } from '../store/contract/owner-commit.ts';
import type { NewRun } from '../store/contract/run.ts';
import type { Store } from '../store/contract/store.ts';
import type { TimelineEntry } from '../store/contract/timeline.ts';
import { AgentAbsence } from './agent-absence.ts';
import type { ReportedStream } from './attempt-report.ts';
import type { Ack } from './ack.ts';
import type { OrderSpecs, RunOrderSpecs } from './order-specs.ts';
import { neverReached, unreachedBecause, type KnownOfHosts } from './route.ts';

export interface HeldRun {
  readonly run: Run<ReportedStream>;
  /** Whoever has begun it, as an id: workers share their room among callers. */
  readonly caller: string;
  /** What executors of each task are given. */
  readonly orderSpecs: RunOrderSpecs;
  /** Hosts on which it succeeds have no agent any more. */
  readonly uninstalls: boolean;
  /** One for an attempt, however often it is told: to the worker by which it came last. */
  acks: Map<AttemptId, Ack>;
  /** Reports of superseded attempts, the last of each: recorded beside them with the next commit, and acknowledged after it. */
  late: Map<AttemptId, Omit<LateReportChange, 'seq'>>;
  timeline: Omit<TimelineEntry, 'seq' | 'runId'>[];
  /** Nothing of the present round has been sent yet. */
  firstStart: boolean;
  /** Answers to its rollouts that were there when it was read last. */
  answersRead: number;
}

export interface HeldRunContext {
  readonly store: Pick<Store, 'hostsWithoutAgent'>;
  readonly clock: Clock;
  readonly specs: OrderSpecs;
  readonly fleet: Fleet;
  /** How late after its deadline a host is asked, other than by the limits. */
  readonly guardMs?: number;
}

type HeldFrom = SeedRun & {
  readonly name: string;
  readonly createdBy: { readonly id: string };
  readonly startedAtMs?: number;
  readonly permission?: Permission;
  /** How long ago the present round began, by the clock that all servers share. */
  readonly roundAgeMs: number;
  readonly resumedAtMs?: number;
};

export function heldRunOf(
  { store, clock, specs, fleet, guardMs }: HeldRunContext,
  { roundAgeMs, resumedAtMs, ...from }: HeldFrom,
  { tasks, executions }: Omit<RunSeed, 'run'>,
): HeldRun {
  const nowMs = clock.nowMs();
  const ofTask = Map.groupBy(executions, ({ task }) => task);
  const seeds = tasks.map(
    ({
      task,
      spec: { work, policy, placement },
      state,
      subjects,
      openedAtMs,
      position,
      told,
      outputs,
      decision,
      gate,
      skip,
      approvals = [],
    }): SeedTask => {
      const ageMs = from.plan === undefined ? roundAgeMs : openedAtMs === undefined ? 0 : nowMs - openedAtMs;
      // Hosts are waited for since the run, or their batch, has gone on.
      const begunMs = Math.max(resumedAtMs ?? 0, position?.sinceMs ?? 0);
      const openedAgeMs = begunMs === 0 ? ageMs : Math.min(ageMs, nowMs - begunMs);
      const of = {
        task,
        terms: { policy, placement },
        state,
        subjects,
        openedAgeMs,
        ...given({ position, told, outputs, decision, skip }),
        ...given({ gate: isGate(work) ? { work, answers: approvals, ...given({ position: gate }) } : undefined }),
      };
      return { ...of, executions: ofTask.get(task) ?? [] };
    },
  );
  const run = new Run<ReportedStream>(
    from,
    seeds,
    clock.monotonicMs(),
    waysOf({ store, fleet, ...given({ guardMs }) }),
  );
  const [{ spec: first }] = tasks as [TaskSeed];
  const held: HeldRun = {
    run,
    caller: from.createdBy.id,
    uninstalls: isUninstall({ ...given({ permission: from.permission }), work: first.work }),
    acks: new Map(),
    late: new Map(),
    timeline: [],
    firstStart: from.startedAtMs === undefined || from.round > 1,
    answersRead: 0,
    orderSpecs: specs.ofRun(
      { id: from.id, name: from.name },
      tasks.map(({ task, spec, sealedSecrets }) => ({ task, source: { ...spec, ...given({ sealedSecrets }) } })),
      fillsOf(run),
    ),
  };
  hearAnswers(held, tasks, { at: clock.monotonicMs(), ms: nowMs });
  return held;
}

/** What somebody has said to its rollouts and approvals, where those answers count that are to what is asked now; and what they skip. */
export function hearAnswers(
  { run, timeline }: HeldRun,
  tasks: readonly {
    readonly task: number;
    readonly answer?: RolloutAnswer;
    readonly approvals?: readonly ApprovalAnswer[];
    readonly skip?: StepSkip;
  }[],
  now: Now,
): void {
  for (const { task, answer, approvals, skip } of tasks) {
    if (skip) run.skip(task, skip, now.at);
    if (approvals) run.task(task)?.gate?.hear(approvals);
    if (!answer || !run.answered(task, answer, now)) continue;
    const step = tasksOf(run.plan).find((one) => one.task === task)?.name;
    const { goesOn, by, reason } = answer;
    timeline.push({ kind: 'answered', atMs: now.ms, detail: { step, goesOn, by, ...given({ reason }) } });
  }
}

/** In a scope of its own: what is kept with a run holds nothing of what it was read from. */
function waysOf({ store, fleet, guardMs }: Pick<HeldRunContext, 'store' | 'fleet' | 'guardMs'>): RunWays {
  // For the few runs that have a host without a way.
  let absence: AgentAbsence | undefined;
  const known: KnownOfHosts = {
    fleet,
    lookedBefore: fleet.accessLooks().begun,
    hasNoAgent: (hostId) => (absence ??= new AgentAbsence(store)).of(hostId),
  };
  return {
    ...given({ guardMs }),
    unreached: ({ subject }, { placement }) => unreachedBecause(subject, placement, fleet),
    never: ({ subject }, { placement }) => neverReached(subject, placement, known),
  };
}
type RunWays = ConstructorParameters<typeof Run<ReportedStream>>[3];
/**
 * By task, of those in whose work stand outputs of others. These are there when its orders are made: it has its turn after they have
 * succeeded.
 */
function fillsOf(run: Run<ReportedStream>): ReadonlyMap<number, (work: Work) => Work> {
  return new Map(
    tasksOf(run.plan).flatMap(({ task, fills }) =>
      fills
        ? [
            [
              task,
              (work: Work) =>
                isGate(work)
                  ? work
                  : filledWork(work, fills, (ref) => outputIn(run.task(ref.task)?.outputs, ref.output)),
            ] as const,
          ]
        : [],
    ),
  );
}

/** A run that nobody has written yet. */
export function newHeldRun(context: HeldRunContext, run: NewRun): HeldRun {
  const { id, name, createdBy, plan, tasks, subjects, permission } = run;
  return heldRunOf(
    context,
    { id, name, createdBy, state: 'created', round: 1, seq: 1, roundAgeMs: 0, ...given({ permission, plan }) },
    {
      tasks: tasks.map(({ spec, sealedSecrets, subjects: list }, task) => ({
        task,
        spec,
        state: 'created',
        subjects: subjects[list]!,
        ...given({ sealedSecrets }),
      })),
      executions: [],
    },
  );
}
