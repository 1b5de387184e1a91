/** A run as its owner holds it in memory, with what waits to be written and answered for it. */
import { isUninstall } from '../app/agent-install.ts';
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import type { AttemptId } from '../base/ids.ts';
import type { Permission } from '../domain/access/permission.ts';
import { firstAttempts } from '../domain/crew/execution.ts';
import { Run, type SeedRun } from '../domain/run/run.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { LateReportChange, RunSeed } from '../store/contract/owner-commit.ts';
import type { NewRun } from '../store/contract/run.ts';
import type { TimelineEntry } from '../store/contract/timeline.ts';
import type { ReportedStream } from './attempt-report.ts';
import type { Ack } from './ack.ts';
import type { OrderSpec, OrderSpecs } from './order-specs.ts';
import { neverReached, unreachedBecause } from './route.ts';

export interface HeldRun {
  readonly run: Run<ReportedStream>;
  /** What its executors are given, the same for all. */
  readonly orderSpec: OrderSpec;
  /** Hosts on which it succeeds have no agent any more. */
  readonly uninstalls: boolean;
  /** One for an attempt, however often it is told: to the worker by which it came last. */
  acks: Map<AttemptId, Ack>;
  /** Reports of superseded attempts, the last of each: recorded beside them with the next commit, and acknowledged after it. */
  late: Map<AttemptId, Omit<LateReportChange, 'seq'>>;
  timeline: Omit<TimelineEntry, 'seq' | 'runId'>[];
  /** Nothing of the present round has been sent yet. */
  firstStart: boolean;
}

export interface HeldRunContext {
  readonly clock: Clock;
  readonly specs: OrderSpecs;
  readonly fleet: Fleet;
  /** How late after its deadline a host is asked, other than by the limits. */
  readonly guardMs?: number;
}

export function heldRunOf(
  { clock, specs, fleet, guardMs }: HeldRunContext,
  from: SeedRun & { readonly name: string; readonly startedAtMs?: number; readonly permission?: Permission },
  { spec, sealedSecrets, executions }: Omit<RunSeed, 'run'>,
): HeldRun {
  // What is held on to below is the placement: the whole of the spec would be held with it.
  const { placement } = spec;
  const lookedBefore = fleet.accessLooks().begun;
  const run = new Run<ReportedStream>(from, spec, executions, clock.monotonicMs(), {
    ...given({ guardMs }),
    unreached: ({ subject }) => unreachedBecause(subject.id, placement, fleet),
    never: ({ subject }) => neverReached(subject.id, placement, fleet, lookedBefore),
  });
  return {
    run,
    uninstalls: isUninstall({ ...given({ permission: from.permission }), work: spec.work }),
    acks: new Map(),
    late: new Map(),
    timeline: [],
    firstStart: from.startedAtMs === undefined || from.round > 1,
    orderSpec: specs.of({ id: from.id, name: from.name }, { ...spec, ...given({ sealedSecrets }) }),
  };
}

/** A run that nobody has written yet. */
export function newHeldRun(context: HeldRunContext, run: NewRun): HeldRun {
  const { id, name, spec, sealedSecrets, targets, permission } = run;
  return heldRunOf(
    context,
    { id, name, state: 'created', round: 1, seq: 1, roundAgeMs: 0, ...given({ permission }) },
    { spec, executions: firstAttempts(targets), ...given({ sealedSecrets }) },
  );
}
