/** What the timeline of a run says of its approvals and waits: what is asked, who has answered, and what came of it. */
import { given } from '../base/given.ts';
import type { Run } from '../domain/run/run.ts';
import type { TaskWrite } from '../domain/run/run-write.ts';

/** Told in one entry, of which there is one of a kind in a write. */
const TOLD_MAX = 20;

export function tellGates(
  run: Run<unknown>,
  tasks: readonly TaskWrite[],
  entry: (kind: string, detail: Record<string, unknown>) => void,
): void {
  const names = new Map(
    run.plan.flatMap((stage) => stage.tasks.map(({ task, name }) => [task, `${stage.name}/${name}`] as const)),
  );
  const moved = tasks.flatMap(({ task, gate }) => {
    const before = run.writtenGate(task);
    return gate && gate !== before ? [{ step: names.get(task), gate, before, own: run.task(task)!.gate! }] : [];
  });
  const tell = (kind: string, name: string, all: readonly Record<string, unknown>[]): void => {
    if (all.length > 0) entry(kind, { [name]: all.slice(0, TOLD_MAX), count: all.length });
  };
  const begun = moved.filter(({ before }) => before === undefined);
  tell(
    'approval-asked',
    'asks',
    begun.flatMap(({ step, gate, own: { work } }) =>
      gate.message === undefined || work.kind !== 'approval'
        ? []
        : [{ step, message: gate.message, count: work.count, ...given({ by: work.by, untilMs: gate.dueMs }) }],
    ),
  );
  tell(
    'step-waits',
    'waits',
    begun.flatMap(({ step, gate, own: { work } }) =>
      gate.dueMs === undefined || work.kind !== 'wait' ? [] : [{ step, untilMs: gate.dueMs }],
    ),
  );
  tell(
    'approval-answered',
    'answers',
    moved.flatMap(({ step, before, own }) =>
      own.heardSince(before).map(({ isYes, by, reason }) => ({ step, yes: isYes, by: by.name, reason })),
    ),
  );
  tell(
    'approval-over',
    'ends',
    moved.flatMap(({ step, gate: { end, because } }) =>
      end === undefined || because === undefined ? [] : [{ step, end, because }],
    ),
  );
}
