/** A run as its owner keeps it in memory, from what the store has of it. */
import type { Sealer } from '../app/context.ts';
import type { Clock } from '../base/clock.ts';
import { Run, type SeedRun } from '../domain/run/run.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { RunSeed } from '../store/contract/owner-commit.ts';
import { executionSpecOf, type ReportedStream } from './attempt-report.ts';
import type { OwnedRun } from './owned-partition.ts';
import { unreachedBecause } from './route.ts';

export interface OwnedRunContext {
  readonly clock: Clock;
  readonly sealer: Sealer;
  readonly fleet: Fleet;
  /** How late after its deadline a host is asked, other than by the limits. */
  readonly guardMs?: number;
}

export function ownedRunOf(
  { clock, sealer, fleet, guardMs }: OwnedRunContext,
  from: SeedRun & { readonly name: string; readonly startedAtMs?: number },
  { spec, sealedSecrets, executions }: Omit<RunSeed, 'run'>,
): OwnedRun {
  const actor = new Run<ReportedStream>(from, spec, executions, clock.monotonicMs(), {
    ...(guardMs === undefined ? {} : { guardMs }),
    unreached: ({ hostId }) => unreachedBecause(hostId, spec.placement, fleet),
  });
  let bytes: Uint8Array | undefined;
  return {
    actor,
    acks: [],
    late: [],
    timeline: [],
    idleSince: clock.monotonicMs(),
    firstStart: from.startedAtMs === undefined || from.round > 1,
    specBytes: () => (bytes ??= executionSpecOf(from, spec, sealedSecrets, sealer)),
  };
}
