/** A statement for a database with everything filled in beside it. Pure. */
import { callLimits } from '../../../base/call-limits.ts';
import { DroverError } from '../../../base/errors.ts';
import { filledCallText, secretsIn, type CallPart } from '../../../domain/work/call-text.ts';
import { readSqlUrl, SQL, type SqlAddress, type SqlMode, type SqlWork } from '../../../domain/work/sql.ts';

export type BoundValue = null | { readonly type: 'text' | 'number' | 'boolean'; readonly text: string };

export interface SqlRequest {
  readonly address: SqlAddress;
  /** Empty where the job says none. */
  readonly password: string;
  readonly statement: string;
  readonly values: readonly BoundValue[];
  readonly mode: SqlMode;
  readonly isSecret: boolean;
}

/** Throws `bad-input`, whose detail repeats no value: it may be a secret, or what a host has told. */
export function sqlRequestOf(work: SqlWork, secrets: Readonly<Record<string, string>>): SqlRequest {
  const valueOf = (part: Exclude<CallPart, string>): string => {
    if ('value' in part) return part.value;
    if ('step' in part) throw refused(`The order does not say what ${part.step} told as ${part.output}`);
    const value = Object.hasOwn(secrets, part.secret) ? secrets[part.secret] : undefined;
    if (value === undefined) throw refused(`The order has no secret ${part.secret}`);
    return value;
  };
  const url = filledCallText(work.url, 'url', valueOf);
  const read = readSqlUrl(url);
  if (!read.ok) throw refused(`The URL ${read.wrong}`);
  if (url.length > callLimits.callUrlLengthMax)
    throw refused(`The URL would have more than ${callLimits.callUrlLengthMax} characters`);
  const values = work.values.map((value) => value && { ...value, text: filledCallText(value.text, 'plain', valueOf) });
  const bytes = values.reduce((sum, value) => sum + (value ? Buffer.byteLength(value.text) : 0), 0);
  if (bytes > callLimits.callBodyBytesMax)
    throw refused(`The values would have more than ${callLimits.callBodyBytesMax} bytes together`);
  return {
    address: read.address,
    password: work.password === undefined ? '' : filledCallText(work.password, 'plain', valueOf),
    statement: work.statement,
    values,
    mode: work.mode,
    isSecret: SQL.texts(work).some((text) => secretsIn(text).length > 0),
  };
}

function refused(what: string): DroverError {
  return new DroverError('bad-input', { detail: `${what}.` });
}
