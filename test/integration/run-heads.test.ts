/** Of a run of many steps, what only wants the run reads none of them: a page, a watcher's event, a retry with nothing to do. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { closedAt } from '../../src/app/event-place.ts';
import { RunFeed } from '../../src/app/run-feed.ts';
import { othersTurn } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import type { RunId } from '../../src/base/ids.ts';
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { testApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let token: string;
let id: RunId;
const TARGETS = `h0 or (${'h0, '.repeat(1_500)}h0)`;

async function ask(
  method: 'GET' | 'POST',
  url: string,
  payload?: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await api.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: { authorization: `Bearer ${token}` },
    ...given({ payload }),
  });
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
}

beforeAll(async () => {
  api = await testApi();
  token = await api.token('admin', 3_600_000);
  await ask('POST', '/hosts', { name: 'h0', address: '10.0.0.1' });
  const steps = Array.from({ length: 5 }, (_, i) => ({ step: `s${i}`, command: ['true'] }));
  await ask('POST', '/jobs', {
    definition: JSON.stringify({ job: 'j', targets: 'all', stages: [{ stage: 'a', steps }] }),
  });
  await ask('POST', '/jobs/j/versions/1/publish', {});
  const begun = await ask('POST', '/jobs/j/runs', { targets: TARGETS });
  expect(begun).toMatchObject({ status: 201 });
  id = begun.body['id'] as RunId;
});
afterAll(() => api.close());

/** What was asked of the store meanwhile, of the two that read every step. */
async function readsOf(deed: () => Promise<unknown>): Promise<string[]> {
  const fetches = vi.spyOn(api.store, 'runFetch');
  const seeds = vi.spyOn(api.store, 'runSeed');
  try {
    await deed();
    return [...fetches.mock.calls.map(() => 'runFetch'), ...seeds.mock.calls.map(() => 'runSeed')];
  } finally {
    fetches.mockRestore();
    seeds.mockRestore();
  }
}

it('is listed without its plan, and with the beginning of a long expression', async () => {
  const { items } = await api.store.runList(EVERYTHING, {}, { limit: 10 });
  const [run] = items;
  expect(run).toMatchObject({ id, job: { name: 'j' } });
  expect([run!.plan, run!.tasks]).toEqual([undefined, undefined]);
  expect(run!.targetExpression).toBe(`${TARGETS.slice(0, 2_000)}… (${TARGETS.length} characters)`);
  expect((await ask('GET', `/runs/${id}`)).body).toMatchObject({ targets: TARGETS, stages: [{ stage: 'a' }] });
});

it('has pages of executions and of its timeline that read none of its steps', async () => {
  expect(await readsOf(() => ask('GET', `/runs/${id}`))).toEqual(['runFetch']);
  expect(
    await readsOf(async () => {
      expect(await ask('GET', `/runs/${id}/executions?limit=1`)).toMatchObject({ status: 200 });
      expect(await ask('GET', `/runs/${id}/timeline?limit=1`)).toMatchObject({ status: 200 });
      expect(await ask('POST', `/runs/${id}/cancel`)).toMatchObject({ status: 202 });
    }),
  ).toEqual([]);
});

it('is told to its watchers without its steps', async () => {
  const head = (await api.store.runHead(id))!;
  const ended = new AbortController();
  const feed = new RunFeed(api.store, head, closedAt(0), () => 100);
  for await (const piece of feed.watch(closedAt(0), ended.signal, () => undefined)) {
    // Nothing yet: it is being read.
    if (!piece) await othersTurn();
    const event = piece?.find((one) => one.kind === 'run');
    if (event?.kind !== 'run') continue;
    expect(event.run).toMatchObject({ id, counts: head.counts });
    expect([event.run.plan, event.run.tasks]).toEqual([undefined, undefined]);
    return;
  }
  expect.unreachable('the run is told');
});

it('is not read for a retry that has nothing to do', async () => {
  await api.database.query(
    `UPDATE run SET state = 'cancelled', finished_at_ms = 1, counts = '{"cancelled": 1}' WHERE id = $1`,
    [id],
  );
  expect(
    await readsOf(async () => {
      expect(await ask('POST', `/runs/${id}/retry`, { states: ['lost'] })).toMatchObject({
        status: 409,
        body: {
          code: 'nothing-to-retry',
          detail: `Nothing of run ${id} is lost: there are 1 cancelled. Repeat with --cancelled, or all of it with --all.`,
        },
      });
    }),
  ).toEqual([]);
});
