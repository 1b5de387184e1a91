/** Whoever wants to know what a run asks is told once of each question, while nobody has answered it, whichever server looks. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askedNoticesMake } from '../../src/app/notice-asked.ts';
import type { RunId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import type { NoticeStore } from '../../src/store/contract/notice.ts';
import { settleWhatTimeHasPassed } from '../../src/store/postgres/backup/restore-aftermath.ts';
import { Pool } from '../../src/store/postgres/pool.ts';
import { APPROVAL, APPROVE, askingGate, askingRollout, askingRun, RESTART, written } from '../support/asking-run.ts';
import { audit, NoticeWorld } from '../support/notice-world.ts';

let world: NoticeWorld;
let rig: Parameters<typeof askingRun>[0];
beforeAll(async () => {
  world = await NoticeWorld.start();
  rig = { store: world.api.store, database: world.api.database, audit };
});
beforeEach(async () => {
  await world.forget();
  await world.api.database.query('DELETE FROM run_active');
});
afterAll(() => world.end());

const ASKS = { on: ['asks'] };
const look = (): Promise<boolean> => askedNoticesMake(world.api.store);
const noted = async (): Promise<number> => (await world.api.store.askedQuestions(100)).length;
interface Listed {
  readonly event: string;
  readonly channel: string;
  readonly run: { readonly id: string };
}
const listed = async (query = ''): Promise<readonly Listed[]> =>
  (await world.call<{ items: Listed[] }>('GET', `/notices${query}`)).body.items;
const approve = (id: RunId, askedMs: number, name = 'ann'): Promise<string> =>
  world.api.store.runApprove(
    id,
    APPROVE!,
    { askedMs, isYes: true, by: { id: name, name }, reason: '', atMs: 9 },
    0,
    audit,
  );

describe('an approval that a run asks for', () => {
  it('is told with what is asked, who may answer until when, the command that answers, and a link', async () => {
    const channel = await world.channel(ASKS);
    await world.channel({ on: ['failed'] });
    const work = { ...APPROVAL, count: 2, by: ['ann', 'bob'], notByStarter: true };
    const id = await askingRun(rig, work);
    await written(rig, id, askingGate(1_000, { message: 'Bring v2\u001b[31m to all?\n\nIt is late.', dueMs: 61_000 }));
    expect(await world.api.store.noticesLook()).toMatchObject({ isAny: true });
    await world.look();
    expect(await world.api.store.noticesLook()).toMatchObject({ isAny: false });
    const [body, ...more] = world.bodies(channel);
    expect(more).toEqual([]);
    expect(body).toMatchObject({
      event: 'asks',
      title: '[asks] release: Bring v2 to all? (step release/approve)',
      notices: [
        {
          event: 'asks',
          run: { id, link: `https://drover.example/api/v1/runs/${id}` },
          question: { kind: 'approval', step: 'release/approve', count: 2, until: '1970-01-01T00:01:01.000Z' },
        },
      ],
    });
    expect(body!.text.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^Begun by ann at .*: a reason$/),
      'Step release/approve asks:',
      '  Bring v2 to all?',
      '  It is late.',
      '2 people have to say yes',
      'May answer: ann, bob',
      'Whoever has begun the run may not approve it',
      'Until 1970-01-01 00:01:01 UTC; then it times out',
      `Answer: drover runs answer ${id} yes|no --step release/approve --reason TEXT`,
      `https://drover.example/api/v1/runs/${id}`,
      `drover runs show ${id}`,
    ]);
    expect(await listed('?event=asks')).toMatchObject([{ channel, run: { id } }]);
  });

  it('is noted by the write that asks it, and told once, whoever looks and whatever is written later', async () => {
    const channel = await world.channel(ASKS);
    const id = await askingRun(rig, { ...APPROVAL, count: 2 });
    await written(rig, id, askingGate(1_000), { isFenced: true });
    expect(await noted()).toBe(0);
    await written(rig, id, askingGate(1_000));
    const before = await world.api.store.askedQuestions(100);
    expect(before).toMatchObject([{ runId: id, round: 1, task: APPROVE, turn: 1_000, atMs: 1_000 }]);
    // A server that is killed when it has read, and two that look at once.
    const killed: Pick<NoticeStore, 'noticesMakeAsked'> = {
      noticesMakeAsked: () => Promise.reject(new Error('killed')),
    };
    await expect(askedNoticesMake({ ...world.api.store, ...killed })).rejects.toThrow('killed');
    await Promise.all([look(), look()]);
    await approve(id, 1_000);
    await written(rig, id, askingGate(1_000, { heard: 1 }));
    await look();
    // One that has read before the others wrote, and a note that is written once more.
    await world.api.database.query('INSERT INTO run_asked VALUES ($1, 1, $2, 1000, 1000)', [id, APPROVE!]);
    await look();
    expect(await listed()).toMatchObject([{ channel, event: 'asks', run: { id } }]);
  });

  it('is told again where a new round asks anew, and beside another question of its run', async () => {
    await world.channel(ASKS);
    const id = await askingRun(rig);
    await written(rig, id, askingGate(1_000));
    await written(rig, id, askingRollout(1, 0));
    await look();
    expect(await listed()).toHaveLength(2);
    await world.api.database.query('UPDATE run SET round = 2 WHERE id = $1', [id]);
    await written(rig, id, askingGate(2_000));
    await look();
    expect(await listed()).toHaveLength(3);
  });

  it.each([
    ['is answered', (id: RunId) => approve(id, 1_000)],
    [
      'is over',
      (id: RunId) => {
        const gate = { phase: 'over', sinceMs: 1_000, heard: 0, end: 'timed_out' } as const;
        return written(rig, id, { task: APPROVE!, to: 'timed_out', gate });
      },
    ],
    ['is of a run that is cancelled', (id: RunId) => world.api.store.runCancelRequest(id, audit.actor, audit, false)],
    ['is of an earlier round', (id: RunId) => world.api.database.query('UPDATE run SET round = 2 WHERE id = $1', [id])],
    ['is of a run that is not kept', (id: RunId) => world.api.database.query('DELETE FROM run WHERE id = $1', [id])],
  ] as const)('is told to nobody where it %s by then', async (_, doing) => {
    await world.channel(ASKS);
    const id = await askingRun(rig);
    await written(rig, id, askingGate(1_000));
    await doing(id);
    await look();
    expect([await noted(), await listed()]).toEqual([0, []]);
  });

  it('is noted for nobody where there is no channel', async () => {
    const id = await askingRun(rig);
    await written(rig, id, askingGate(1_000));
    expect(await noted()).toBe(0);
  });
});

describe('what a rollout asks', () => {
  it('is told with its batch, and the answer is to that question alone', async () => {
    const channel = await world.channel(ASKS, { lang: 'zh' });
    const english = await world.channel({ ...ASKS, team: 'nobody' });
    await world.rule({ channel: english, ...ASKS });
    const id = await askingRun(rig);
    await written(rig, id, askingRollout(1, 1));
    await world.look();
    expect(world.bodies(english)).toMatchObject([
      {
        title: '[asks] release: after batch 2 of 3: go on? (step release/restart)',
        text: expect.stringContaining(
          `Answer: drover runs answer ${id} yes|no --step release/restart --batch 2 --reason TEXT`,
        ) as unknown,
      },
    ]);
    expect(world.bodies(channel)[0]!.title).toBe(
      '[等待答复] release: 第 2 批（共 3 批）之后：是否继续？（步骤 release/restart）',
    );
  });

  it('is told to nobody once it is answered, and the next question is', async () => {
    await world.channel(ASKS);
    const id = await askingRun(rig);
    await written(rig, id, askingRollout(1, 0));
    await world.api.store.runAnswer(id, RESTART!, { turn: 1, goesOn: true, by: 'ann' }, audit);
    await look();
    expect(await listed()).toEqual([]);
    await written(rig, id, askingRollout(2, 1));
    await look();
    expect(await listed()).toHaveLength(1);
  });
});

it('several questions share a message, which says of each how it is answered', async () => {
  const channel = await world.channel(ASKS, { window: '1h' });
  const ids: RunId[] = [];
  for (let n = 0; n < 3; n++) {
    const id = await askingRun(rig);
    await written(rig, id, askingGate(1_000));
    await look();
    ids.push(id);
    if (n === 0) await world.look();
  }
  await world.due();
  await world.look();
  const [first, second] = world.bodies(channel);
  expect([first!.noticeCount, second!.noticeCount, second!.title]).toEqual([1, 2, '2 notices of release']);
  for (const id of ids.slice(1)) expect(second!.text).toContain(`drover runs answer ${id} yes|no`);
});

it('a job says itself who is told of what its runs ask', async () => {
  const [channel, other] = [await world.channel(), await world.channel({ ...ASKS, job: 'another' })];
  const definition = `job: asking-job\nnotify: [{ channel: ${channel}, on: [asks] }]\nstages: [{ stage: s, steps: [{ step: a, command: [x] }] }]\n`;
  await world.call('POST', '/jobs', { definition });
  await world.call('POST', '/jobs/asking-job/versions/draft/publish', {});
  const id = await askingRun(rig, APPROVAL, { name: 'asking-job', version: 1 });
  await written(rig, id, askingGate(1_000));
  await world.look();
  expect([world.bodies(channel).length, world.bodies(other).length]).toEqual([1, 0]);
});

it('a question that a restore finds is told of, since it is asked still', async () => {
  await world.channel(ASKS);
  const id = await askingRun(rig);
  await written(rig, id, askingGate(1_000));
  const pool = new Pool({ url: world.api.database.url, log: silentLog, max: 1 });
  try {
    await pool.transaction((tx) => settleWhatTimeHasPassed(tx, world.api.store.clock().nowMs()));
  } finally {
    await pool.close();
  }
  await look();
  expect(await listed()).toMatchObject([{ event: 'asks', run: { id } }]);
});
