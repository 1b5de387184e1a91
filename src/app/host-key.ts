/** The keys that hosts are known by: looked at, taken over from elsewhere, accepted when they changed, removed. Every change is audited. */
import { createHash } from 'node:crypto';
import { DroverError, type InputFault } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { publicKeyAlgorithm } from '../domain/inventory/known-hosts.ts';
import type { HostKeyRecord, NewHostKey } from '../store/contract/host-key.ts';
import type { HostRecord } from '../store/contract/host.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { hostFetch } from './host.ts';
import { refuse } from './host-access.ts';

/** As OpenSSH prints it. */
export function hostKeyFingerprint(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

export async function hostKeysList(
  ctx: Pick<AppContext, 'store'>,
  caller: Caller,
  idOrName: string,
): Promise<readonly HostKeyRecord[]> {
  assertCan(caller, 'fleet.host-key.view');
  return ctx.store.hostKeyList((await hostFetch(ctx, idOrName)).id);
}

/** All or nothing; hosts by name or id, keys in Base64 as known_hosts holds them. */
export async function hostKeysImport(
  ctx: AppContext,
  caller: Caller,
  hosts: readonly { readonly host: string; readonly keys: readonly string[] }[],
): Promise<{ hosts: number; added: number }> {
  assertCan(caller, 'fleet.host-key.import');
  const faults: InputFault[] = [];
  const wanted = hosts.map(({ host, keys }, index) => ({
    host,
    keys: keys.flatMap((key, at): NewHostKey[] => {
      const algorithm = publicKeyAlgorithm(key);
      const bytes = Buffer.from(key, 'base64');
      if (algorithm !== undefined && bytes.length <= limits.hostKeyBytesMax) return [{ algorithm, key: bytes }];
      faults.push({
        pointer: `#/hosts/${index}/keys/${at}`,
        code: 'bad-input',
        detail: 'not a public key in Base64, as known_hosts holds it',
      });
      return [];
    }),
  }));
  refuse(faults);
  const target = hosts.length === 1 ? `host/${hosts[0]!.host}` : 'hosts';
  const answer = await ctx.store.hostKeyImport(wanted, auditOf(caller, 'fleet.host-key.import', target));
  if (answer.kind === 'not-found')
    refuse(
      answer.indexes.map((index) => ({
        pointer: `#/hosts/${index}/host`,
        code: 'host-not-found',
        detail: `there is no host ${hosts[index]!.host}`,
      })),
    );
  if (answer.kind === 'too-many')
    throw new DroverError('too-many-host-keys', {
      detail:
        `${answer.hostName} would have more than ${limits.hostKeysPerHostMax} keys. Remove those that are out of ` +
        `use: drover hosts keys list ${answer.hostName}.`,
    });
  return answer.kind === 'imported' ? { hosts: answer.hosts, added: answer.added } : { hosts: 0, added: 0 };
}

/** The host is believed under this key from now on; keys of the same kind that it was known by go. */
export async function hostKeyAccept(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
  fingerprint: string,
): Promise<HostKeyRecord> {
  assertCan(caller, 'fleet.host-key.accept');
  const { host, key } = await findKey(ctx, idOrName, fingerprint);
  const answer = await ctx.store.hostKeyAccept(
    host.id,
    key.id,
    auditOf(caller, 'fleet.host-key.accept', `host/${host.name}`),
  );
  if (answer === 'not-found') throw noSuchKey(host, fingerprint);
  const accepted = (await ctx.store.hostKeyList(host.id)).find((other) => other.id === key.id);
  if (!accepted) throw noSuchKey(host, fingerprint);
  return accepted;
}

/** A host that is left without keys is trusted anew at its next first use, if its policy is so. */
export async function hostKeyRemove(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
  fingerprint: string,
): Promise<void> {
  assertCan(caller, 'fleet.host-key.remove');
  const { host, key } = await findKey(ctx, idOrName, fingerprint);
  if (!(await ctx.store.hostKeyRemove(host.id, key.id, auditOf(caller, 'fleet.host-key.remove', `host/${host.name}`))))
    throw noSuchKey(host, fingerprint);
}

/** Shorter beginnings would be guesses. */
const BEGINNING_MIN = 6;

/** By the whole fingerprint, or by a beginning of it that fits one key only. */
async function findKey(
  ctx: AppContext,
  idOrName: string,
  fingerprint: string,
): Promise<{ host: HostRecord; key: HostKeyRecord }> {
  const host = await hostFetch(ctx, idOrName);
  const wanted = fingerprint.replace(/^SHA256:/i, '');
  const fits = (await ctx.store.hostKeyList(host.id)).filter(
    (key) => wanted.length >= BEGINNING_MIN && hostKeyFingerprint(key.key).slice('SHA256:'.length).startsWith(wanted),
  );
  if (fits.length !== 1) throw noSuchKey(host, fingerprint, fits.length);
  return { host, key: fits[0]! };
}

function noSuchKey(host: HostRecord, fingerprint: string, fits = 0): DroverError {
  return new DroverError('host-key-not-found', {
    detail:
      `${host.name} has ${fits === 0 ? 'no key' : `${fits} keys`} with the fingerprint ${fingerprint}; give ` +
      `${BEGINNING_MIN} characters of it or more. See: drover hosts keys list ${host.name}.`,
  });
}
