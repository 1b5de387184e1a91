import { expect, it } from 'vitest';
import { newRunId, type RunId } from '../base/ids.ts';
import type { RunSpec } from '../domain/run/spec.ts';
import { createMasterKey } from '../pki/sealer.ts';
import { plainSpec } from '../../test/support/run-spec.ts';
import { OrderSpecs } from './order-specs.ts';

const KiB = 1024;
const sealer = createMasterKey(Buffer.alloc(32, 1));

function scriptOf(bytes: number, letter = 'x'): RunSpec {
  const spec = plainSpec();
  return { ...spec, work: { ...spec.work, program: { form: 'text', text: Buffer.alloc(bytes, letter) } } };
}

interface World {
  readonly specs: OrderSpecs;
  readonly stored: Map<RunId, RunSpec>;
  readonly reads: RunId[];
  readonly atOnceMax: () => number;
}

function world(): World {
  const stored = new Map<RunId, RunSpec>();
  const reads: RunId[] = [];
  let [atOnce, atOnceMax] = [0, 0];
  const specs = new OrderSpecs({
    store: {
      async runSpec(id) {
        reads.push(id);
        atOnceMax = Math.max(atOnceMax, ++atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        atOnce--;
        return stored.get(id);
      },
    },
    sealer,
    ownBytesMax: 4 * KiB,
    keptBytesMax: 300 * KiB,
  });
  return { specs, stored, reads, atOnceMax: () => atOnceMax };
}

it('are held by their runs where they are small, whatever else there is', async () => {
  const { specs, reads } = world();
  const runs = Array.from({ length: 200 }, () => specs.of({ id: newRunId(1), name: 'small' }, scriptOf(3 * KiB)));
  for (const spec of runs) expect(Buffer.from(spec.atHand()!).includes('xxx')).toBe(true);
  expect([reads, specs.keptBytes]).toEqual([[], 0]);
});

it('are kept in so many bytes where they are large, those used last, and read again when they are wanted', async () => {
  const { specs, stored, reads, atOnceMax } = world();
  const runs = Array.from({ length: 50 }, (_, n) => {
    const [id, spec] = [newRunId(1), scriptOf(100 * KiB, String.fromCharCode(65 + n))];
    stored.set(id, spec);
    return { id, letter: String.fromCharCode(65 + n), spec: specs.of({ id, name: 'large' }, spec) };
  });
  expect(specs.keptBytes).toBeLessThanOrEqual(300 * KiB);
  expect(runs.filter(({ spec }) => spec.atHand()).map(({ letter }) => letter)).toEqual(
    runs.slice(-3).map(({ letter }) => letter),
  );
  // All at once, each by several orders: read once, a few at a time, and each gets its own.
  const read = await Promise.all(runs.flatMap(({ spec }) => [spec.read(), spec.read()]));
  for (const [n, bytes] of read.entries())
    expect(Buffer.from(bytes!).includes(runs[n >> 1]!.letter.repeat(100 * KiB))).toBe(true);
  expect([reads.length, new Set(reads).size, atOnceMax()]).toEqual([47, 47, 2]);
  expect(specs.keptBytes).toBeLessThanOrEqual(300 * KiB);
  // What was read last is at hand, and using it keeps it there.
  const last = runs[46]!;
  expect(last.spec.atHand()).toBeDefined();
  for (let n = 0; n < 10; n++) {
    specs.of({ id: newRunId(1), name: 'other' }, scriptOf(100 * KiB));
    expect(last.spec.atHand()).toBeDefined();
  }
});

it('have their secrets in clear, read or not', async () => {
  const { specs, stored } = world();
  const id = newRunId(1);
  const sealedSecrets = sealer.seal(`run/${id}`, Buffer.from(JSON.stringify({ A: 'hunter2' })));
  const source = { ...scriptOf(100 * KiB), sealedSecrets };
  stored.set(id, source);
  const spec = specs.of({ id, name: 'n' }, source);
  const first = spec.atHand()!;
  expect(Buffer.from(first).includes('hunter2')).toBe(true);
  for (let n = 0; n < 4; n++) specs.of({ id: newRunId(1), name: 'other' }, scriptOf(100 * KiB));
  expect(spec.atHand()).toBeUndefined();
  expect(Buffer.from((await spec.read())!).equals(first)).toBe(true);
});

it('are none where there is no such run any more; what cannot be read is tried again', async () => {
  const { specs, stored } = world();
  const id = newRunId(1);
  const spec = specs.of({ id, name: 'n' }, scriptOf(400 * KiB));
  expect([spec.atHand(), await spec.read()]).toEqual([undefined, undefined]);
  const broken = new OrderSpecs({
    store: {
      runSpec: async () => {
        if (stored.size === 0) throw new Error('away');
        return stored.get(id);
      },
    },
    sealer,
  });
  const other = broken.of({ id, name: 'n' }, scriptOf(40_000 * KiB));
  await expect(other.read()).rejects.toThrow('away');
  stored.set(id, scriptOf(10 * KiB));
  expect(await other.read()).toBeDefined();
});
