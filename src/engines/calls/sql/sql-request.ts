/** A statement for a database with everything filled in beside it. Pure. */
import { callLimits } from '../../../base/call-limits.ts';
import { filledCallText, secretsIn } from '../../../domain/work/call-text.ts';
import { readSqlUrl, SQL, type SqlAddress, type SqlMode, type SqlWork } from '../../../domain/work/sql.ts';
import { unfitCall, valuesOfOrder } from '../call-values.ts';

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
  const valueOf = valuesOfOrder(secrets);
  const url = filledCallText(work.url, 'url', valueOf);
  const read = readSqlUrl(url);
  if (!read.ok) throw unfitCall(`The URL ${read.wrong}`);
  if (url.length > callLimits.callUrlLengthMax)
    throw unfitCall(`The URL would have more than ${callLimits.callUrlLengthMax} characters`);
  const values = work.values.map((value) => value && { ...value, text: filledCallText(value.text, 'plain', valueOf) });
  const bytes = values.reduce((sum, value) => sum + (value ? Buffer.byteLength(value.text) : 0), 0);
  if (bytes > callLimits.callBodyBytesMax)
    throw unfitCall(`The values would have more than ${callLimits.callBodyBytesMax} bytes together`);
  return {
    address: read.address,
    password: work.password === undefined ? '' : filledCallText(work.password, 'plain', valueOf),
    statement: work.statement,
    values,
    mode: work.mode,
    isSecret: SQL.texts(work).some((text) => secretsIn(text).length > 0),
  };
}
