import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorCodeOf } from '../base/errors.ts';
import {
  AGENT_FRAMES,
  decodeFrame,
  encodeFrame,
  SERVER_FRAMES,
  WORKER_FRAMES,
  WORKER_TO_AGENT_FRAMES,
  type FrameShapes,
} from './codec.ts';

const ALL: readonly FrameShapes[] = [AGENT_FRAMES, WORKER_TO_AGENT_FRAMES, WORKER_FRAMES, SERVER_FRAMES];

const ofKind: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
  number: fc.oneof(
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
  ),
  boolean: fc.boolean(),
  bytes: fc.uint8Array({ maxLength: 300 }),
  object: fc
    .dictionary(
      fc.stringMatching(/^[a-z]{1,8}$/),
      fc.oneof(
        fc.string().map((text) => text.toWellFormed()),
        fc.integer(),
        fc.boolean(),
      ),
    )
    .map((fields) => ({ ...fields })),
  array: fc.array(fc.oneof(fc.stringMatching(/^[ -~]{0,20}$/), fc.integer())),
};

/** A frame of any type of a table, with its optional fields there or not. */
function frameOf(shapes: FrameShapes): fc.Arbitrary<Record<string, unknown>> {
  return fc.constantFrom(...Object.keys(shapes)).chain((t) => {
    const fields = Object.entries(shapes[t]!);
    const required = fields.filter(([, kind]) => !kind.endsWith('?')).map(([name]) => name);
    return fc
      .record(Object.fromEntries(fields.map(([name, kind]) => [name, ofKind[kind.replace('?', '')]!])), {
        requiredKeys: required,
        noNullPrototype: true,
      })
      .map((frame) => ({ t, ...frame }));
  });
}

function plain(frame: object): object {
  return Object.fromEntries(
    Object.entries(frame).map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value]),
  );
}

function refusalOf(bytes: Uint8Array, shapes: FrameShapes): string | undefined {
  try {
    decodeFrame(bytes, shapes);
    return undefined;
  } catch (error) {
    return errorCodeOf(error);
  }
}

describe('frames', () => {
  it.each(ALL.map((shapes, i) => [['agent', 'worker to agent', 'worker', 'server'][i]!, shapes] as const))(
    'of the %s come back as they went',
    (_who, shapes) => {
      fc.assert(
        fc.property(frameOf(shapes), (frame) => {
          expect(plain(decodeFrame(encodeFrame(frame), shapes)!)).toEqual(plain(frame));
        }),
      );
    },
  );

  it('with any one field of another kind, or missing, are refused', () => {
    const wrong = { string: 7, number: 'x', boolean: 1, bytes: 'x', object: [], array: {} } as const;
    for (const shapes of ALL) {
      for (const [t, shape] of Object.entries(shapes)) {
        const right = {
          string: 'x',
          number: 1,
          boolean: true,
          bytes: new Uint8Array(1),
          object: {},
          array: [],
        } as const;
        const frame: Record<string, unknown> = {
          t,
          ...Object.fromEntries(
            Object.entries(shape).map(([name, kind]) => [name, right[kind.replace('?', '') as keyof typeof right]]),
          ),
        };
        expect(refusalOf(encodeFrame(frame), shapes), t).toBeUndefined();
        for (const [name, kind] of Object.entries(shape)) {
          expect(
            refusalOf(encodeFrame({ ...frame, [name]: wrong[kind.replace('?', '') as keyof typeof wrong] }), shapes),
            `${t}.${name}`,
          ).toBe('frame-invalid');
          expect(refusalOf(encodeFrame({ ...frame, [name]: null }), shapes), `${t}.${name} missing`).toBe(
            kind.endsWith('?') ? undefined : 'frame-invalid',
          );
        }
      }
    }
  });

  it('of any bytes whatever are refused or understood, never more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...ALL), (bytes, shapes) => {
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
  ])('that promise %s are refused without taking the memory for it', (_what, head) => {
    const before = process.memoryUsage().rss;
    expect(refusalOf(Uint8Array.from(head), AGENT_FRAMES)).toBe('frame-invalid');
    expect(process.memoryUsage().rss - before).toBeLessThan(256 << 20);
  });

  it('cannot reach the prototype of anything', () => {
    const frame = encodeFrame({ t: 'facts', facts: { name: 'x', os: 'linux' } });
    const hostile = Buffer.from(
      frame.toString('latin1').replace('\xa4name', '\xa9__proto__').replace('\xa1x', '\x81\xa3bad\xc3'),
      'latin1',
    );
    const decoded = decodeFrame(hostile, AGENT_FRAMES) as { facts?: { bad?: boolean } } | undefined;
    expect(({} as { bad?: boolean }).bad).toBeUndefined();
    expect(decoded?.facts?.bad).toBeUndefined();
    expect(refusalOf(encodeFrame({ t: 'constructor' }), AGENT_FRAMES)).toBeUndefined();
    expect(decodeFrame(encodeFrame({ t: 'toString' }), AGENT_FRAMES)).toBeUndefined();
  });
});
