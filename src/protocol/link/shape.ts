/**
 * Shapes of what comes over a link. A shape reads a value whole: it answers with a copy that has what the shape names
 * and nothing else, or throws a `ShapeFault`. Written here rather than taken from a library because every frame of ten
 * thousand agents passes through. A shape also says what it takes, so that tests can make values of it, good and bad.
 */
import { limits } from '../../base/limits.ts';

export interface Shape<T> {
  /** What it takes, for tests. */
  readonly is: ShapeKind;
  /** `at` names the field, for the fault. */
  read(value: unknown, at: string): T;
}
/** A field that may be missing; nil counts as missing. */
export interface OptionalShape<T> {
  readonly optional: Shape<T>;
}
export type ShapeKind =
  | { readonly kind: 'text' | 'words'; readonly max: number }
  | { readonly kind: 'pattern'; readonly pattern: RegExp; readonly max: number }
  | { readonly kind: 'integer' | 'number' | 'bytes'; readonly min: number; readonly max: number }
  | { readonly kind: 'truth' }
  | { readonly kind: 'oneOf'; readonly values: readonly (string | number)[] }
  | { readonly kind: 'list' | 'dictionary'; readonly of: Shape<unknown>; readonly max: number }
  | { readonly kind: 'record'; readonly fields: Readonly<Record<string, Shape<unknown> | OptionalShape<unknown>>> }
  | { readonly kind: 'variants'; readonly by: string; readonly of: Readonly<Record<string, Shape<unknown>>> };

/**
 * A shape for every field of T, optional where the field is: a field that is added to an interface does not compile
 * before its shape is there.
 */
export type FieldsOf<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K> ? OptionalShape<Exclude<T[K], undefined>> : Shape<T[K]>;
};
export interface FrameShape extends Shape<object> {
  /** Values (names, texts, numbers, lists, maps) that a frame of this type has at most, fields of a newer peer included. */
  readonly valuesMax?: number;
}
/** The frames of one direction by their type. */
export type FrameShapes = Readonly<Record<string, FrameShape>>;

export class ShapeFault extends Error {}

function refuse(at: string, wanted: string): never {
  throw new ShapeFault(`${at} is not ${wanted}`);
}

// — values —

/** Text that is stored or compared as it is: no NUL and no half of a surrogate pair, which PostgreSQL has no place for. */
export function text(max: number): Shape<string> {
  const wanted = `a text of up to ${max} characters`;
  return {
    is: { kind: 'text', max },
    read: (value, at) =>
      typeof value === 'string' && value.length <= max && value.isWellFormed() && !value.includes('\0')
        ? value
        : refuse(at, wanted),
  };
}

/** What is only shown to people: any text is taken, cut and cleaned rather than refused, for a host may have odd words. */
export function words(max: number): Shape<string> {
  return {
    is: { kind: 'words', max },
    read(value, at) {
      if (typeof value !== 'string') return refuse(at, 'a text');
      const cut = value.length > max ? value.slice(0, max) : value;
      return cut.isWellFormed() && !cut.includes('\0') ? cut : cut.replaceAll('\0', '\uFFFD').toWellFormed();
    },
  };
}

/** `pattern` is anchored and linear in the length. */
export function matching(pattern: RegExp, max: number, wanted: string): Shape<string> {
  return {
    is: { kind: 'pattern', pattern, max },
    read: (value, at) =>
      typeof value === 'string' && value.length <= max && pattern.test(value) ? value : refuse(at, wanted),
  };
}

export function integer(min: number, max: number): Shape<number> {
  const wanted = `a whole number from ${min} to ${max}`;
  return {
    is: { kind: 'integer', min, max },
    read: (value, at) =>
      typeof value === 'number' && value >= min && value <= max && Number.isInteger(value) ? value : refuse(at, wanted),
  };
}

/** NaN and infinities are outside of every range. */
export function number(min: number, max: number): Shape<number> {
  const wanted = `a number from ${min} to ${max}`;
  return {
    is: { kind: 'number', min, max },
    read: (value, at) => (typeof value === 'number' && value >= min && value <= max ? value : refuse(at, wanted)),
  };
}

export const truth: Shape<boolean> = {
  is: { kind: 'truth' },
  read: (value, at) => (typeof value === 'boolean' ? value : refuse(at, 'true or false')),
};

export function bytes(min: number, max: number): Shape<Uint8Array> {
  const wanted = min === max ? `${min} bytes` : `${min} to ${max} bytes`;
  return {
    is: { kind: 'bytes', min, max },
    read: (value, at) =>
      value instanceof Uint8Array && value.length >= min && value.length <= max ? value : refuse(at, wanted),
  };
}

export function oneOf<const T extends string | number>(...values: readonly T[]): Shape<T> {
  const known: ReadonlySet<unknown> = new Set(values);
  const wanted = `one of ${values.join(', ')}`;
  return {
    is: { kind: 'oneOf', values },
    read: (value, at) => (known.has(value) ? (value as T) : refuse(at, wanted)),
  };
}

// — what is made of them —

export function optional<T>(shape: Shape<T>): OptionalShape<T> {
  return { optional: shape };
}

export function list<T>(of: Shape<T>, max: number): Shape<T[]> {
  const wanted = `a list of up to ${max}`;
  return {
    is: { kind: 'list', of, max },
    read(value, at) {
      if (!Array.isArray(value) || value.length > max) return refuse(at, wanted);
      for (let i = 0; i < value.length; i++) value[i] = of.read(value[i], at);
      return value as T[];
    },
  };
}

/** Values by names that are not known beforehand; the names are texts of up to `nameMax`. */
export function dictionary<T>(of: Shape<T>, max: number, nameMax: number): Shape<Record<string, T>> {
  const name = text(nameMax);
  return {
    is: { kind: 'dictionary', of, max },
    read(value, at) {
      const entries = Object.entries(mapOf(value, at));
      if (entries.length > max) return refuse(at, `a map of up to ${max}`);
      return Object.fromEntries(entries.map(([key, part]) => [name.read(key, at), of.read(part, at)]));
    },
  };
}

export function record<T>(fields: FieldsOf<T>): Shape<T> {
  const known = fields as Readonly<Record<string, Shape<unknown> | OptionalShape<unknown>>>;
  const parts = Object.entries(known).map(([name, field]) => ({
    name,
    shape: 'optional' in field ? field.optional : field,
    isOptional: 'optional' in field,
  }));
  return {
    is: { kind: 'record', fields: known },
    read(value, at) {
      const from = mapOf(value, at);
      const read: Record<string, unknown> = {};
      for (let i = 0; i < parts.length; i++) {
        const { name, shape, isOptional } = parts[i]!;
        const part = from[name];
        if (isOptional && (part === undefined || part === null)) continue;
        read[name] = shape.read(part, name);
      }
      return read as T;
    },
  };
}

type VariantOf<T, By extends string, V> = T extends Record<By, infer K> ? (V extends K ? Omit<T, By> : never) : never;
/** One of several records, told apart by the field `by`. */
export function variants<T extends Record<By, string>, By extends string>(
  by: By,
  of: { readonly [V in T[By]]: FieldsOf<VariantOf<T, By, V>> },
): Shape<T> {
  const known = recordsOf(of);
  return {
    is: { kind: 'variants', by, of: known },
    read(value, at) {
      const kind: unknown = mapOf(value, at)[by];
      if (typeof kind !== 'string' || !Object.hasOwn(known, kind)) return refuse(by, 'known here');
      const read = known[kind]!.read(value, at) as Record<string, unknown>;
      read[by] = kind;
      return read as T;
    },
  };
}

/** The frames of one direction, told apart by `t`: every type of F, with every field of each. */
export function frameShapes<F extends { t: string }>(
  of: {
    readonly [T in F['t']]: FieldsOf<Omit<Extract<F, { t: T }>, 't'>>;
  },
): FrameShapes {
  return Object.fromEntries(
    Object.entries(recordsOf(of)).map(([t, shape]) => [t, { ...shape, valuesMax: withFieldsOfTomorrow(shape.is) }]),
  );
}

/** A newer peer may say twice as much of everything, and something besides; nothing of it is read here. */
function withFieldsOfTomorrow(kind: ShapeKind): number {
  return Math.min(2 * valuesOf(kind) + 1_000, limits.frameValuesMax);
}

/** Values that a value of this kind has at most, itself included. */
function valuesOf(kind: ShapeKind): number {
  switch (kind.kind) {
    case 'list':
      return 1 + kind.max * valuesOf(kind.of.is);
    case 'dictionary':
      return 1 + kind.max * (1 + valuesOf(kind.of.is));
    case 'record':
      return Object.values(kind.fields).reduce(
        (sum, field) => sum + 1 + valuesOf(('optional' in field ? field.optional : field).is),
        1,
      );
    case 'variants':
      return 2 + Math.max(...Object.values(kind.of).map(({ is }) => valuesOf(is)));
    default:
      return 1;
  }
}

function recordsOf(of: object): Readonly<Record<string, Shape<object>>> {
  return Object.fromEntries(Object.entries(of).map(([name, fields]) => [name, record(fields as FieldsOf<object>)]));
}

function mapOf(value: unknown, at: string): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
    ? (value as Record<string, unknown>)
    : refuse(at, 'a map');
}
