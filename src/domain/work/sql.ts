/**
 * A statement that a worker gives a database itself, with values that are bound to it and never a part of it, and what of
 * its rows is told. How many rows are a success is of the policy; how long it may take too.
 */
import { callLimits } from '../../base/call-limits.ts';
import type { InputFault } from '../../base/errors.ts';
import { given } from '../../base/given.ts';
import { callTextBytes, filledCallText, isLate, secretsIn, type CallPart, type CallText } from './call-text.ts';
import { callTlsFaults, type CallTls } from './call-tls.ts';
import { isOutputName } from './output-values.ts';
import { secretFaults } from './secret-faults.ts';
import type { CallWorkKind, StoredFields, WorkSetting } from './work-kind.ts';

/** `read`: in a transaction that only reads. `write`: in one that is committed. */
export const SQL_MODES = ['read', 'write'] as const;
export type SqlMode = (typeof SQL_MODES)[number];

export interface SqlWork {
  readonly kind: 'sql';
  /** Late places are within the name of the database: whom to ask, and as whom, is said by the job. */
  readonly url: CallText;
  readonly password?: CallText;
  /** As it is written: nothing is filled in. */
  readonly statement: string;
  readonly values: readonly SqlValue[];
  readonly mode: SqlMode;
  /** So many are kept. */
  readonly rowsMax: number;
  readonly tls?: SqlTls;
  /** By the name that it is told under: a column of the first row. */
  readonly extract: Readonly<Record<string, string>>;
  /** By the name that it is told under: a column of all rows, as a list. */
  readonly extractAll: Readonly<Record<string, string>>;
}

/** `type`: as the job has written it, for databases that ask for it. Null is NULL. */
export type SqlValue = null | { readonly type: 'text' | 'number' | 'boolean'; readonly text: CallText };

export interface SqlTls extends CallTls {
  /** Nothing is encrypted. */
  readonly isInClear?: true;
}

/** Told of every statement, beside what is extracted. */
export const ROWS_VALUE = 'rows';

const SQL_DIALECTS = ['postgres'] as const;
export type SqlDialect = (typeof SQL_DIALECTS)[number];

export interface SqlAddress {
  readonly dialect: SqlDialect;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

const DIALECT_OF: Readonly<Record<string, readonly [SqlDialect, port: number]>> = {
  'postgres:': ['postgres', 5432],
  'postgresql:': ['postgres', 5432],
};

export type ReadSqlUrl =
  | { readonly ok: true; readonly address: SqlAddress }
  /** The end of a sentence about it. Never repeats it, for it may hold a password. */
  | { readonly ok: false; readonly wrong: string };

export function readSqlUrl(text: string): ReadSqlUrl {
  const no = (wrong: string): ReadSqlUrl => ({ ok: false, wrong });
  const known = URL.canParse(text) ? new URL(text) : undefined;
  const [dialect, port] = (known && DIALECT_OF[known.protocol]) ?? [];
  if (!known || !dialect) return no('is none: it has to begin with postgres:// and to name a host');
  if (known.password !== '') return no('holds no password: give password: ${{ secrets.NAME }}');
  if (known.search !== '' || known.hash !== '')
    return no('ends with the name of the database: nothing stands behind ? or #');
  const host = known.hostname.replace(/^\[|\]$/g, '');
  if (!HOST.test(host)) return no('names no host: a database is reached by its name or address, and not by a socket');
  const [user, database] = [decoded(known.username), decoded(known.pathname.slice(1))];
  if (!user) return no('names no user: postgres://USER@HOST/DATABASE');
  if (!database || known.pathname.slice(1).includes('/')) return no('names no database: postgres://USER@HOST/DATABASE');
  if (user.includes('\0') || database.includes('\0')) return no('holds a NUL character');
  return { ok: true, address: { dialect, host, port: known.port === '' ? port! : Number(known.port), user, database } };
}

const HOST = /^[A-Za-z0-9_:.-]+$/;

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

export const SQL: CallWorkKind<SqlWork> = {
  version: 1,
  stored({ url, password, statement, values, mode, rowsMax, tls, extract, extractAll }) {
    return { url, ...given({ password }), statement, values, mode, rowsMax, ...given({ tls }), extract, extractAll };
  },
  read(version, fields: StoredFields) {
    return version === 1 ? { kind: 'sql', ...(fields as unknown as Omit<SqlWork, 'kind'>) } : undefined;
  },
  bytes: ({ url, password, statement, values, tls, extract, extractAll }) =>
    callTextBytes(url) +
    (password ? callTextBytes(password) : 0) +
    statement.length +
    values.reduce((sum, value) => sum + 8 + (value ? callTextBytes(value.text) : 0), 0) +
    (tls?.authorities?.length ?? 0) +
    [...Object.entries(extract), ...Object.entries(extractAll)].reduce(
      (sum, [name, column]) => sum + name.length + column.length,
      0,
    ),
  texts: ({ url, password, values }) => [
    url,
    ...(password ? [password] : []),
    ...values.flatMap((value) => (value ? [value.text] : [])),
  ],
  withTexts(work, put) {
    const { url, password, values } = work;
    return {
      ...work,
      url: put(url),
      ...given({ password: password && put(password) }),
      values: values.map((value) => value && { ...value, text: put(value.text) }),
    };
  },
  faults(work, setting) {
    return [
      ...urlFaults(work),
      ...passwordFaults(work),
      ...statementFaults(work),
      ...valueFaults(work),
      ...rowsFaults(work),
      ...tlsFaults(work),
      ...extractFaults(work),
      ...secretFaults(usedSecrets(work, setting)),
    ];
  },
};

const fault = (field: string, detail: string): InputFault => ({ pointer: `#/sql/${field}`, code: 'bad-input', detail });

/** Something in the place of what comes late. */
const LATE_HERE = (_part: Exclude<CallPart, string>): string => 'x';
/** All but the name of the database. */
const WHOLE_ORIGIN = /^[a-z]+:\/\/[^/?#\\\s]+\//i;

function urlFaults({ url }: SqlWork): InputFault[] {
  const text = filledCallText(url, 'url', LATE_HERE);
  const read = readSqlUrl(text);
  if (!read.ok) return [fault('url', `The URL ${read.wrong}.`)];
  const [first = ''] = url;
  if (url.some(isLate) && !(typeof first === 'string' && WHOLE_ORIGIN.test(first)))
    return [
      fault('url', 'Whom to ask is said by the job: secrets and outputs stand behind the host of the URL, and a /.'),
    ];
  if (text.length <= callLimits.callUrlLengthMax) return [];
  return [fault('url', `The URL has ${text.length} characters; ${callLimits.callUrlLengthMax} are allowed.`)];
}

function passwordFaults({ password }: SqlWork): InputFault[] {
  if (password === undefined || secretsIn(password).length > 0) return [];
  return [fault('password', 'A password is a secret: password: ${{ secrets.NAME }}, of a parameter of type secret.')];
}

function statementFaults({ statement }: SqlWork): InputFault[] {
  const bytes = Buffer.byteLength(statement);
  if (statement.trim() === '') return [fault('statement', 'There is no statement.')];
  if (statement.includes('\0')) return [fault('statement', 'The statement holds a NUL character.')];
  if (bytes <= callLimits.sqlStatementBytesMax) return [];
  return [fault('statement', `The statement has ${bytes} bytes; ${callLimits.sqlStatementBytesMax} are allowed.`)];
}

function valueFaults({ values }: SqlWork): InputFault[] {
  if (values.length > callLimits.sqlValuesMax)
    return [fault('values', `There are ${values.length} values; ${callLimits.sqlValuesMax} are allowed.`)];
  const bytes = values.reduce((sum, value) => sum + (value ? callTextBytes(value.text) : 0), 0);
  if (bytes <= callLimits.callBodyBytesMax) return [];
  return [
    fault(
      'values',
      `The values have ${bytes} bytes together; ${callLimits.callBodyBytesMax} are allowed. A script loads what is larger.`,
    ),
  ];
}

function rowsFaults({ rowsMax }: SqlWork): InputFault[] {
  if (Number.isInteger(rowsMax) && rowsMax >= 1 && rowsMax <= callLimits.sqlRowsMax) return [];
  return [fault('rows_max', `rows_max is a number from 1 to ${callLimits.sqlRowsMax}.`)];
}

function tlsFaults({ tls }: SqlWork): InputFault[] {
  if (!tls) return [];
  if (tls.isInClear && (tls.authorities ?? tls.serverName ?? tls.isUnproved) !== undefined)
    return [fault('tls/in_clear', 'in_clear encrypts nothing: it does not go with ca, server_name and insecure.')];
  return callTlsFaults(tls).map(({ field, detail }) => fault(`tls/${field}`, detail));
}

function extractFaults({ extract, extractAll }: SqlWork): InputFault[] {
  const entries = [
    ...Object.entries(extract).map(([name, column]) => ({ field: 'extract', name, column })),
    ...Object.entries(extractAll).map(([name, column]) => ({ field: 'extract_all', name, column })),
  ];
  if (entries.length > callLimits.callExtractsMax)
    return [
      fault(
        'extract',
        `extract and extract_all have ${entries.length} values; ${callLimits.callExtractsMax} are allowed.`,
      ),
    ];
  const faults: InputFault[] = [];
  for (const { field, name, column } of entries) {
    const told = (detail: string): void => void faults.push(fault(`${field}/${name}`, detail));
    if (!isOutputName(name))
      told(`${JSON.stringify(name)} is no name of a value: letters, digits and _, beginning with a letter.`);
    else if (name === ROWS_VALUE) told(`${ROWS_VALUE} is told of every statement, and is how many rows it was.`);
    else if (field === 'extract_all' && Object.hasOwn(extract, name)) told(`There is a ${name} in extract too.`);
    if (column === '' || column.length > callLimits.callPointerLengthMax)
      told(`A column has a name of up to ${callLimits.callPointerLengthMax} characters.`);
  }
  return faults;
}

function usedSecrets(work: SqlWork, { secrets }: WorkSetting): Record<string, string> {
  const names = new Set(SQL.texts(work).flatMap(secretsIn));
  return Object.fromEntries(Object.entries(secrets).filter(([name]) => names.has(name)));
}
