import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { PlacementBoard, siftedText } from './board.ts';
import { NO_NEEDS, parseWeights, type PlacedWorker, type TaskShape } from './plugins.ts';

const GiB = 1_024;
const TOTAL = { milliCpus: 8_000, memoryMiB: 16 * GiB, diskMiB: 100 * GiB };
const worker = (id: string, more: Partial<PlacedWorker> = {}): PlacedWorker => ({
  ...{ id, name: id, labels: { zone: 'a' }, engines: ['process'], isDrained: false },
  ...{ total: TOTAL, free: TOTAL, slots: 4, underWay: 0, queued: 0, loadMilliCpus: 0, coolUntilAt: 0 },
  ...more,
});
const shape = (more: Partial<TaskShape> = {}): TaskShape => ({
  engine: 'process',
  isMeant: () => true,
  needs: NO_NEEDS,
  strategy: 'spread',
  ...more,
});
function boardOf(...workers: PlacedWorker[]): PlacementBoard {
  const board = new PlacementBoard();
  for (const one of workers) board.tell(one);
  return board;
}
function placedOf(board: PlacementBoard, wanted: TaskShape, count: number): Record<string, number> {
  const random = seededRandom(7);
  const counts: Record<string, number> = {};
  for (let n = 0; n < count; n++) {
    const placed = board.pick(wanted, random, 0);
    if (!placed) break;
    board.take(placed.id, wanted);
    counts[placed.id] = (counts[placed.id] ?? 0) + 1;
  }
  return counts;
}

describe('a task without hosts', () => {
  it('is told by what each worker is ruled out, and goes to the only one that is left without any being scored', () => {
    const board = boardOf(
      worker('w1', { engines: ['ssh'] }),
      worker('w3', { labels: { zone: 'b' } }),
      worker('w4', { isDrained: true }),
      worker('w5', { free: { ...TOTAL, memoryMiB: GiB } }),
      worker('w6', { free: { ...TOTAL, milliCpus: 1_000 } }),
      worker('w7', { free: { ...TOTAL, diskMiB: 0 } }),
      worker('w8'),
      worker('w9'),
    );
    board.cool('w8', 5);
    const wanted = shape({
      isMeant: ({ labels }) => labels.zone === 'a',
      needs: { milliCpus: 2_000, memoryMiB: 2 * GiB, diskMiB: GiB },
    });
    expect(siftedText(board.sift(wanted, 0))).toBe(
      '1 of 8 workers: 1 does no such work, 1 is not meant, 1 is drained, 1 is passed over for a while, 1 has too few CPUs free, ' +
        '1 has too little memory free, 1 has too little disk free',
    );
    expect(board.pick(wanted, seededRandom(1), 0)).toEqual({ id: 'w9', considered: 1 });
    board.gone('w9');
    expect(board.pick(wanted, seededRandom(1), 4)).toBeUndefined();
    expect(board.pick(wanted, seededRandom(1), 5)).toMatchObject({ id: 'w8' });
  });

  it('is spread by what each has to do, or packed where that is asked for', () => {
    const three = (): PlacementBoard => boardOf(worker('w1'), worker('w2'), worker('w3'));
    expect(placedOf(three(), shape(), 6)).toEqual({ w1: 2, w2: 2, w3: 2 });
    const packed = shape({ strategy: 'pack', needs: { ...NO_NEEDS, milliCpus: 2_000 } });
    expect(Object.values(placedOf(three(), packed, 5)).sort()).toEqual([1, 4]);
    expect(placedOf(three(), packed, 99)).toEqual({ w1: 4, w2: 4, w3: 4 });
  });

  it('goes where it prefers to, and elsewhere when nothing fits there', () => {
    const board = boardOf(worker('w1', { labels: { zone: 'b' } }), worker('w2'), worker('w3'));
    const wanted = shape({
      strategy: 'prefer-zone',
      isPreferred: ({ labels }) => labels.zone === 'b',
      needs: { ...NO_NEEDS, milliCpus: 4_000 },
    });
    expect(placedOf(board, wanted, 4)).toEqual({ w1: 2, w2: 1, w3: 1 });
  });

  it('goes where the machine has the least to do, whoever gave it that', () => {
    const board = boardOf(
      worker('w1', { loadMilliCpus: 7_000 }),
      worker('w2', { loadMilliCpus: 1_000 }),
      worker('w3', { loadMilliCpus: 4_000 }),
    );
    const wanted = shape({ strategy: 'least-loaded' });
    expect(board.pick(wanted, seededRandom(1), 0)).toEqual({ id: 'w2', considered: 3 });
    expect(board.scoresOf('w2', wanted)).toEqual({ selectorPriority: 0, leastReqQueue: 100, leastLoad: 88 });
  });

  it('is given out of what is told anew, and of what comes back', () => {
    const board = boardOf(worker('w1'));
    const wanted = shape({ needs: { ...NO_NEEDS, milliCpus: 8_000 } });
    expect(placedOf(board, wanted, 9)).toEqual({ w1: 1 });
    board.giveBack('w1', wanted);
    expect(placedOf(board, wanted, 9)).toEqual({ w1: 1 });
    board.tell(worker('w1'));
    expect(placedOf(board, wanted, 9)).toEqual({ w1: 1 });
    board.tell(worker('w1', { isDrained: true }));
    expect(placedOf(board, wanted, 9)).toEqual({});
  });

  it('goes to each of several equals, as chance has it', () => {
    const board = boardOf(worker('w1'), worker('w2'), worker('w3'));
    const random = seededRandom(3);
    const picked = new Set(Array.from({ length: 40 }, () => board.pick(shape(), random, 0)!.id));
    expect([...picked].sort()).toEqual(['w1', 'w2', 'w3']);
  });
});

describe('the weights of scores', () => {
  it('are read by name, and an unknown one is refused with those that there are', () => {
    expect(parseWeights('leastTasks=2, leastReqQueue=0.5')).toEqual({
      ok: true,
      weights: { leastTasks: 2, leastReqQueue: 0.5 },
    });
    expect(parseWeights('')).toEqual({ ok: true, weights: {} });
    expect(parseWeights('leastTask=2')).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/no score "leastTask".*leastTasks.*There are: selectorPriority, leastReqQueue/),
    });
    expect(parseWeights('leastTasks=1001')).toMatchObject({ ok: false });
    expect(parseWeights('leastTasks=1000')).toMatchObject({ ok: true });
  });

  it('decide between scores', () => {
    const [calm, empty] = [worker('calm', { underWay: 2 }), worker('empty', { queued: 1 })];
    const pickBy = (weights: object): string | undefined => {
      const board = new PlacementBoard(weights);
      for (const one of [calm, empty]) board.tell(one);
      return board.pick(shape(), seededRandom(1), 0)?.id;
    };
    expect(pickBy({ leastReqQueue: 5 })).toBe('calm');
    expect(pickBy({ leastTasks: 5 })).toBe('empty');
  });
});
