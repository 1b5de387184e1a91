import { expect, it } from 'vitest';
import { sealRunSecrets } from '../app/run-secrets.ts';
import { newId, newRunId, type HostId, type RunId } from '../base/ids.ts';
import type { RunSpec } from '../domain/run/spec.ts';
import { hostSubject, itemSubject } from '../domain/run/subject.ts';
import { hostJoinSecret, parseJoinToken } from '../pki/join-token.ts';
import { createMasterKey } from '../pki/sealer.ts';
import { decodeExecutionSpec } from '../protocol/link/execution-spec.ts';
import type { ScriptWork } from '../domain/work/script.ts';
import { plainSpec } from '../../test/support/run-spec.ts';
import { OrderSpecs } from './order-specs.ts';

const KiB = 1024;
const sealer = createMasterKey(Buffer.alloc(32, 1));
const [host, other] = [
  hostSubject(newId<'host'>() as HostId, 'web-1'),
  hostSubject(newId<'host'>() as HostId, 'web-2'),
];

it('says for which item each is, the same whenever it is asked for', async () => {
  const { specs } = world();
  const spec = specs.of({ id: newRunId(1), task: 0, name: 'n' }, scriptOf(1));
  const itemsOf = (): (string | undefined)[] =>
    ['a', 'b'].map((item) => decodeExecutionSpec(spec.atHand()!(itemSubject(item))).item);
  expect([itemsOf(), itemsOf()]).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ]);
  expect(decodeExecutionSpec(spec.atHand()!(host)).item).toBeUndefined();
});

function scriptOf(bytes: number, letter = 'x'): RunSpec {
  const spec = plainSpec();
  const work = spec.work as ScriptWork;
  return { ...spec, work: { ...work, program: { form: 'text', text: Buffer.alloc(bytes, letter) } } };
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
      async taskSpec(id) {
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
  const runs = Array.from({ length: 200 }, () =>
    specs.of({ id: newRunId(1), task: 0, name: 'small' }, scriptOf(3 * KiB)),
  );
  for (const spec of runs) expect(Buffer.from(spec.atHand()!(host)).includes('xxx')).toBe(true);
  expect([reads, specs.keptBytes]).toEqual([[], 0]);
});

it('are kept in so many bytes where they are large, those used last, and read again when they are wanted', async () => {
  const { specs, stored, reads, atOnceMax } = world();
  const runs = Array.from({ length: 50 }, (_, n) => {
    const [id, spec] = [newRunId(1), scriptOf(100 * KiB, String.fromCharCode(65 + n))];
    stored.set(id, spec);
    return { id, letter: String.fromCharCode(65 + n), spec: specs.of({ id, task: 0, name: 'large' }, spec) };
  });
  expect(specs.keptBytes).toBeLessThanOrEqual(300 * KiB);
  expect(runs.filter(({ spec }) => spec.atHand()).map(({ letter }) => letter)).toEqual(
    runs.slice(-3).map(({ letter }) => letter),
  );
  // All at once, each by several orders: read once, a few at a time, and each gets its own.
  const read = await Promise.all(runs.flatMap(({ spec }) => [spec.read(), spec.read()]));
  for (const [n, specOf] of read.entries())
    expect(Buffer.from(specOf!(host)).includes(runs[n >> 1]!.letter.repeat(100 * KiB))).toBe(true);
  expect([reads.length, new Set(reads).size, atOnceMax()]).toEqual([47, 47, 2]);
  expect(specs.keptBytes).toBeLessThanOrEqual(300 * KiB);
  // What was read last is at hand, and using it keeps it there.
  const last = runs[46]!;
  expect(last.spec.atHand()).toBeDefined();
  for (let n = 0; n < 10; n++) {
    specs.of({ id: newRunId(1), task: 0, name: 'other' }, scriptOf(100 * KiB));
    expect(last.spec.atHand()).toBeDefined();
  }
});

it('have their secrets in clear, read or not', async () => {
  const { specs, stored } = world();
  const id = newRunId(1);
  const sealedSecrets = sealRunSecrets(sealer, id, { A: 'hunter2' })!;
  const source = { ...scriptOf(100 * KiB), sealedSecrets };
  stored.set(id, source);
  const spec = specs.of({ id, task: 0, name: 'n' }, source);
  const first = spec.atHand()!(host);
  // The very bytes for all: they are sent once for many hosts.
  expect(spec.atHand()!(other)).toBe(first);
  expect(Buffer.from(first).includes('hunter2')).toBe(true);
  for (let n = 0; n < 4; n++) specs.of({ id: newRunId(1), task: 0, name: 'other' }, scriptOf(100 * KiB));
  expect(spec.atHand()).toBeUndefined();
  expect(Buffer.from((await spec.read())!(host)).equals(first)).toBe(true);
});

it('have a join token of its own for each host, the same whenever it is asked for', async () => {
  const { specs, stored } = world();
  const id = newRunId(1);
  const joinToken = { url: 'https://drover.example', fingerprint: 'f', secret: 'of-all-hosts' };
  const source = {
    ...scriptOf(100 * KiB),
    sealedSecrets: sealRunSecrets(sealer, id, { A: 'alike', J: { joinToken } })!,
  };
  stored.set(id, source);
  const spec = specs.of({ id, task: 0, name: 'n' }, source);
  const secretsOf = (bytes: Uint8Array): Record<string, string> => decodeExecutionSpec(bytes).secrets;
  const [first, second] = [host, other].map((one) => secretsOf(spec.atHand()!(one)));
  expect([first!.A, second!.A]).toEqual(['alike', 'alike']);
  const tokens = [first, second].map((secrets) => parseJoinToken(secrets!.J!));
  for (const token of tokens) expect(token).toMatchObject({ url: joinToken.url, fingerprint: 'f' });
  expect(new Set([joinToken.secret, ...tokens.map(({ secret }) => secret)]).size).toBe(3);
  expect(tokens.map(({ secret }) => secret)).toEqual([host, other].map(({ id }) => hostJoinSecret('of-all-hosts', id)));
  for (let n = 0; n < 4; n++) specs.of({ id: newRunId(1), task: 0, name: 'other' }, scriptOf(100 * KiB));
  expect(spec.atHand()).toBeUndefined();
  expect(secretsOf((await spec.read())!(host))).toEqual(first);
});

it('are none where there is no such run any more; what cannot be read is tried again', async () => {
  const { specs, stored } = world();
  const id = newRunId(1);
  const spec = specs.of({ id, task: 0, name: 'n' }, scriptOf(400 * KiB));
  expect([spec.atHand(), await spec.read()]).toEqual([undefined, undefined]);
  const broken = new OrderSpecs({
    store: {
      taskSpec: async () => {
        if (stored.size === 0) throw new Error('away');
        return stored.get(id);
      },
    },
    sealer,
  });
  const other = broken.of({ id, task: 0, name: 'n' }, scriptOf(40_000 * KiB));
  await expect(other.read()).rejects.toThrow('away');
  stored.set(id, scriptOf(10 * KiB));
  expect(await other.read()).toBeDefined();
});

it('are at hand of the first steps of a job, and read for the others when their turn has come', async () => {
  const { specs, stored, reads } = world();
  const id = newRunId(1);
  stored.set(id, scriptOf(KiB));
  const tasks = Array.from({ length: 2_000 }, (_, task) => ({ task, source: scriptOf(KiB) }));
  const ofRun = specs.ofRun({ id, name: 'job' }, tasks);
  expect(tasks.filter(({ task }) => ofRun.of(task).atHand() !== undefined).map(({ task }) => task)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7,
  ]);
  expect(specs.keptBytes).toBe(0);
  expect(Buffer.from((await ofRun.of(1_999).read())!(host)).includes('xxx')).toBe(true);
  expect(reads).toEqual([id]);
});

it.each([
  ['small', KiB],
  ['large', 100 * KiB],
])(
  'that are %s are filled with what was told, anew in each round and for whoever has the run next',
  async (_size, bytes) => {
    const { specs, stored } = world();
    const id = newRunId(1);
    const spec = scriptOf(bytes);
    stored.set(id, spec);
    const filled = async (told: string, isRead: boolean): Promise<readonly string[]> => {
      const fill = (work: RunSpec['work']): RunSpec['work'] => ({ ...(work as ScriptWork), args: [told] });
      const own = specs
        .ofRun({ id, name: 'job' }, isRead ? [] : [{ task: 0, source: spec }], new Map([[0, fill]]))
        .of(0);
      const specOf = own.atHand() ?? (await own.read());
      return (decodeExecutionSpec(specOf!(host)).work as unknown as { args: string[] }).args;
    };
    for (const isRead of [false, true, true]) {
      expect(await filled('first', isRead)).toEqual(['first']);
      expect(await filled('second', isRead)).toEqual(['second']);
    }
  },
);
