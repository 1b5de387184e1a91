/** Steps that wait for people or for a time: servers, worker and an agent as real processes. What comes next begins by the answers, whoever dies. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schemas } from '@drover/sdk';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import type { RunId } from '../../src/base/ids.ts';
import { ChaosApi, type ApiAnswer } from '../chaos/api.ts';
import { Cluster } from '../support/cluster.ts';
import type { Body } from '../support/notice-world.ts';
import { receiver, type Receiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';
import { runCli } from '../support/up.ts';

type Detail = Schemas['RunDetail'];
let cluster: Cluster;
let api: ChaosApi;
let ann: ChaosApi;
let bob: ChaosApi;
let database: pg.Client;
let far: Receiver;
beforeAll(async () => {
  far = await receiver();
  cluster = await Cluster.start({
    servers: 2,
    workers: 1,
    agents: 1,
    serverEnv: { DROVER_OUTBOUND_ALLOW: '127.0.0.1' },
  });
  api = new ChaosApi(cluster.urls, cluster.token);
  database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
  const tokenOf = async (name: string): Promise<ChaosApi> => {
    const { status, body } = await api.post('/api/v1/tokens', { name, role: 'operator' });
    expect([status, body.detail]).toEqual([201, undefined]);
    return new ChaosApi(cluster.urls, String(body.token));
  };
  [ann, bob] = [await tokenOf('ann'), await tokenOf('bob')];
}, 180_000);
afterAll(async () => {
  await database?.end();
  await cluster?.stop();
  await far?.end();
}, 60_000);

const trace = (name: string): string => join(cluster.folder, `trace-${name}`);
const traced = (name: string): string[] =>
  existsSync(trace(name)) ? readFileSync(trace(name), 'utf8').trimEnd().split('\n') : [];

async function begin(name: string, gate: string, more = ''): Promise<string> {
  const script = (step: string): string =>
    `      - { step: ${step}, script: "echo ${step} >> ${trace(name)}; echo build=7 >> $DROVER_OUTPUT", outputs: [{ name: build }] }\n`;
  const definition =
    `job: ${name}\ntargets: 'host-*'\nparameters:\n  - { name: version, default: '1.2' }\nstages:\n` +
    `  - stage: release\n    steps:\n${script('build')}      - { step: gate, ${gate} }\n${script('deploy')}${more}`;
  const applied = await api.post('/api/v1/jobs', { definition });
  expect([applied.status, applied.body.errors]).toEqual([200, undefined]);
  const { version } = applied.body.version as Schemas['JobVersion'];
  await api.post(`/api/v1/jobs/${name}/versions/${version}/publish`, {});
  const { status, body } = await api.post(`/api/v1/jobs/${name}/runs`, {});
  expect([status, body.detail]).toEqual([201, undefined]);
  return String(body.id);
}
async function fetched(id: string): Promise<Detail> {
  return (await api.get(`/api/v1/runs/${id}`)).body as unknown as Detail;
}
const gateOf = (run: Detail): Schemas['RunStep'] => run.stages![0]!.steps[1]!;
const when = <T>(what: string, id: string, look: (run: Detail) => T | undefined | false): Promise<T> =>
  until(what, async () => look(await fetched(id)), 60_000);
const ended = (id: string): Promise<Detail> => when('it to end', id, (run) => isTerminalRun(run.state) && run);
const asks = (id: string): Promise<Detail> =>
  when('it to ask', id, (run) => run.state === 'paused' && gateOf(run).approval?.asks && run);
const answer = (who: ChaosApi, id: string, goesOn: boolean, more: object = {}): Promise<ApiAnswer> =>
  who.post(`/api/v1/runs/${id}/answer`, { goesOn, ...more });
const statesOf = (run: Detail): string => run.stages![0]!.steps.map(({ state }) => state).join(' ');
async function timelineOf(id: string): Promise<Schemas['TimelineEntry'][]> {
  return (await api.get(`/api/v1/runs/${id}/timeline?limit=100`)).body.items as Schemas['TimelineEntry'][];
}
/** @returns the URL of a server that goes on. */
async function killOwner(id: string): Promise<string> {
  const { rows } = await database.query<{ url: string }>(
    'SELECT s.url FROM partition p JOIN server s ON s.id = p.owner WHERE p.id = $1',
    [partitionOf(id as RunId)],
  );
  const owner = cluster.servers[cluster.urls.indexOf(rows[0]!.url)]!;
  await owner.kill();
  owner.start();
  return cluster.urls.find((url) => url !== rows[0]!.url)!;
}

it('asks with what was told, goes on when somebody approves, and says who and why', async () => {
  const id = await begin(
    'approved',
    "approval: { message: 'Deploy ${{ params.version }}, build ${{ steps.release.build.outputs.build }}?' }",
  );
  const run = await asks(id);
  expect(run).toMatchObject({ state: 'paused', asks: true, counts: { succeeded: 1 } });
  expect(gateOf(run)).toMatchObject({
    state: 'paused',
    hostCount: 0,
    approval: { message: 'Deploy 1.2, build 7?', count: 1, approvals: 0, answers: [] },
  });
  expect(traced('approved')).toEqual(['build']);
  const { items } = (await api.get('/api/v1/runs?limit=1')).body;
  expect(items).toMatchObject([{ id, state: 'paused', asks: true }]);
  expect((await api.post(`/api/v1/runs/${id}/resume`, {})).body.code).toBe('run-asks');
  expect((await answer(ann, id, true, { step: 'release.gate', reason: 'looks well' })).status).toBe(202);
  const over = await ended(id);
  expect([over.state, statesOf(over), traced('approved')]).toEqual([
    'succeeded',
    'succeeded succeeded succeeded',
    ['build', 'deploy'],
  ]);
  expect(over.asks).toBeUndefined();
  expect(gateOf(over).approval).toMatchObject({
    asks: false,
    approvals: 1,
    answers: [{ yes: true, by: 'ann', reason: 'looks well' }],
  });
  expect((await timelineOf(id)).filter(({ kind }) => kind.startsWith('approval'))).toMatchObject([
    { kind: 'approval-asked', detail: { asks: [{ step: 'release/gate', message: 'Deploy 1.2, build 7?' }] } },
    { kind: 'approval-answered', detail: { answers: [{ yes: true, by: 'ann', reason: 'looks well' }] } },
  ]);
  const late = await answer(bob, id, false);
  expect(late).toMatchObject({ status: 409, body: { code: 'nothing-asked' } });
  expect(late.body.detail).toContain('Approved by ann');
  const { items: audit } = (await api.get('/api/v1/audit?limit=50')).body;
  expect(
    (audit as Schemas['AuditEntry'][]).filter(
      ({ action, target }) => action === 'job.run.answer' && target === `run/${id}`,
    ),
  ).toHaveLength(1);
}, 120_000);

it('has failed with the reason of whoever refuses, and a retry asks anew', async () => {
  const id = await begin('refused', 'approval: { message: Go? }');
  await asks(id);
  expect((await answer(bob, id, false, { reason: 'not on a friday' })).status).toBe(202);
  const over = await ended(id);
  expect([over.state, statesOf(over)]).toEqual(['failed', 'succeeded failed skipped']);
  expect(gateOf(over).approval!.because).toBe('Refused by bob: not on a friday');
  expect((await api.post(`/api/v1/runs/${id}/retry`, { states: ['lost'] })).body.code).toBe('nothing-to-retry');
  expect((await api.post(`/api/v1/runs/${id}/retry`, { states: ['failed'] })).status).toBe(201);
  expect(gateOf(await asks(id)).approval).toMatchObject({ approvals: 0, answers: [] });
  await answer(ann, id, true);
  expect(await ended(id)).toMatchObject({ state: 'succeeded', round: 2 });
  expect(traced('refused')).toEqual(['build', 'deploy']);
}, 120_000);

it('is approved neither by whoever has begun it nor by whoever has it done again', async () => {
  const id = await begin('again', 'approval: { message: Go?, not_by_starter: true }');
  await asks(id);
  expect((await answer(ann, id, false)).status).toBe(202);
  expect((await ended(id)).state).toBe('failed');
  expect((await bob.post(`/api/v1/runs/${id}/retry`, { states: ['failed'] })).status).toBe(201);
  await asks(id);
  for (const own of [api, bob])
    expect(await answer(own, id, true)).toMatchObject({ status: 403, body: { code: 'permission-denied' } });
  // To skip it is as good as a yes.
  expect(await bob.post(`/api/v1/runs/${id}/skip`, { step: 'release/gate', reason: 'late' })).toMatchObject({
    status: 403,
    body: { code: 'permission-denied' },
  });
  expect((await answer(ann, id, true)).status).toBe(202);
  expect((await ended(id)).state).toBe('succeeded');
}, 120_000);

it('takes as many different people as it says, none twice, and not whoever has begun it', async () => {
  const id = await begin('two', 'approval: { message: Go?, count: 2, not_by_starter: true }');
  await asks(id);
  expect(await answer(api, id, true)).toMatchObject({ status: 403, body: { code: 'permission-denied' } });
  expect((await answer(ann, id, true)).status).toBe(202);
  expect((await answer(ann, id, true)).status).toBe(202);
  const half = await when('the first to be heard', id, (run) => gateOf(run).approval!.approvals === 1 && run);
  expect(gateOf(half).approval!.answers).toHaveLength(1);
  await killOwner(id);
  expect((await answer(bob, id, true)).status).toBe(202);
  expect((await ended(id)).state).toBe('succeeded');
  const told = (await timelineOf(id)).filter(({ kind }) => kind === 'approval-answered');
  expect(told.flatMap(({ detail }) => (detail.answers as { by: string }[]).map(({ by }) => by))).toEqual([
    'ann',
    'bob',
  ]);
  const named = await begin('named', 'approval: { message: Go?, by: [bob] }');
  await asks(named);
  expect((await answer(ann, named, true)).body.detail).toContain('it is for bob to answer');
  expect((await answer(bob, named, true)).status).toBe(202);
  expect((await ended(named)).state).toBe('succeeded');
}, 120_000);

it('takes one of two answers at once that say otherwise, and tells the other what it came to', async () => {
  const id = await begin('race', 'approval: { message: Go? }');
  await asks(id);
  const answers = await Promise.all([answer(ann, id, true), answer(bob, id, false, { reason: 'no' })]);
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
  const over = await ended(id);
  expect(over.state).toBe(answers[0].status === 202 ? 'succeeded' : 'failed');
  expect(gateOf(over).approval!.answers).toHaveLength(1);
}, 120_000);

it('does what it says when its time is up, or what was answered before that, whoever is killed between the two', async () => {
  const fails = await begin('late', 'approval: { message: Go?, timeout: 500ms }');
  expect([(await ended(fails)).state, statesOf(await fetched(fails))]).toEqual([
    'failed',
    'succeeded timed_out skipped',
  ]);
  expect((await answer(ann, fails, true)).body.detail).toContain('time was up');
  const goes = await begin('goes', 'approval: { message: Go?, timeout: 500ms, on_timeout: continue }');
  expect(await ended(goes)).toMatchObject({ state: 'succeeded' });
  const answered = await begin('answered', 'approval: { message: Go?, timeout: 4s }');
  await asks(answered);
  const [{ status }] = await Promise.all([answer(ann, answered, true), killOwner(answered)]);
  // What was taken counts, also where the time is up before anybody looks at it again.
  const over = await ended(answered);
  expect([over.state, gateOf(over).state]).toEqual(
    status === 202 ? ['succeeded', 'succeeded'] : ['failed', 'timed_out'],
  );
}, 180_000);

it('is cancelled while it asks, does not begin while it is paused, and what comes finally is done', async () => {
  const last = `  - stage: end\n    finally: true\n    steps:\n      - { step: tell, script: "echo tell >> ${trace('cancelled')}" }\n`;
  const id = await begin('cancelled', 'approval: { message: Go? }', last);
  await asks(id);
  expect((await api.post(`/api/v1/runs/${id}/cancel`, {})).status).toBe(202);
  const over = await ended(id);
  expect([over.state, statesOf(over), traced('cancelled')]).toEqual([
    'cancelled',
    'succeeded cancelled cancelled',
    ['build', 'tell'],
  ]);
  const paused = await begin('held', 'approval: { message: Go? }');
  await asks(paused);
  expect((await api.post(`/api/v1/runs/${paused}/pause`, {})).status).toBe(202);
  await answer(ann, paused, true);
  await when('the next to have its turn', paused, (run) => statesOf(run) === 'succeeded succeeded paused' && run);
  await api.post(`/api/v1/runs/${paused}/resume`, {});
  expect((await ended(paused)).state).toBe('succeeded');
}, 120_000);

it('lets time pass, also where nobody is there meanwhile', async () => {
  const id = await begin('waits', 'wait: { for: 3s }');
  const run = await when('it to wait', id, (one) => gateOf(one).wait?.until !== undefined && one);
  expect([gateOf(run).state, gateOf(run).wait!.forMs]).toEqual(['running', 3_000]);
  await killOwner(id);
  const over = await ended(id);
  expect([over.state, statesOf(over)]).toEqual(['succeeded', 'succeeded succeeded succeeded']);
  const deployed = Date.parse(over.stages![0]!.steps[2]!.openedAt!);
  expect(deployed).toBeGreaterThanOrEqual(Date.parse(gateOf(over).wait!.since!) + 3_000);
}, 120_000);

it('tells whoever wants to know what a run asks, though its owner dies as soon as it asks, and what is told answers it', async () => {
  const endpoint = { kind: 'webhook', url: `${far.url}/asks`, secret: 'a-secret-of-tests' };
  expect((await api.post('/api/v1/channels', { name: 'asks', endpoint })).status).toBe(201);
  expect((await api.post('/api/v1/notice-rules', { channel: 'asks', on: ['asks'], job: 'told' })).status).toBe(201);
  const id = await begin('told', "approval: { message: 'Deploy ${{ params.version }}?' }");
  await asks(id);
  const other = await killOwner(id);
  const told = await until('it to be told', () => far.received[0], 60_000);
  const { title, text } = JSON.parse(told.body) as Body;
  expect(title).toBe('[asks] told: Deploy 1.2? (step release/gate)');
  const [, command] = /^Answer: drover (.*)$/m.exec(text)!;
  const words = command!.replace('yes|no', 'yes').replace('TEXT', 'told').split(' ');
  const { code, stderr } = await runCli(words, { DROVER_URL: other, DROVER_TOKEN: cluster.token });
  expect([code, stderr]).toEqual([0, '']);
  expect(await ended(id)).toMatchObject({ state: 'succeeded' });
  const { items } = (await api.get(`/api/v1/notices?run=${id}`)).body;
  expect(items).toMatchObject([{ event: 'asks', state: 'delivered', channel: 'asks' }]);
}, 180_000);
