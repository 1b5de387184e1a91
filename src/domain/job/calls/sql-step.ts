/** `sql` of a step. */
import { z } from 'zod';
import { callLimits } from '../../../base/call-limits.ts';
import { given } from '../../../base/given.ts';
import { ROWS_VALUE, SQL_MODES, type SqlValue, type SqlWork } from '../../work/sql.ts';
import { entriesOf, itemsOf, type TreeNode } from '../document-tree.ts';
import { outputsIn, paramsOf, parseCallTemplate, secretsOf } from '../template.ts';
import { callTlsShape } from './call-tls-shape.ts';
import type { CallStep, FillCallText } from './call-step.ts';

const SqlShape = z.strictObject({
  url: z.string().describe('postgres://USER@HOST:5432/DATABASE; outputs stand behind its host'),
  password: z.string().optional().describe('${{ secrets.NAME }}'),
  statement: z.string().describe('One statement; nothing is filled in: its values stand as $1, $2'),
  values: z
    .array(z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .max(callLimits.sqlValuesMax)
    .optional()
    .describe('What is bound to $1, $2 and so on; null is NULL'),
  mode: z
    .enum(SQL_MODES)
    .optional()
    .describe('read: in a transaction that only reads, the default; write: in one that is committed'),
  rows_max: z
    .int()
    .min(1)
    .max(callLimits.sqlRowsMax)
    .optional()
    .describe(`So many rows are kept; default: ${callLimits.sqlRowsDefault}`),
  extract: z
    .record(z.string(), z.string())
    .optional()
    .describe('Output values by name: the column of the first row that each is'),
  extract_all: z
    .record(z.string(), z.string())
    .optional()
    .describe('Lists by name: the column of all rows that each is, for outputs of type list'),
  tls: callTlsShape
    .extend({ in_clear: z.boolean().optional().describe('true: nothing is encrypted') })
    .optional()
    .describe('How the database proves who it is; left out: by a certificate of a public authority'),
});
type SqlSaid = z.infer<typeof SqlShape>;

export const SQL_STEP: CallStep<SqlSaid, SqlWork> = {
  shape: SqlShape,
  texts(node) {
    const entries = entriesOf(node);
    return [
      ...[entries.get('url')?.node, entries.get('password')?.node].filter(isText),
      ...itemsOf(entries.get('values')?.node).filter(isText),
    ];
  },
  faults(node) {
    const entries = entriesOf(node);
    const statement = entries.get('statement');
    return [
      ...(isText(statement?.node) && isFilledIn(String(statement.node.value))
        ? [
            {
              at: statement.at,
              detail:
                'A statement is not filled in, so that no value becomes a part of it: write $1 in its ' +
                'place, and the expression under values.',
            },
          ]
        : []),
      ...itemsOf(entries.get('values')?.node)
        .filter(({ value }) => typeof value === 'number' && !isExact(value))
        .map(({ at }) => ({ at, detail: 'No number here holds that exactly: write it as a text.' })),
    ];
  },
  tells(node) {
    const entries = entriesOf(node);
    return [
      ROWS_VALUE,
      ...entriesOf(entries.get('extract')?.node).keys(),
      ...entriesOf(entries.get('extract_all')?.node).keys(),
    ];
  },
  work(said, filled) {
    const {
      url,
      password,
      statement,
      values = [],
      mode = 'read',
      rows_max: rowsMax = callLimits.sqlRowsDefault,
    } = said;
    return {
      kind: 'sql',
      url: filled(url, addressOf),
      ...given({ password: password === undefined ? undefined : filled(password) }),
      statement,
      values: values.map((value) => valueOf(value, filled)),
      mode,
      rowsMax,
      ...given({ tls: said.tls && tlsOf(said.tls) }),
      extract: said.extract ?? {},
      extractAll: said.extract_all ?? {},
    };
  },
};

function isText(node: TreeNode | undefined): node is TreeNode {
  return typeof node?.value === 'string';
}

function isFilledIn(statement: string): boolean {
  const template = parseCallTemplate(statement);
  return paramsOf(template).length + outputsIn(template).length + secretsOf(template).length > 0;
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

/** That begins with the value of a parameter, which is a whole URL, a user and a host, or the scheme. */
function addressOf(text: string): string {
  if (text.startsWith('1://')) return `postgres${text.slice(1)}`;
  const rest = text.slice(1);
  return `postgres://${rest.includes('@') ? '1' : '1@1'}${rest}${rest.includes('/') ? '' : '/1'}`;
}

function valueOf(said: NonNullable<SqlSaid['values']>[number], filled: FillCallText): SqlValue {
  if (said === null) return null;
  if (typeof said === 'string') return { type: 'text', text: filled(said) };
  return { type: typeof said === 'number' ? 'number' : 'boolean', text: [String(said)] };
}

function tlsOf({
  ca,
  server_name: serverName,
  insecure,
  in_clear: inClear,
}: NonNullable<SqlSaid['tls']>): SqlWork['tls'] {
  return given({
    authorities: ca,
    serverName,
    isUnproved: insecure ? (true as const) : undefined,
    isInClear: inClear ? (true as const) : undefined,
  });
}
