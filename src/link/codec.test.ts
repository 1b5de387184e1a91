import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it, vi } from 'vitest';
import { hostileFrameOf, frameOf } from '../../test/support/frame-arbitraries.ts';
import { errorCodeOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../protocol/link/agent-frames.ts';
import type { FrameShapes, Shape } from '../protocol/link/shape.ts';
import { SERVER_FRAMES, WORKER_FRAMES } from '../protocol/link/worker-frames.ts';
import { decodeFrame, encodeFrame } from './codec.ts';

const ALL: readonly (readonly [string, FrameShapes])[] = [
  ['agent', AGENT_FRAMES],
  ['worker to agent', WORKER_TO_AGENT_FRAMES],
  ['worker', WORKER_FRAMES],
  ['server', SERVER_FRAMES],
];
const A = '01936f2e-0000-7000-8000-000000000000.0.7.1';

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

function refusalOf(bytes: Uint8Array, shapes: FrameShapes): string | undefined {
  try {
    decodeFrame(bytes, shapes);
    return undefined;
  } catch (error) {
    return errorCodeOf(error);
  }
}

const OF_FACTS = { version: '1', bootId: 'b', nowMs: 1 };

describe('frames', () => {
  it.each(ALL)('of the %s come back as they went', (_who, shapes) => {
    fc.assert(
      fc.property(frameOf(shapes), (frame) => {
        expect(plain(decodeFrame(encodeFrame(frame), shapes))).toEqual(plain(frame));
      }),
      { numRuns: 300 },
    );
  });

  it.each(ALL)('of the %s that are odd anywhere are refused, or read without what is odd', (_who, shapes) => {
    fc.assert(
      fc.property(hostileFrameOf(shapes), (frame) => {
        const bytes = encodeFrame(frame);
        const refusal = refusalOf(bytes, shapes);
        if (refusal !== undefined) {
          expect(refusal).toBe('frame-invalid');
          return;
        }
        const read = decodeFrame(bytes, shapes)!;
        // What was read is a frame on its own, with nothing in it that no shape names.
        expect(plain(decodeFrame(encodeFrame(read), shapes))).toEqual(plain(read));
        expect(Object.keys(read).some((name) => name.startsWith('of-tomorrow'))).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [
      'an object where a text belongs',
      { t: 'facts', ...OF_FACTS, facts: { name: { toString: 7 }, os: 'linux' } },
      AGENT_FRAMES,
    ],
    ['an outcome that is its name alone', report({ outcome: 'exited', exitCode: 0 }), AGENT_FRAMES],
    ['an outcome of a kind that nobody knows', report({ outcome: { kind: 'constructor' } }), AGENT_FRAMES],
    ['an exit without its code', report({ outcome: { kind: 'exited' } }), AGENT_FRAMES],
    ['an exit code beyond int4', report({ outcome: { kind: 'exited', code: 2 ** 31 } }), AGENT_FRAMES],
    ['a refusal without its reason', report({ outcome: { kind: 'refused' } }), AGENT_FRAMES],
    ['an unknown end without its reason', report({ outcome: { kind: 'unknown' } }), AGENT_FRAMES],
    [
      'a deadline after which nobody knows what came',
      report({ outcome: { kind: 'timed_out', end: { kind: 'refused' } } }),
      AGENT_FRAMES,
    ],
    ['survivors that are no numbers', report({ survivors: [{ toString: null }] }), AGENT_FRAMES],
    ['attempts of nothing', { ...hello(), attempts: [null] }, AGENT_FRAMES],
    ['agents of nothing', { t: 'agents', agents: [null], last: true }, WORKER_FRAMES],
    ['events of nothing', { t: 'events', events: [null] }, WORKER_FRAMES],
    ['a sequence beyond int4', chunk(2 ** 31), AGENT_FRAMES],
    ['a sequence beyond what may be kept', chunk(limits.outputKeptBytesMax / limits.outputChunkBytes), AGENT_FRAMES],
    ['a sequence that is no number', chunk(Number.NaN), AGENT_FRAMES],
    ['an attempt with a NUL', { t: 'accepted', a: `${A}\0` }, AGENT_FRAMES],
    ['an instant that no date has', report({ finishedAtMs: Number.MAX_SAFE_INTEGER }), AGENT_FRAMES],
    [
      'more hosts than a frame has',
      { t: 'revoked', agentIds: Array.from({ length: limits.hostsPerFrameMax + 1 }, () => A.slice(0, 36)) },
      SERVER_FRAMES,
    ],
  ])('with %s are refused', (_what, frame, shapes) => {
    expect(refusalOf(encodeFrame(frame), shapes)).toBe('frame-invalid');
  });

  it('are taken at each bound, and refused one beyond', () => {
    const chunksMax = limits.outputKeptBytesMax / limits.outputChunkBytes;
    expect(refusalOf(encodeFrame(chunk(chunksMax - 1)), AGENT_FRAMES)).toBeUndefined();
    expect(
      refusalOf(encodeFrame({ ...chunk(0), bytes: Buffer.alloc(limits.outputChunkBytes) }), AGENT_FRAMES),
    ).toBeUndefined();
    expect(
      refusalOf(encodeFrame({ ...chunk(0), bytes: Buffer.alloc(limits.outputChunkBytes + 1) }), AGENT_FRAMES),
    ).toBe('frame-invalid');
    const ids = (n: number) => ({ t: 'revoked', agentIds: Array.from({ length: n }, () => A.slice(0, 36)) });
    expect(refusalOf(encodeFrame(ids(limits.hostsPerFrameMax)), SERVER_FRAMES)).toBeUndefined();
    expect(refusalOf(encodeFrame(ids(limits.hostsPerFrameMax + 1)), SERVER_FRAMES)).toBe('frame-invalid');
  });

  it('of an agent that links tell of as many attempts as an agent holds', () => {
    const told = (count: number) =>
      encodeFrame({ ...hello(), attempts: Array.from({ length: count }, () => ({ a: A, state: 'running' })) });
    expect(refusalOf(told(limits.executionsPerAgentMax), AGENT_FRAMES)).toBeUndefined();
    expect(refusalOf(told(limits.executionsPerAgentMax + 1), AGENT_FRAMES)).toBe('frame-invalid');
  });

  it('hold so many values, are nested so deep, and not more', () => {
    const UNKNOWN = 't-of-another-day';
    // The map, its type and the name of it, the name of the list, and the list.
    const wide = (values: number) => encodeFrame({ t: UNKNOWN, x: Array(values - 5).fill(1) });
    expect(refusalOf(wide(limits.frameValuesMax), AGENT_FRAMES)).toBeUndefined();
    expect(refusalOf(wide(limits.frameValuesMax + 1), AGENT_FRAMES)).toBe('frame-invalid');
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    const deep = (depth: number) => encodeFrame({ t: UNKNOWN, x: nested(depth - 1) });
    expect(refusalOf(deep(limits.frameDepthMax), AGENT_FRAMES)).toBeUndefined();
    expect(refusalOf(deep(limits.frameDepthMax + 1), AGENT_FRAMES)).toBe('frame-invalid');
  });

  it('of types that are not known here are passed over, and nothing of them is unpacked', () => {
    const unpack = vi.spyOn(Packr.prototype, 'unpack');
    const maps = Array.from({ length: 60_000 }, (_, n) => ({ [`k${n}`]: 1 }));
    for (const [, shapes] of ALL) {
      expect(decodeFrame(encodeFrame({ t: 'of-tomorrow', x: maps }), shapes)).toBeUndefined();
      expect(decodeFrame(encodeFrame({ x: maps, t: 'of-tomorrow' }), shapes)).toBeUndefined();
    }
    expect(unpack).not.toHaveBeenCalled();
    decodeFrame(encodeFrame({ t: 'accepted', a: A }), AGENT_FRAMES);
    expect(unpack).toHaveBeenCalledOnce();
    unpack.mockRestore();
  });

  it('say what they are by the name t of the outermost map, wherever it stands, and by nothing else', () => {
    expect(decodeFrame(encodeFrame({ a: A, x: [{ t: 'renew' }, 't', 'renew'], t: 'accepted' }), AGENT_FRAMES)).toEqual({
      t: 'accepted',
      a: A,
    });
    for (const frame of [
      { x: { t: 'accepted' }, a: A },
      { x: 't', accepted: A },
      ['t', 'accepted'],
      { t: 7 },
      { t: null },
      {},
      7,
    ])
      expect(refusalOf(encodeFrame(frame as object), AGENT_FRAMES)).toBe('frame-invalid');
    // What is read is what was found, also where a peer says two.
    const entries = (frame: object): Buffer => encodeFrame(frame).subarray(3);
    const map16 = Buffer.from([0xde, 0, 3]);
    const twice = Buffer.concat([map16, entries({ t: 'accepted', a: A }), entries({ t: 'renew' })]);
    expect(decodeFrame(twice, AGENT_FRAMES)).toEqual({ t: 'accepted', a: A });
  });

  it('hold no more values than a frame of their type has, with room for fields of tomorrow', () => {
    const more = (count: number) => encodeFrame({ t: 'accepted', a: A, of: Array(count).fill(null) });
    expect(refusalOf(more(500), AGENT_FRAMES)).toBeUndefined();
    expect(refusalOf(more(5_000), AGENT_FRAMES)).toBe('frame-invalid');
    const most = Object.values(AGENT_FRAMES).map(({ valuesMax }) => valuesMax!);
    expect(Math.max(...most)).toBeLessThan(limits.frameValuesMax / 20);
  });

  it('tell of as many addresses and disks of a host as anybody reads', () => {
    const facts = (addresses: number, disks: number) =>
      encodeFrame({
        t: 'facts',
        ...OF_FACTS,
        facts: {
          name: 'h',
          os: 'linux',
          addresses: Array(addresses).fill('10.0.0.1'),
          disks: Array(disks).fill({ mount: '/', totalBytes: 1, freeBytes: 1 }),
        },
      });
    const [addresses, disks] = [limits.factsAddressesMax, limits.factsDisksMax];
    expect(refusalOf(facts(addresses, disks), AGENT_FRAMES)).toBeUndefined();
    expect(refusalOf(facts(addresses + 1, disks), AGENT_FRAMES)).toBe('frame-invalid');
    expect(refusalOf(facts(addresses, disks + 1), AGENT_FRAMES)).toBe('frame-invalid');
  });

  it('that show links of agents are as short and as few as they need be', () => {
    const agents = (n: number, size: number) => ({
      t: 'agents',
      last: true,
      agents: Array.from({ length: n }, () => ({
        hostId: A.slice(0, 36),
        agentId: A.slice(0, 36),
        sinceMs: 1,
        proof: { body: Buffer.alloc(size), mac: Buffer.alloc(32) },
      })),
    });
    expect(
      refusalOf(encodeFrame(agents(limits.linksPerFrameMax, limits.linkProofBytesMax)), WORKER_FRAMES),
    ).toBeUndefined();
    expect(refusalOf(encodeFrame(agents(limits.linksPerFrameMax + 1, 1)), WORKER_FRAMES)).toBe('frame-invalid');
    expect(refusalOf(encodeFrame(agents(1, limits.linkProofBytesMax + 1)), WORKER_FRAMES)).toBe('frame-invalid');
  });

  it('have the words that hosts say cut and cleaned, not refused', () => {
    const read = decodeFrame(encodeFrame(report({ detail: `a\0b\ud800${'x'.repeat(1e5)}` })), AGENT_FRAMES);
    const { detail } = read as unknown as { detail: string };
    expect(detail.slice(0, 4)).toBe('a\uFFFDb\uFFFD');
    expect(detail).toHaveLength(limits.reasonLengthMax);
  });

  it('of any bytes whatever are refused or understood, never more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...ALL), (bytes, [, shapes]) => {
        expect([undefined, 'frame-invalid']).toContain(refusalOf(bytes, shapes));
      }),
      { numRuns: 2_000 },
    );
  });

  it('cut anywhere or with a bit turned are refused or understood, never more', () => {
    fc.assert(
      fc.property(frameOf(AGENT_FRAMES), fc.nat(), fc.nat(7), (frame, at, bit) => {
        const bytes = encodeFrame(frame);
        const turned = Buffer.from(bytes);
        turned[at % turned.length]! ^= 1 << bit;
        for (const broken of [bytes.subarray(0, at % bytes.length), turned])
          expect([undefined, 'frame-invalid']).toContain(refusalOf(broken, AGENT_FRAMES));
      }),
    );
  });

  it.each([
    ['a list of two thousand million', [0xdd, 0x7f, 0xff, 0xff, 0xff]],
    ['a map of two thousand million', [0xdf, 0x7f, 0xff, 0xff, 0xff]],
    ['two thousand million bytes', [0xc6, 0x7f, 0xff, 0xff, 0xff]],
    ['a text of two thousand million', [0xdb, 0x7f, 0xff, 0xff, 0xff]],
    ['a list in a list in a list, without end', Array.from({ length: 1 << 20 }, () => 0x91)],
    ['eight million empty maps', [0xdd, 0x00, 0x7f, 0xff, 0xf0, ...Array.from({ length: 0x7ffff0 }, () => 0x80)]],
  ])('that promise %s are refused without taking the memory for it', (_what, head) => {
    const bytes = Uint8Array.from(head);
    const before = process.memoryUsage().rss;
    expect(refusalOf(bytes, AGENT_FRAMES)).toBe('frame-invalid');
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
  });

  it.each([
    ['an instant', [0xd6, 0xff, 0, 0, 0, 1]],
    ['a record of its own', [0xd4, 0x72, 0x40]],
    ['texts in a bundle', [0xd6, 0x62, 0, 0, 0, 1]],
    ['a class', [0xc7, 3, 0x65, 0xc0, 0xc0, 0xc0]],
    ['the byte that means nothing', [0xc1]],
  ])('with %s in them are refused: no frame has extensions', (_what, extension) => {
    const frame = Buffer.concat([
      Buffer.from([0x82, 0xa1, 0x74, 0xa4]),
      Buffer.from('busy'),
      Buffer.from([0xa1, 0x61]),
      Buffer.from(extension),
    ]);
    expect(refusalOf(frame, AGENT_FRAMES)).toBe('frame-invalid');
  });

  it('of texts that are no UTF-8 are read as texts that can be stored', () => {
    const frame = encodeFrame({ ...hello(), version: 'abc' });
    const hostile = Buffer.from(frame.toString('latin1').replace('\xa3abc', '\xa3\xed\xa0\x80'), 'latin1');
    const { version } = decodeFrame(hostile, AGENT_FRAMES) as unknown as { version: string };
    expect(version.isWellFormed()).toBe(true);
  });

  it('with bytes behind their end are refused', () => {
    expect(refusalOf(Buffer.concat([encodeFrame({ t: 'busy', a: A }), Buffer.from([0xc0])]), AGENT_FRAMES)).toBe(
      'frame-invalid',
    );
  });

  it('cannot reach the prototype of anything', () => {
    const frame = encodeFrame({ t: 'facts', ...OF_FACTS, facts: { name: 'x', os: 'linux', labels: { name: 'x' } } });
    const hostile = Buffer.from(
      frame.toString('latin1').replace('\x81\xa4name\xa1x', '\x81\xa9__proto__\xa1x'),
      'latin1',
    );
    const decoded = decodeFrame(hostile, AGENT_FRAMES) as unknown as { facts: { labels: object } };
    expect(Object.getPrototypeOf(decoded.facts.labels)).toBe(Object.prototype);
    expect(({} as { bad?: boolean }).bad).toBeUndefined();
    expect(decodeFrame(encodeFrame({ t: 'constructor' }), AGENT_FRAMES)).toBeUndefined();
    expect(decodeFrame(encodeFrame({ t: 'toString' }), AGENT_FRAMES)).toBeUndefined();
    expect(refusalOf(encodeFrame({ t: 'events', events: [{ k: 'constructor' }] }), WORKER_FRAMES)).toBe(
      'frame-invalid',
    );
  });
});

describe('every place of every frame', () => {
  it('has a bound of its own', () => {
    const unbound: string[] = [];
    const walk = (shape: Shape<unknown>, path: string): void => {
      const { is } = shape;
      if ('max' in is && !(is.max <= 2 ** 64)) unbound.push(path);
      if (is.kind === 'list' || is.kind === 'dictionary') walk(is.of, `${path}[]`);
      if (is.kind === 'variants') for (const [name, part] of Object.entries(is.of)) walk(part, `${path}(${name})`);
      if (is.kind === 'record')
        for (const [name, field] of Object.entries(is.fields))
          walk('optional' in field ? field.optional : field, `${path}.${name}`);
    };
    for (const [who, shapes] of ALL) for (const [t, shape] of Object.entries(shapes)) walk(shape, `${who} ${t}`);
    expect(unbound).toEqual([]);
  });
});

function report(more: object): object {
  const nothing = { size: 0, head: 0, tail: 0 };
  return {
    t: 'report',
    a: A,
    outcome: { kind: 'exited', code: 0 },
    finishedAtMs: 1,
    stdout: nothing,
    stderr: nothing,
    ...more,
  };
}
function hello(): object {
  const id = A.slice(0, 36);
  return {
    t: 'hello',
    protocol: { min: 1, max: 1 },
    agentId: id,
    hostId: id,
    version: '1',
    bootId: 'b',
    nowMs: 1,
    proof: { body: Buffer.alloc(1), mac: Buffer.alloc(32) },
    attempts: [],
  };
}
function chunk(seq: number): object {
  return { t: 'chunk', a: A, stream: 1, seq, bytes: Buffer.alloc(1) };
}
