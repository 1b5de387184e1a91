/** The database that the environment names. */
import { DroverError } from '../base/errors.ts';

const SCHEMES = ['postgres:', 'postgresql:', 'socket:'];

/** Undefined where the variable is not set. What is in it is never shown: it may hold a password. */
export function databaseAddress(variable: 'DATABASE_URL' | 'DATABASE_OWNER_URL'): string | undefined {
  const text = process.env[variable];
  if (!text) return undefined;
  if (SCHEMES.includes(URL.parse(text)?.protocol ?? '')) return text;
  throw new DroverError('bad-input', {
    detail:
      `${variable} is not the address of a PostgreSQL database. It wants postgres://USER:PASSWORD@HOST:PORT/DATABASE, ` +
      'with / # ? % @ and : in the password as %2F %23 %3F %25 %40 and %3A.',
  });
}
