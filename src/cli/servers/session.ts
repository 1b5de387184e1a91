/** Which server, with which token: the environment, what `drover login` stored, or a `drover up` on this machine. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createClient, isToken, type ClientOptions, type DroverClient } from '@drover/sdk';
import { given } from '../../base/given.ts';
import { trustAuthority } from '../../base/node-trust.ts';
import { systemWords } from '../../base/system-words.ts';
import { contextOf, credentialsOf, readContexts, type Credentials } from './contexts.ts';
import { noteAnswer, UsageError } from '../exit.ts';
import { programName } from '../program-name.ts';
import { accessAt, ownFolderOf } from './local-folders.ts';
import { patientFetch } from './patient-fetch.ts';

export interface Session {
  readonly options: ClientOptions & { readonly token: string };
  readonly client: DroverClient;
  /** Waits for a server that is away: for what is asked about a run that is known to be there. */
  readonly patient: DroverClient;
  readonly credentials: Credentials;
}

export function openSession(): Session {
  const credentials = findCredentials();
  if (credentials.ca) trustAuthority(credentials.ca);
  if (credentials.token) checkToken(credentials.token);
  const options = { ...clientOptions(credentials), token: credentials.token };
  return {
    options,
    credentials,
    client: createClient({ ...options, fetch: patientFetch({ kind: 'resuming' }) }),
    patient: createClient({ ...options, fetch: patientFetch({ kind: 'patient' }) }),
  };
}

/** Nothing of it is repeated: a file of several lines, read as one, may hold more than this token. */
export function checkToken(token: string): void {
  if (!isToken(token))
    throw new UsageError(
      'The token is none: it is one line without blanks (in DROVER_TOKEN, or as drover login has stored it).',
    );
}

/** Of any client of a command: the user may say that the way to a server by plain HTTP is nobody else's. */
export function clientOptions({ url }: Pick<Credentials, 'url'>): ClientOptions {
  return {
    baseUrl: url,
    allowTokenInClear: process.env.DROVER_TOKEN_IN_CLEAR === 'yes',
    onAnswer: noteAnswer,
  };
}

let chosen: string | undefined;

/** Of this command alone, before the environment and what was stored. */
export function chooseContext(name: string): void {
  contextOf(name);
  chosen = name;
}

function findCredentials(): Credentials {
  const named = chosen ?? (process.env.DROVER_URL ? undefined : process.env.DROVER_CONTEXT || undefined);
  if (named !== undefined) return contextOf(named);
  const { DROVER_URL: givenUrl, DROVER_TOKEN: token, DROVER_CA: caFile } = process.env;
  const url = givenUrl ? normalUrl(givenUrl) : undefined;
  const ca = caFile ? { ca: readAuthority(caFile) } : {};
  if (url && token) return { ...stored(url), url, token, ...ca };
  const found = stored(url);
  // The token of one server is never sent to another.
  if (url && !found)
    throw new UsageError(
      `DROVER_URL is set to ${url}, but no token for it is known. Set DROVER_TOKEN, or log in: drover login ${url}`,
    );
  if (!found && readContexts().contexts.size > 0)
    throw new UsageError(
      'Several servers are stored and none is chosen. See: drover context list; drover context use NAME',
    );
  if (!found)
    throw new UsageError(
      `No server is known. Start one here with \`${programName()} up\`, log in with ` +
        `\`${programName()} login URL\`, or set DROVER_URL and DROVER_TOKEN.`,
    );
  return { ...found, ...given({ token: token || undefined }), ...ca };
}

/** Of this server, or the one in use. */
function stored(url: string | undefined): Credentials | undefined {
  const { current, contexts } = readContexts();
  if (url === undefined) return current === undefined ? undefined : contexts.get(current);
  return [...contexts.values()].find((one) => one.url === url) ?? credentialsOf(accessAt(url) ?? {});
}

/**
 * As others write it, so that one server has one address. Refuses that of a server of this machine without TLS: anybody
 * may listen there.
 */
export function normalUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.username !== '')
    throw new UsageError(
      `${JSON.stringify(text)} is not the address of a server, such as https://drover.example:7400.`,
    );
  const secure = url.origin.replace(/^http:/, 'https:');
  if (secure !== url.origin && ownFolderOf(secure) !== undefined)
    throw new UsageError(`The drover up of this machine speaks HTTPS alone: ${secure}`);
  return url.origin;
}

export function readAuthority(path: string): string {
  try {
    const pem = readFileSync(path, 'utf8');
    return new X509Certificate(pem).toString();
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).syscall ? systemWords(error) : 'it holds no certificate in PEM';
    throw new UsageError(`The certificate in ${path} cannot be read: ${why}.`);
  }
}
