import { describe, expect, expectTypeOf, it } from 'vitest';
import { given } from './given.ts';

interface Host {
  readonly name: string;
  readonly port?: number;
  readonly isUp?: boolean;
}

function host(name: string, port: number | undefined, isUp: boolean | undefined): Host {
  return { name, ...given({ port, isUp }) };
}

describe('fields that are given', () => {
  it('are there, falsy ones too', () => {
    expect(host('a', 0, false)).toStrictEqual({ name: 'a', port: 0, isUp: false });
    expect(given({ text: '', nothing: Number.NaN })).toStrictEqual({ text: '', nothing: Number.NaN });
  });

  it('leave no key behind where they are undefined', () => {
    expect(Object.keys(host('a', undefined, undefined))).toEqual(['name']);
    expect(Object.keys(host('a', undefined, true))).toEqual(['name', 'isUp']);
  });

  it('may be null, which says something', () => {
    expect(given({ account: null, port: undefined })).toStrictEqual({ account: null });
  });

  it('come in the order in which they are written, in an object of their own', () => {
    const fields = { b: 1, a: undefined, c: 2 };
    expect(Object.keys(given(fields))).toEqual(['b', 'c']);
    expect(fields).toHaveProperty('a');
  });

  it('are optional for the compiler exactly where they may be missing', () => {
    const kept = given({
      id: 'x',
      port: 1 as number | undefined,
      zone: 'z' as string | null | undefined,
      any: {} as unknown,
    });
    expectTypeOf(kept.id).toEqualTypeOf<string>();
    expectTypeOf<Pick<typeof kept, 'port'>>().toEqualTypeOf<{ port?: number }>();
    expectTypeOf<Pick<typeof kept, 'zone'>>().toEqualTypeOf<{ zone?: string | null }>();
    expectTypeOf<Pick<typeof kept, 'any'>>().toEqualTypeOf<{ any?: unknown }>();
    expect(kept).toEqual({ id: 'x', port: 1, zone: 'z', any: {} });
  });
});
