/** The administrator's token of this machine, and where its own commands find it. */
import { createClient, dataOf, DroverApiError } from '@drover/sdk';
import { systemClock } from '../base/clock.ts';
import { writeAuthority } from '../pki/authority-file.ts';
import { readJsonFile, writeJsonFile } from '../pki/identity.ts';

/** How this machine's own client finds us; readable by our user alone. */
export interface Access {
  readonly url: string;
  readonly token: string;
  readonly ca: string;
  readonly expiresAtMs: number;
  /** Where the server looks for packages of the agent: the command of this machine makes them when they are first needed. */
  readonly packages: string;
}

/** In the data folder. */
export const ACCESS = 'access.json';
const RENEW_BEFORE_MS = 30 * 86_400_000;

export function readAccess(dataDir: string): Access | undefined {
  try {
    return readJsonFile<Access>(dataDir, ACCESS);
  } catch {
    // Half a file is no file: a new token is made.
    return undefined;
  }
}

export function writeAccess(dataDir: string, access: Access): void {
  writeJsonFile(dataDir, ACCESS, access);
  writeAuthority(dataDir, access.ca);
}

/** Soon to expire: time for another one. */
export function isDue({ expiresAtMs }: Pick<Access, 'expiresAtMs'>): boolean {
  return expiresAtMs < systemClock.nowMs() + RENEW_BEFORE_MS;
}

/** False when the server at that address does not know the token (any more). */
export async function isValid(baseUrl: string, token: string): Promise<boolean> {
  return createClient({ baseUrl, token })
    .GET('/api/v1/self')
    .then(
      () => true,
      (error: unknown) => {
        if (error instanceof DroverApiError && error.status === 401) return false;
        throw error;
      },
    );
}

/** That of a server which goes on for long does not expire while it does. Answers what is in the folder then. */
export async function renewToken(dataDir: string, access: Access): Promise<Access> {
  if (!isDue(access)) return access;
  const client = createClient({ baseUrl: access.url, token: access.token });
  const created = dataOf(
    await client.POST('/api/v1/tokens', {
      body: { name: `local-admin-${new Date(systemClock.nowMs()).toISOString()}`, role: 'admin', lifetime: '90d' },
    }),
  );
  const renewed = { ...access, token: created.token, expiresAtMs: Date.parse(created.expiresAt) };
  writeAccess(dataDir, renewed);
  return renewed;
}
