/** The database that the environment names. */
import { DroverError } from '../base/errors.ts';
import { socketFolder } from '../base/node-socket-folder.ts';

const SCHEMES = ['postgres:', 'postgresql:', 'socket:'];

/**
 * Undefined where the variable is not set. What is in it is never shown: it may hold a password. For this process alone: a folder of a
 * socket that is too deep for the system is named by a descriptor.
 */
export function databaseAddress(variable: 'DATABASE_URL' | 'DATABASE_OWNER_URL'): string | undefined {
  const text = process.env[variable];
  if (!text) return undefined;
  const url = URL.parse(text);
  if (url && SCHEMES.includes(url.protocol)) return withReachableSocket(text, url);
  throw new DroverError('bad-input', {
    detail:
      `${variable} is not the address of a PostgreSQL database. It wants postgres://USER:PASSWORD@HOST:PORT/DATABASE, ` +
      'with / # ? % @ and : in the password as %2F %23 %3F %25 %40 and %3A.',
  });
}

function withReachableSocket(text: string, url: URL): string {
  const folder = /^%2f/i.test(url.hostname) ? decodeURIComponent(url.hostname) : undefined;
  if (folder === undefined) return text;
  const { path } = socketFolder(folder);
  return path === folder ? text : text.replace(url.hostname, () => encodeURIComponent(path));
}
