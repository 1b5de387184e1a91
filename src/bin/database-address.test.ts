import { afterEach, expect, it, vi } from 'vitest';
import { databaseAddress } from './database-address.ts';

afterEach(() => vi.unstubAllEnvs());

it.each([
  'postgres://drover:x@db:5432/drover',
  'postgresql://db/drover?sslmode=verify-full',
  'postgres:///drover?host=/run/postgresql',
  'socket:/run/postgresql?db=drover',
])('takes %s', (text) => {
  vi.stubEnv('DATABASE_URL', text);
  expect(databaseAddress('DATABASE_URL')).toBe(text);
});

it.each(['nonsense', 'mysql://db/drover', 'postgres://drover:hunter2#x@db:port/drover', '//db/drover'])(
  'refuses %s, and shows nothing of it',
  (text) => {
    vi.stubEnv('DATABASE_URL', text);
    expect(() => databaseAddress('DATABASE_URL')).toThrow(
      /^DATABASE_URL is not the address of a PostgreSQL database\./,
    );
    expect(() => databaseAddress('DATABASE_URL')).not.toThrow(/hunter2/);
  },
);

it('is none where nothing is set, or an empty text', () => {
  vi.stubEnv('DATABASE_OWNER_URL', '');
  expect(databaseAddress('DATABASE_OWNER_URL')).toBeUndefined();
});
