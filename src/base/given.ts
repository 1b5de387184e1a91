/** The one way to leave out fields that are undefined (docs/STYLE.md). */

/** What is left of `T`: a field that may be undefined may be absent instead, and is never undefined. */
export type Given<T extends object> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/**
 * The fields that are given, as a new object: `{ name, ...given({ port, zone }) }` has `port` and `zone` only where they
 * are not undefined. So an optional field is absent rather than undefined, as `exactOptionalPropertyTypes`, the wire and
 * JSON want it. Null is a value and stays, for in a change it clears what was set; a column that may be null is given as
 * `row.port ?? undefined`. Only for literals: the keys are not to come from outside.
 */
export function given<T extends object>(fields: T): Given<T> {
  const kept: Partial<T> = {};
  for (const key in fields) if (fields[key] !== undefined) kept[key] = fields[key];
  return kept as unknown as Given<T>;
}

/** For what is built field by field where every attempt passes: there `given` would cost a second object. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };
