/**
 * A server reduced to what leases are about, as a process that a test can stop: holds a lease, owns all partitions, and commits
 * without end and without ever asking whether it still is trusted, so that only the database's fence stands in its way.
 * Tells what happens as JSON lines: `{"ready":…}`, `{"committed":n}`, `{"fenced":n}`, `{"lost":true}`.
 */
import { hostSubject } from '../../src/domain/run/subject.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId, newRunId, type HostId, type ServerId } from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { silentLog } from '../../src/base/log.ts';
import { createLeaseKeeper } from '../../src/store/postgres/lease/lease-keeper.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testAuditKey } from './audit-key.ts';
import { plainSpec, scriptText } from './run-spec.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';

const [url, leaseText] = process.argv.slice(2) as [string, string];
const leaseMs = Number(leaseText);
const HOSTS = 20_000;
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const store = await createPostgresStore({
  url,
  clock: systemClock,
  log: silentLog,
  poolMax: 2,
  auditKey: testAuditKey,
});
const serverId = newId<'server'>() as ServerId;
const register = (): Promise<void> =>
  store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs });
await register();
const keeper = createLeaseKeeper({
  url,
  serverId,
  log: silentLog,
  leaseMs,
  renewMs: leaseMs / 10,
  marginMs: leaseMs / 4,
});
keeper.onLost = () => {
  say({ lost: true });
  void register();
};
await keeper.start();
const partitions = (await store.ownerLook(serverId)).partitions;

const runId = newRunId(systemClock.nowMs());
const actor = { kind: 'system', id: 'test', name: 'test' } as const;
const spec = plainSpec({
  work: scriptText('true'),
  policy: { timeoutMs: 1_000, startDeadlineMs: 1_000, lostAfterMs: 1_000 },
});
const targets = Array.from({ length: HOSTS }, (_, i) => hostSubject(newId<'host'>() as HostId, `h${i}`));
await store.runCreate(
  {
    id: runId,
    partition: partitionOf(runId),
    name: 'n',
    reason: '',
    createdBy: actor,
    targetExpression: 'all',
    ...oneTask(spec, targets),
  },
  { actor, action: 'test', target: 'test', detail: {} },
);
const fence = {
  partition: partitionOf(runId),
  serverId,
  term: partitions.find(({ id }) => id === partitionOf(runId))!.term,
};
say({ ready: true, runId, partition: fence.partition, term: fence.term });

for (let ordinal = 0; ordinal < HOSTS; ordinal++) {
  const change = {
    runId,
    task: 0,
    ordinal,
    attempt: 1,
    from: ['waiting'],
    to: 'running',
    startedAtMs: 1,
    seq: ordinal + 2,
  } as const;
  // A connection that was taken away while the process was stopped is no reason to leave off.
  const result = await store
    .ownerCommit({ fence, executions: [change], runs: [], timeline: [] })
    .catch(() => undefined);
  if (result) say(result.kind === 'fenced' ? { fenced: ordinal } : { committed: ordinal });
}
