/** What a watcher is told of a run: all of it, however much happens in one commit, and of what is dropped how much. */
import { hostSubject } from '../../src/domain/run/subject.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closedAt } from '../../src/app/event-place.ts';
import { RunEventHub } from '../../src/app/run-events.ts';
import type { DurableEvent } from '../../src/app/run-feed.ts';
import { systemClock } from '../../src/base/clock.ts';
import { attemptId, newId, newRunId, type HostId, type RunId } from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { silentLog } from '../../src/base/log.ts';
import type { LiveOutput } from '../../src/fleet/fleet.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { plainSpec } from '../support/run-spec.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';

/** More than anything between owner and watcher takes at once. */
const HOSTS = 20_500;
const ENTRIES = 1_500;

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await testDatabase();
  store = await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

async function newRun(): Promise<RunId> {
  const id = newRunId(systemClock.nowMs());
  const actor = { kind: 'token', id: 't', name: 'tester' } as const;
  await store.runCreate(
    {
      id,
      partition: partitionOf(id),
      name: 'n',
      reason: '',
      createdBy: actor,
      targetExpression: 'all',
      ...oneTask(plainSpec(), [hostSubject(newId<'host'>() as HostId, 'h')]),
    },
    { actor, action: 'test', target: 'test', detail: {} },
  );
  return id;
}

type Heard = DurableEvent | { kind: 'output'; output: LiveOutput; hostName?: string } | { kind: 'end' };

async function told(hub: RunEventHub, id: RunId, output: boolean, onEvent: (event: Heard) => void): Promise<void> {
  const { signal } = new AbortController();
  for await (const some of hub.subscribe((await store.runFetch(id))!, closedAt(0), { output, signal })) {
    if (some.kind === 'events') some.events.forEach(onEvent);
    else if (some.kind === 'output') for (const piece of some.outputs) onEvent({ kind: 'output', ...piece });
    else onEvent({ kind: 'end' });
  }
}

describe('a watcher', () => {
  it('is told of every execution and every entry of the timeline, however many are of one commit', async () => {
    const id = await newRun();
    await database.query(
      `INSERT INTO execution (run_id, task, ordinal, host_id, host_name, state, finished_at_ms, reason, seq)
       SELECT $1, 0, n, gen_random_uuid(), 'h' || n, 'cancelled', 1, 'cancelled-by-user', 2 FROM generate_series(1, $2::int) AS n`,
      [id, HOSTS - 1],
    );
    await database.query(
      `INSERT INTO run_event SELECT $1, 2 + n / 3, 'kind-' || n % 3, n, '{}', n % 3 FROM generate_series(1, $2::int) AS n`,
      [id, ENTRIES],
    );
    await database.query("UPDATE run SET state = 'cancelled', finished_at_ms = 1, seq = $2 WHERE id = $1", [
      id,
      2 + ENTRIES,
    ]);
    const hub = new RunEventHub({
      store,
      clock: systemClock,
      onProgress: () => () => undefined,
      watchOutput: () => () => undefined,
    });
    const [ordinals, entries, kinds] = [new Set<number>(), new Set<string>(), new Set<string>()];
    await told(hub, id, false, (event) => {
      kinds.add(event.kind);
      if (event.kind === 'execution') ordinals.add(event.execution.ordinal);
      if (event.kind === 'timeline') entries.add(`${event.entry.seq} ${event.entry.kind}`);
    });
    expect([ordinals.size, entries.size]).toEqual([HOSTS, ENTRIES + 1]);
    expect([...kinds]).toEqual(['timeline', 'execution', 'run', 'end']);
  });

  it('hears also what executions say that come while it watches: of later steps, and further attempts', async () => {
    const id = await newRun();
    const watched: string[] = [];
    const stopped: number[] = [];
    const flows: ((output: LiveOutput) => void)[] = [];
    let progress = (): void => undefined;
    const hub = new RunEventHub({
      store,
      clock: systemClock,
      onProgress: (_, callback) => {
        progress = callback;
        return () => undefined;
      },
      watchOutput: (attempts, onOutput) => {
        watched.push(attempts.map(({ attempt }) => attempt.slice(id.length + 1)).join(' '));
        const at = flows.push(onOutput) - 1;
        return () => void stopped.push(at);
      },
    });
    const outputs: string[] = [];
    await told(hub, id, true, (event) => {
      if (event.kind === 'execution' && event.execution.task === 0 && watched.length === 1)
        void database
          .query(
            `INSERT INTO execution (run_id, task, ordinal, host_id, host_name, state, seq)
             VALUES ($1, 1, 0, gen_random_uuid(), 'later', 'waiting', 2)`,
            [id],
          )
          .then(() => database.query('UPDATE run SET seq = 2 WHERE id = $1', [id]))
          .then(() => progress());
      if (event.kind === 'execution' && event.execution.task === 1 && event.execution.state === 'waiting') {
        const attempt = attemptId({ runId: id, task: 1, ordinal: 0, attempt: 1 });
        flows[1]!({ attempt, stream: 1, offset: 0, bytes: Buffer.from('hello'), skipped: 0 });
      }
      if (event.kind !== 'output') return;
      outputs.push(`${event.hostName}: ${Buffer.from(event.output.bytes).toString()}`);
      void database
        .query("UPDATE run SET state = 'cancelled', finished_at_ms = 1, seq = 3 WHERE id = $1", [id])
        .then(() => progress());
    });
    expect([watched, outputs, stopped]).toEqual([['0.0.1', '1.0.1'], ['later: hello'], [0, 1]]);
  });

  it('that does not keep up is told how much of each stream it has missed, also where nothing comes after', async () => {
    const id = await newRun();
    const piece = (ordinal: number, offset: number, size: number): LiveOutput => ({
      attempt: attemptId({ runId: id, task: 0, ordinal, attempt: 1 }),
      stream: 1,
      offset,
      bytes: Buffer.alloc(size),
      skipped: 0,
    });
    let flow = (_: LiveOutput): void => undefined;
    const hub = new RunEventHub({
      store,
      clock: systemClock,
      onProgress: () => () => undefined,
      watchOutput: (_, onOutput) => {
        flow = onOutput;
        return () => undefined;
      },
    });
    const place = (ordinal: number) => ({ attempt: piece(ordinal, 0, 0).attempt, hostId: newId<'host'>() as HostId });
    hub.expectWatcher(id, [
      { ...place(0), hostName: 'h0' },
      { ...place(1), hostName: 'h1' },
    ]);
    // The first host says little and is pushed out by the second, which says more than is held.
    flow(piece(0, 0, 1_000));
    flow(piece(1, 0, 200_000));
    flow(piece(1, 200_000, 200_000));
    await database.query("UPDATE run SET state = 'skipped', finished_at_ms = 1 WHERE id = $1", [id]);
    const heard: unknown[] = [];
    await told(hub, id, true, (event) => {
      if (event.kind === 'output')
        heard.push([event.hostName, event.output.offset, event.output.bytes.length, event.output.skipped]);
    });
    expect(heard).toEqual([
      ['h1', 200_000, 200_000, 200_000],
      ['h0', 1_000, 0, 1_000],
    ]);
  });
});
