/** Which server, with which token: the environment, what `drover login` stored, or a `drover up` on this machine. */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createClient, type ClientOptions, type DroverClient } from '@drover/sdk';
import { UsageError } from './exit.ts';

interface Credentials { readonly url: string; readonly token: string }

export interface Session { readonly options: ClientOptions & { readonly token: string }; readonly client: DroverClient }

const CREDENTIALS = join(process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'drover', 'credentials.json');

function defaultDataDir(): string {
  return process.getuid?.() === 0 ? '/var/lib/drover' : join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'drover');
}

export function openSession(): Session {
  const { DROVER_URL: url, DROVER_TOKEN: token } = process.env;
  const found = url && token ? { url, token } : (read(CREDENTIALS) ?? read(join(defaultDataDir(), 'access.json')));
  if (!found) throw new UsageError('No server is known. Start one here with `drover up`, log in with `drover login URL`, or set DROVER_URL and DROVER_TOKEN.');
  const options = { baseUrl: url ?? found.url, token: token ?? found.token };
  return { options, client: createClient(options) };
}

export function storeCredentials(credentials: Credentials): string {
  mkdirSync(dirname(CREDENTIALS), { recursive: true, mode: 0o700 });
  writeFileSync(CREDENTIALS, JSON.stringify(credentials), { mode: 0o600 });
  chmodSync(CREDENTIALS, 0o600);
  return CREDENTIALS;
}

export function forgetCredentials(): void {
  rmSync(CREDENTIALS, { force: true });
}

function read(path: string): Credentials | undefined {
  try {
    const { url, token } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Credentials>;
    return typeof url === 'string' && typeof token === 'string' ? { url, token } : undefined;
  } catch {
    return undefined;
  }
}
