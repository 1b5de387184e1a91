/** Which server, with which token: the environment, what `drover login` stored, or a `drover up` on this machine. */
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createClient, type ClientOptions, type DroverClient } from '@drover/sdk';
import { trustAuthority } from '../base/node-trust.ts';
import { UsageError } from './exit.ts';
import { patientFetch } from './patient-fetch.ts';

export interface Credentials {
  readonly url: string;
  readonly token: string /** The server's own authority, as PEM. */;
  readonly ca?: string;
}

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
  const options = { baseUrl: credentials.url, token: credentials.token };
  return {
    options,
    credentials,
    client: createClient({ ...options, fetch: patientFetch({ kind: 'resuming' }) }),
    patient: createClient({ ...options, fetch: patientFetch({ kind: 'patient' }) }),
  };
}

function findCredentials(): Credentials {
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
  if (!found)
    throw new UsageError(
      'No server is known. Start one here with `drover up`, log in with `drover login URL`, or set DROVER_URL and DROVER_TOKEN.',
    );
  return { ...found, ...(token ? { token } : {}), ...ca };
}

/** Of this server, or of any. */
function stored(url: string | undefined): Credentials | undefined {
  return [credentialsFile(), join(defaultDataDir(), 'access.json')]
    .map(read)
    .find((found) => found && (url === undefined || found.url === url));
}

/** As others write it, so that one server has one address. */
export function normalUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.username !== '')
    throw new UsageError(
      `${JSON.stringify(text)} is not the address of a server, such as https://drover.example:7400.`,
    );
  return url.origin;
}

export function readAuthority(path: string): string {
  try {
    const pem = readFileSync(path, 'utf8');
    return new X509Certificate(pem).toString();
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).syscall
      ? (error as NodeJS.ErrnoException).code
      : 'it holds no certificate in PEM';
    throw new UsageError(`The certificate in ${path} cannot be read: ${why}.`);
  }
}

/** Written beside and renamed, so that an interrupted login leaves the earlier one whole. */
export function storeCredentials(credentials: Credentials): string {
  const path = credentialsFile();
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, JSON.stringify(credentials), { mode: 0o600 });
    chmodSync(`${path}.new`, 0o600);
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw new UsageError(
      `${path} cannot be written: ${(error as NodeJS.ErrnoException).code}. XDG_CONFIG_HOME says where else.`,
    );
  }
  return path;
}

/** Whether there were any. */
export function forgetCredentials(): boolean {
  const path = credentialsFile();
  try {
    rmSync(path);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))) return false;
    throw new UsageError(`${path} cannot be removed: ${(error as NodeJS.ErrnoException).code}.`);
  }
}

function credentialsFile(): string {
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'drover', 'credentials.json');
}

function defaultDataDir(): string {
  return process.getuid?.() === 0
    ? '/var/lib/drover'
    : join(process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'drover');
}

function read(path: string): Credentials | undefined {
  try {
    const { url, token, ca } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Credentials>;
    if (typeof url === 'string' && typeof token === 'string')
      return { url, token, ...(typeof ca === 'string' ? { ca } : {}) };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))) return undefined;
    if ((error as NodeJS.ErrnoException).code)
      throw new UsageError(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}.`);
  }
  throw new UsageError(`${path} is damaged. Log in again, or remove it.`);
}
