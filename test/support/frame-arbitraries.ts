/** Frames out of the shapes themselves: good ones, and ones that a hostile peer might send. A frame that is added to a table is tried without being named here. */
import fc from 'fast-check';
import { attemptId, newRunId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { encodeFrame } from '../../src/link/codec.ts';
import type { FrameShapes, OptionalShape, Shape, ShapeKind } from '../../src/protocol/link/shape.ts';

const UUIDS = fc.uuid();
const SMALL = 8;

/** What a shape takes; lists and texts are short, their bounds are tried on their own. */
export function valueOf(shape: Shape<unknown>): fc.Arbitrary<unknown> {
  const { is } = shape;
  switch (is.kind) {
    case 'text':
    case 'words':
      return fc
        .string({ unit: 'binary', maxLength: Math.min(is.max, 60) })
        .map((text) => text.toWellFormed().replaceAll('\0', '.').slice(0, is.max).toWellFormed());
    case 'pattern':
      return patterned(is);
    case 'integer':
      return fc.oneof(fc.constantFrom(is.min, is.max), fc.integer({ min: is.min, max: is.max }));
    case 'number':
      return fc.oneof(
        fc.constantFrom(Math.max(0, is.min), is.max),
        fc.double({ min: is.min, max: is.max, noNaN: true }).filter((n) => !Object.is(n, -0)),
      );
    case 'truth':
      return fc.boolean();
    case 'bytes':
      return fc.uint8Array({ minLength: is.min, maxLength: Math.max(is.min, Math.min(is.max, 200)) });
    case 'oneOf':
      return fc.constantFrom(...is.values);
    case 'list':
      return fc.array(valueOf(is.of), { maxLength: Math.min(is.max, SMALL) });
    case 'dictionary':
      return fc
        .array(fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), valueOf(is.of)), { maxLength: Math.min(is.max, SMALL) })
        .map((entries) => Object.fromEntries(entries));
    case 'record':
      return fieldsOf(is.fields);
    case 'variants':
      return fc.oneof(
        ...Object.entries(is.of).map(([kind, fields]) =>
          valueOf(fields).map((value) => ({ ...(value as object), [is.by]: kind })),
        ),
      );
  }
}

function patterned({ pattern }: Extract<ShapeKind, { kind: 'pattern' }>): fc.Arbitrary<string> {
  const attempts = fc
    .tuple(fc.nat(3), fc.nat(9), fc.integer({ min: 1, max: 3 }))
    .map(([task, ordinal, attempt]) => attemptId({ runId: newRunId(1_800_000_000_000), task, ordinal, attempt }));
  return fc
    .oneof(UUIDS, attempts, fc.constantFrom('internal', 'host-not-linked', 'of-tomorrow'))
    .filter((text) => pattern.test(text));
}

function fieldsOf(fields: Readonly<Record<string, Shape<unknown> | OptionalShape<unknown>>>): fc.Arbitrary<object> {
  const entries = Object.entries(fields);
  return fc.record(
    Object.fromEntries(entries.map(([name, field]) => [name, valueOf('optional' in field ? field.optional : field)])),
    {
      requiredKeys: entries.filter(([, field]) => !('optional' in field)).map(([name]) => name),
      noNullPrototype: true,
    },
  );
}

export interface AnyFrame {
  t: string;
  [field: string]: unknown;
}

/** Good frames of the given types, of all of them unless said. */
export function frameOf(shapes: FrameShapes, types = Object.keys(shapes)): fc.Arbitrary<AnyFrame> {
  return fc.oneof(...types.map((t) => valueOf(shapes[t]!).map((fields) => ({ ...(fields as object), t }))));
}

/** What no field wants, or only another one. */
const ODD: fc.Arbitrary<unknown> = fc.constantFrom<unknown[]>(
  null,
  [],
  {},
  [null],
  [[[[[[]]]]]],
  { a: { b: { c: {} } } },
  { toString: 7, constructor: null, hasOwnProperty: 1 },
  '',
  '\0',
  '\ud800',
  '__proto__',
  'x'.repeat(100_000),
  -1,
  0.5,
  -0,
  2 ** 31,
  2 ** 53,
  2 ** 63,
  -(2 ** 53),
  1e300,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  10n ** 18n,
  true,
  new Uint8Array(0),
  new Uint8Array(70_000),
  Array.from({ length: 20_000 }, () => null),
  Array.from({ length: 20_000 }, () => ({})),
);

/** A good frame of which something, anywhere in it, is missing, odd, or too much; some of them are good still. */
export function hostileFrameOf(shapes: FrameShapes, types?: string[]): fc.Arbitrary<AnyFrame> {
  return fc
    .tuple(frameOf(shapes, types), fc.nat(), ODD, fc.constantFrom('put', 'drop', 'add'))
    .map(([frame, at, odd, how]) => {
      const places: { within: Record<string, unknown>; name: string }[] = [];
      const walk = (value: unknown): void => {
        if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
        for (const name of Object.keys(value)) {
          places.push({ within: value as Record<string, unknown>, name });
          walk((value as Record<string, unknown>)[name]);
        }
      };
      const hostile = structuredClone(frame);
      walk(hostile);
      const usable = places.filter(({ within, name }) => within !== (hostile as object) || name !== 't');
      const place = usable[at % Math.max(1, usable.length)];
      if (!place || how === 'add') hostile[`of-tomorrow-${at}`] = odd;
      else if (how === 'drop' && !Array.isArray(place.within)) delete place.within[place.name];
      else place.within[place.name] = odd;
      return hostile;
    });
}

/** What a hostile peer puts on a socket: bytes or text of a message, or a ping. */
export type HostileMessage = { readonly bytes: Uint8Array } | { readonly text: string } | { readonly ping: Uint8Array };

/** Frames of every kind with something odd in them, frames that are cut, and what is no frame at all; the same ones for the same seed. */
export function hostileMessages(shapes: FrameShapes, seed: number, perKind: number): HostileMessage[] {
  const odd = Object.keys(shapes).map((t) => hostileFrameOf(shapes, [t]).map(encodeFrame));
  const cut = fc
    .tuple(frameOf(shapes).map(encodeFrame), fc.nat())
    .map(([bytes, at]) => bytes.subarray(0, at % bytes.length));
  const arbitraries: fc.Arbitrary<HostileMessage>[] = [
    ...[...odd, cut, fc.uint8Array({ maxLength: 400 })].map((some) => some.map((bytes) => ({ bytes }))),
    fc.string({ maxLength: 50 }).map((text) => ({ text })),
    fc.uint8Array({ maxLength: 125 }).map((ping) => ({ ping })),
  ];
  const sampled = arbitraries.flatMap((some, n) => fc.sample(some, { seed: seed + n, numRuns: perKind }));
  // In an order that mixes the kinds.
  const mixed = sampled.map(
    (_, n) => sampled[(n % perKind) * arbitraries.length + Math.floor(n / perKind)] ?? sampled[n]!,
  );
  const huge = [...HUGE, ...overfull(shapes, seed).map(encodeFrame)];
  return [...mixed, ...huge.map((bytes) => ({ bytes }))];
}

const OVERFULL = Array.from({ length: limits.frameValuesMax / 2 }, () => null);

/** For every list that a frame has: a good frame, but for as many values in that list as may come over a link at all. */
function overfull(shapes: FrameShapes, seed: number): AnyFrame[] {
  return Object.entries(shapes).flatMap(([t, { is }]) => {
    const lists =
      is.kind === 'record'
        ? Object.entries(is.fields).flatMap(([name, field]) => {
            const shape = 'optional' in field ? field.optional : field;
            return shape.is.kind === 'list' ? [name] : [];
          })
        : [];
    return lists.flatMap((name) =>
      fc.sample(frameOf(shapes, [t]), { seed, numRuns: 1 }).map((frame) => ({ ...frame, [name]: OVERFULL })),
    );
  });
}

const listOf = (values: number, value: number, bytes = values + 5): Buffer => {
  const list = Buffer.alloc(bytes, value);
  list[0] = 0xdd;
  list.writeUInt32BE(values, 1);
  return list;
};
/** As large as a message may be, and one beyond: lists within lists, of nothing, of empty maps, of more than there is. */
const HUGE: readonly Uint8Array[] = [
  Buffer.alloc(limits.frameBytesMax, 0x91),
  Buffer.alloc(limits.frameBytesMax, 0x81),
  listOf(limits.frameBytesMax - 5, 0xc0),
  listOf(limits.frameBytesMax - 5, 0x80),
  listOf(0xffff_ffff, 0x80, 1_000),
  Buffer.alloc(limits.frameBytesMax + 1, 0xc0),
];
