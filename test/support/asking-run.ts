/** A run of a release that asks for an approval, or whose rollout asks, as its owner writes it: for tests of what is said of questions. */
import { given } from '../../src/base/given.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId, newRunId, type HostId, type RunId, type ServerId } from '../../src/base/ids.ts';
import { emptyCounts } from '../../src/domain/crew/execution-machine.ts';
import type { GatePosition } from '../../src/domain/gate/gate-position.ts';
import type { RolloutPosition } from '../../src/domain/rollout/position.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { hostSubject } from '../../src/domain/run/subject.ts';
import type { ApprovalWork } from '../../src/domain/work/approval.ts';
import type { CommitResult, TaskChange } from '../../src/store/contract/owner-commit.ts';
import type { Store } from '../../src/store/contract/store.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import type { TestDatabase } from './database.ts';
import { plainSpec } from './run-spec.ts';

export const APPROVAL: ApprovalWork = {
  kind: 'approval',
  message: 'Go?',
  count: 1,
  notByStarter: false,
  onTimeout: 'fail',
};
/** Tasks of the run, by their numbers. */
export const [APPROVE, RESTART] = [0, 1];

interface Rig {
  readonly store: Store;
  readonly database: Pick<TestDatabase, 'query'>;
  readonly audit: AuditEntry;
}

/** Steps release/approve, and release/restart over three hosts, one by one. */
export async function askingRun(
  { store, audit }: Rig,
  work: ApprovalWork = APPROVAL,
  job?: { readonly name: string; readonly version: number },
): Promise<RunId> {
  const id = newRunId(systemClock.nowMs());
  const hosts = [1, 2, 3].map((n) => hostSubject(newId<'host'>() as HostId, `web-${n}`));
  const batches = [{ kind: 'count', count: 1 }] as const;
  await store.runCreate(
    {
      id,
      partition: partitionOf(id),
      name: job?.name ?? 'release',
      reason: 'a reason',
      createdBy: audit.actor,
      targetExpression: '',
      plan: [
        {
          name: 'release',
          needs: [],
          join: 'all-succeeded',
          isFinally: false,
          tasks: [
            { task: APPROVE!, name: 'approve', needs: [], goesOn: false },
            { task: RESTART!, name: 'restart', needs: [], goesOn: false },
          ],
        },
      ],
      job: job ?? { name: 'release', version: 1 },
      tasks: [
        { spec: { ...plainSpec(), work }, subjects: 0, isFirst: true },
        {
          spec: plainSpec({ policy: { batches: [...batches], between: { kind: 'ask' } } }),
          subjects: 1,
          isFirst: true,
        },
      ],
      subjects: [[], hosts],
    },
    audit,
  );
  return id;
}

/** What its owner writes, once it has taken the partition. */
export async function written(
  { store, database }: Rig,
  id: RunId,
  change: Pick<TaskChange, 'task' | 'asks' | 'gate' | 'position'> & Partial<Pick<TaskChange, 'to'>>,
  { isFenced = false } = {},
): Promise<CommitResult> {
  const serverId = newId<'server'>() as ServerId;
  await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
  const partition = partitionOf(id);
  const [row] = await database.query('UPDATE partition SET owner = $2, term = term + 1 WHERE id = $1 RETURNING term', [
    partition,
    serverId,
  ]);
  const run = (await store.runFetch(id))!;
  const counts = { ...emptyCounts(), waiting: 3 };
  const own = run.tasks!.find(({ task }) => task === change.task)!;
  return store.ownerCommit({
    fence: { partition, serverId, term: Number(row!['term']) - (isFenced ? 1 : 0) },
    executions: [],
    runs: [{ runId: id, to: 'paused', counts, seq: run.seq + 1 }],
    tasks: [{ runId: id, to: 'paused', counts: own.counts, seq: run.seq + 1, ...change }],
    timeline: [],
  });
}

export function askingGate(
  sinceMs: number,
  more: Partial<GatePosition> = {},
): Pick<TaskChange, 'task' | 'asks' | 'gate'> {
  const gate: GatePosition = { phase: 'asking', sinceMs, message: 'Go?', heard: 0, ...more };
  return { task: APPROVE!, gate, ...given({ asks: gate.heard === 0 ? { turn: sinceMs, atMs: sinceMs } : undefined }) };
}

export function askingRollout(turn: number, batch: number): Pick<TaskChange, 'task' | 'asks' | 'position'> {
  const position: RolloutPosition = {
    batch,
    phase: 'asking',
    why: 'between',
    sinceMs: 8,
    turn,
    failedBefore: 0,
    accepted: 0,
  };
  return { task: RESTART!, position, asks: { turn, atMs: 8 } };
}
