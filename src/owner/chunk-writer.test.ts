import { expect, it } from 'vitest';
import { newId, newRunId, type WorkerId } from '../base/ids.ts';
import { silentLog } from '../base/log.ts';
import { agentExecutor, type Executor } from '../domain/run/executor.ts';
import type { OutputChunk } from '../store/contract/output.ts';
import { ChunkWriter, type WaitingChunk } from './chunk-writer.ts';
import { newPartition } from './owned-partition.ts';

const WORKER = newId<'worker'>() as WorkerId;
const partitions = Array.from({ length: 256 }, (_, id) => newPartition(id, 1));

interface Writes {
  readonly writer: ChunkWriter;
  /** Of each write, what was in it. */
  readonly begun: WaitingChunk[][];
  readonly written: OutputChunk[];
  /** Lets the write that is under way end, and what follows from it begin. */
  readonly end: () => Promise<void>;
}

function writes(): Writes {
  const begun: WaitingChunk[][] = [];
  const written: OutputChunk[] = [];
  let ended: (() => void) | undefined;
  const writer = new ChunkWriter({
    log: silentLog,
    write: (chunks) => {
      expect(ended).toBeUndefined();
      begun.push([...chunks]);
      return new Promise((resolve) => (ended = () => resolve(new Set(chunks.keys()))));
    },
    written: (_worker, chunk) => void written.push(chunk),
  });
  const end = async (): Promise<void> => {
    const now = ended;
    ended = undefined;
    now?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { writer, begun, written, end };
}

function piece(executor: Executor, seq: number): OutputChunk {
  return { runId: newRunId(1), task: 0, ordinal: 0, attempt: 1, stream: 1, seq, bytes: Buffer.of(1), executor };
}

it('writes pieces of all partitions by one write at a time', async () => {
  const { writer, begun, written, end } = writes();
  for (const [n, partition] of partitions.entries())
    writer.push(partition, WORKER, piece(agentExecutor(newId<'agent'>()), n));
  expect(begun).toHaveLength(1);
  // A second one under way would not be let begin.
  while (written.length < partitions.length) await end();
  expect(new Set(begun.flat().map(({ partition }) => partition.id)).size).toBe(partitions.length);
});

it('has room for so much of one sender, whatever partitions it is of', async () => {
  const { writer, written, end } = writes();
  const greedy = agentExecutor(newId<'agent'>());
  for (const partition of partitions) for (let n = 0; n < 10; n++) writer.push(partition, WORKER, piece(greedy, n));
  let before = -1;
  while (before < written.length) {
    before = written.length;
    await end();
  }
  // One had gone before the others came.
  expect(written).toHaveLength(1 + 256);
});

it('takes of each sender in turn, in the order in which it sends', async () => {
  const { writer, begun, written, end } = writes();
  const [greedy, other] = [agentExecutor(newId<'agent'>()), agentExecutor(newId<'agent'>())];
  for (let n = 0; n < 200; n++) writer.push(partitions[0]!, WORKER, piece(greedy, n));
  for (let n = 0; n < 5; n++) writer.push(partitions[1]!, WORKER, piece(other, n));
  await end();
  expect(begun[1]!.filter(({ chunk }) => chunk.executor === other).map(({ chunk }) => chunk.seq)).toEqual([
    0, 1, 2, 3, 4,
  ]);
  while (written.length < 205) await end();
  expect(written.filter(({ executor }) => executor === greedy).map(({ seq }) => seq)).toEqual([...Array(200).keys()]);
});

it('gives nobody more than a part where much waits', async () => {
  const { writer, written, end } = writes();
  const many = Array.from({ length: 8 }, () => agentExecutor(newId<'agent'>()));
  for (const sender of many) for (let n = 0; n < 256; n++) writer.push(partitions[0]!, WORKER, piece(sender, n));
  let before = -1;
  while (before < written.length) {
    before = written.length;
    await end();
  }
  const of = (sender: Executor): number => written.filter(({ executor }) => executor === sender).length;
  expect(written.length).toBeLessThan(2 * 1_024);
  expect(of(many[0]!)).toBeGreaterThanOrEqual(256);
  for (const late of many.slice(5)) {
    expect(of(late)).toBeGreaterThan(0);
    expect(of(late)).toBeLessThan(256);
  }
});

it('sends a piece that is repeated to the database once, while it waits and once it is there, and acknowledges each', async () => {
  const { writer, begun, written, end } = writes();
  const sender = agentExecutor(newId<'agent'>());
  const [first, second] = [piece(sender, 0), piece(sender, 1)];
  for (let n = 0; n < 50; n++) for (const one of [first, second]) writer.push(partitions[0]!, WORKER, one);
  await end();
  await end();
  expect(begun.map((chunks) => chunks.map(({ chunk }) => chunk))).toEqual([[first], [second]]);
  expect(written).toEqual([first, second]);
  for (let n = 0; n < 50; n++) writer.push(partitions[0]!, WORKER, { ...first, bytes: Buffer.of(2) });
  expect([begun.length, written.length]).toEqual([2, 52]);
  // Of the other stream, of the next attempt and of another ordinal it is another one.
  const others = [
    { ...first, stream: 2 as const },
    { ...first, attempt: 2 },
    { ...first, ordinal: 1 },
    { ...first, seq: 8 },
  ];
  for (const other of others) writer.push(partitions[0]!, WORKER, other);
  await end();
  await end();
  expect(begun.slice(2).flatMap((chunks) => chunks.map(({ chunk }) => chunk))).toEqual(others);
});

it('asks the database anew for a piece that it did not know or could not be asked for', async () => {
  const sender = agentExecutor(newId<'agent'>());
  const answers: (() => ReadonlySet<number>)[] = [
    () => new Set(),
    () => {
      throw new Error('away');
    },
    () => new Set([0]),
  ];
  let writes = 0;
  const written: OutputChunk[] = [];
  const writer = new ChunkWriter({
    log: silentLog,
    write: async () => answers[writes++]!(),
    written: (_worker, chunk) => void written.push(chunk),
  });
  const one = piece(sender, 0);
  for (let n = 0; n < 4; n++) {
    writer.push(partitions[0]!, WORKER, one);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([writes, written.length]).toEqual([3, 2]);
});
