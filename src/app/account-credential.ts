/**
 * Credentials as they come in: checked, described by what may be known of them, and sealed. Faults say what to do and
 * never hold a value.
 */
import { newId, type AccountId } from '../base/ids.ts';
import type { InputFault } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import { sealEnvelope, type EnvelopeKey } from '../pki/envelope.ts';
import { KeyFault } from '../pki/openssh-key.ts';
import { inspectCertificate, inspectPrivateKey } from '../pki/ssh-key.ts';
import type { CredentialRecord, SealedSecret } from '../store/contract/account.ts';

export type CredentialInput =
  /** One that the account has already, with its secret. */
  | { readonly kind: 'keep'; readonly id: string }
  | {
      readonly kind: 'key';
      readonly name?: string | undefined;
      readonly privateKey: string;
      readonly passphrase?: string | undefined;
      readonly certificate?: string | undefined;
    }
  | {
      readonly kind: 'password' | 'keyboard-interactive';
      readonly name?: string | undefined;
      readonly password: string;
    }
  | { readonly kind: 'agent'; readonly name?: string | undefined; readonly socket: string };

/** What is sealed of a credential. */
export interface CredentialSecret {
  readonly privateKey?: string;
  readonly passphrase?: string;
  readonly certificate?: string;
  readonly password?: string;
}

/** Slot of the password with which sudo or su is answered. */
export const BECOME_SECRET = 'become';

export interface CheckedCredentials {
  readonly records: readonly CredentialRecord[];
  readonly secrets: readonly { id: string; secret: CredentialSecret }[];
  readonly faults: readonly InputFault[];
}

/** `present` are the account's credentials until now, for those that are kept. */
export async function checkCredentials(
  inputs: readonly CredentialInput[],
  present: readonly CredentialRecord[],
  nowMs: number,
): Promise<CheckedCredentials> {
  const records: CredentialRecord[] = [];
  const secrets: { id: string; secret: CredentialSecret }[] = [];
  const faults: InputFault[] = [];
  for (const [i, input] of inputs.entries()) {
    const fault = (field: string, detail: string): void =>
      void faults.push({ pointer: `#/credentials/${i}/${field}`, code: 'bad-credential', detail });
    if (input.kind === 'keep') {
      const kept = present.find(({ id }) => id === input.id);
      if (!kept) fault('id', `The account has no credential ${input.id} that could be kept.`);
      else if (records.includes(kept)) fault('id', `The credential ${kept.name} is kept twice.`);
      else records.push(kept);
      continue;
    }
    const id = newId();
    const checked = await checkCredential(input, nowMs, fault);
    if (!checked) continue;
    records.push({ id, kind: input.kind, name: input.name ?? '', facts: checked.facts });
    if (checked.secret) secrets.push({ id, secret: checked.secret });
  }
  const named = withNames(records);
  const twice = named.find((record, i) => named.findIndex(({ name }) => name === record.name) !== i);
  if (twice)
    faults.push({
      pointer: '#/credentials',
      code: 'bad-credential',
      detail: `Two credentials are called ${twice.name}. Give them names that tell them apart.`,
    });
  return { records: named, secrets, faults };
}

/** A failed login names all that was tried, so each has a name: its kind, with a number where that is taken. */
function withNames(records: readonly CredentialRecord[]): CredentialRecord[] {
  const taken = new Set(records.map(({ name }) => name));
  return records.map((record) => {
    if (record.name !== '') return record;
    let name: string = record.kind;
    for (let n = 2; taken.has(name); n++) name = `${record.kind}-${n}`;
    taken.add(name);
    return { ...record, name };
  });
}

type Fault = (field: string, detail: string) => void;

async function checkCredential(
  input: Exclude<CredentialInput, { kind: 'keep' }>,
  nowMs: number,
  fault: Fault,
): Promise<{ facts: Record<string, string>; secret?: CredentialSecret } | undefined> {
  switch (input.kind) {
    case 'key':
      return checkKey(input, nowMs, fault);
    case 'agent':
      if (!/^\/[^\0]+$/.test(input.socket))
        return void fault('socket', "The socket of an ssh-agent is given as an absolute path on the worker's machine.");
      return { facts: { socket: input.socket } };
    default: {
      const why = passwordFault(input.password);
      if (why !== undefined) return void fault('password', why);
      return { facts: {}, secret: { password: input.password } };
    }
  }
}

/** A line break comes from a file that ends in one, and no login prompt can be given it. */
export function passwordFault(password: string): string | undefined {
  if (password === '') return 'The password is empty.';
  if (Buffer.byteLength(password) > limits.passwordBytesMax)
    return `The password has more than ${limits.passwordBytesMax} bytes.`;
  return /[\0\r\n]/.test(password)
    ? 'The password contains a line break or NUL, which no prompt can be given.'
    : undefined;
}

async function checkKey(
  input: Extract<CredentialInput, { kind: 'key' }>,
  nowMs: number,
  fault: Fault,
): Promise<{ facts: Record<string, string>; secret: CredentialSecret } | undefined> {
  let field = 'privateKey';
  try {
    for (const [name, max] of [
      ['privateKey', limits.keyTextBytesMax],
      ['certificate', limits.keyTextBytesMax],
      ['passphrase', limits.passwordBytesMax],
    ] as const) {
      if (Buffer.byteLength(input[name] ?? '') > max) return void fault(name, `It has more than ${max} bytes.`);
    }
    const key = await inspectPrivateKey(input.privateKey, input.passphrase);
    field = 'certificate';
    const certificate =
      input.certificate === undefined ? undefined : inspectCertificate(input.certificate, key.publicKey, nowMs);
    const untilS = certificate?.validBeforeS;
    return {
      facts: {
        type: key.type,
        fingerprint: key.fingerprint,
        ...given({
          certificate: certificate?.keyId,
          principals: certificate?.principals.join(','),
          certificateUntil:
            untilS === undefined ? undefined : new Date(Math.min(untilS * 1_000, 8.64e15)).toISOString(),
        }),
      },
      secret: {
        privateKey: key.text,
        ...given({
          passphrase: key.isPassphraseNeeded ? input.passphrase! : undefined,
          certificate: certificate?.text,
        }),
      },
    };
  } catch (error) {
    if (error instanceof KeyFault) return void fault(field, error.message);
    throw error;
  }
}

export function secretPurpose(accountId: AccountId, secretId: string): string {
  return `account/${accountId}/${secretId}`;
}

export function sealSecret(key: EnvelopeKey, accountId: AccountId, id: string, secret: CredentialSecret): SealedSecret {
  return { id, ...sealEnvelope(key, secretPurpose(accountId, id), Buffer.from(JSON.stringify(secret))) };
}
