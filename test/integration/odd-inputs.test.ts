/**
 * Every operation of the OpenAPI document, asked with what nobody should send: NULs, halves of characters, numbers beyond any column, wrong
 * types, depth, length, foreign cursors and headers. It is refused with a code, or done; it is never the server's fault.
 */
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { root } from '../support/source-tree.ts';

interface Schema {
  readonly type?: string;
  readonly $ref?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly format?: string;
}
interface OperationDocument {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string; schema: Schema }[];
  readonly requestBody?: { content: Record<string, { schema: Schema }> };
}
const document = JSON.parse(readFileSync(join(root, 'api/openapi.json'), 'utf8')) as {
  paths: Record<string, Record<string, OperationDocument>>;
  components: { schemas: Record<string, Schema> };
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);

const ODD_TEXTS = [
  '',
  '\0',
  'a\0b',
  '\ud800',
  'x\udfff',
  '\u{1f525}'.repeat(40),
  'y'.repeat(300),
  '__proto__',
  'constructor',
  "'; DROP TABLE run; --",
  '../../etc/passwd',
  '-1',
  '1e300',
  '1e400',
  '9007199254740993',
  '2147483648',
  'NaN',
  '%00',
  '\u202e\u0007\u001b[2J',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '-'.repeat(36),
  '0000-00-00T00:00:00Z',
];
const CURSORS = [
  [1e300],
  [Number.MAX_SAFE_INTEGER],
  [-5],
  [2 ** 40],
  [1.5],
  [1e300, 0],
  [0, 2 ** 33],
  [-1, -1],
  ['\0'],
  ['\ud800'],
  ['-'.repeat(36)],
  ['not-a-uuid'],
  [{}],
  [[[]]],
  [null],
  {},
].map((key) => Buffer.from(JSON.stringify(key)).toString('base64url'));

const oddText = fc.oneof(fc.constantFrom(...ODD_TEXTS), fc.string({ unit: 'binary', maxLength: 40 }));
const oddNumber = fc.oneof(
  fc.constantFrom(0, -1, 1.5, 2 ** 31, 2 ** 53, 2 ** 63, 1e300, -1e300, -0),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  oddNumber,
  fc.boolean(),
  fc.constant(null),
  fc.constant([]),
  fc.constant({}),
  fc.dictionary(oddText, fc.oneof(oddText, oddNumber), { maxKeys: 4 }),
  fc.array(fc.oneof(oddText, oddNumber), { maxLength: 4 }),
  fc.integer({ min: 10, max: 60 }).map((depth) => {
    let nested: unknown = 'deep';
    for (let i = 0; i < depth; i++) nested = i % 2 ? [nested] : { in: nested };
    return nested;
  }),
);

/** Mostly what the schema wants, so that the handler is reached; each part may be odd instead. */
function valueOf(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  if (depth > 6) return oddValue;
  if (schema.$ref) return valueOf(document.components.schemas[schema.$ref.split('/').at(-1)!]!, depth + 1);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return fc.oneof(...options.map((option) => valueOf(option, depth + 1)));
  const fit = fitting(schema, depth);
  return fc.oneof({ weight: 5, arbitrary: fit }, { weight: 1, arbitrary: oddValue });
}

function fitting(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'object':
      return schema.properties
        ? fc.record(
            Object.fromEntries(
              Object.entries(schema.properties).map(([name, part]) => [name, valueOf(part, depth + 1)]),
            ),
            { requiredKeys: [] },
          )
        : fc.dictionary(fc.oneof(fc.constantFrom('a', 'B_1', 'env'), oddText), oddText, { maxKeys: 3 });
    case 'array':
      return fc.array(valueOf(schema.items ?? {}, depth + 1), { maxLength: 3 });
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer({ min: 0, max: 5 }), oddNumber);
    case 'boolean':
      return fc.boolean();
    default:
      return fc.oneof(
        fc.constantFrom('all', 'web-1', 'echo hi', '30s', '10.0.0.7', 'true', 'viewer'),
        oddText,
        ...(schema.format === 'uuid' ? [fc.uuid()] : []),
      );
  }
}

/** A path or query part as raw bytes of a URL: lone surrogates cannot be encoded, so some percent signs are left as they are. */
function inUrl(value: unknown): string {
  const text = typeof value === 'string' ? value : String(JSON.stringify(value));
  return text === '%00' ? text : encodeURIComponent(text.toWellFormed());
}

const odd = (operation: OperationDocument): fc.Arbitrary<Record<string, unknown>> =>
  fc.record({
    parameters: fc.record(
      Object.fromEntries(
        (operation.parameters ?? [])
          .filter(({ in: where }) => where !== 'header')
          .map(({ name, schema }) => [
            name,
            name === 'cursor' ? fc.oneof(fc.constantFrom(...CURSORS), oddText) : valueOf(schema),
          ]),
      ),
      { requiredKeys: (operation.parameters ?? []).filter((p) => p.in === 'path').map(({ name }) => name) },
    ),
    body: operation.requestBody
      ? valueOf(Object.values(operation.requestBody.content)[0]!.schema)
      : fc.option(oddValue, { nil: undefined }),
    key: fc.option(fc.constantFrom('k', '', 'ä'.repeat(199), 'x'.repeat(300), 'a, b'), { nil: undefined }),
    lastEventId: fc.option(
      fc.constantFrom('1e300', '-1', 'NaN', '9007199254740991', '', '{}', '99999999999999999999'),
      {
        nil: undefined,
      },
    ),
  });

let api: TestApi;
let token: string;
let runId: string;
beforeAll(async () => {
  api = await testApi();
  token = await api.token('admin', 3_600_000);
  const headers = { authorization: `Bearer ${token}` };
  await api.app.inject({
    method: 'POST',
    url: '/api/v1/hosts',
    headers,
    payload: { name: 'web-1', address: '10.0.0.1' },
  });
  const run = await api.app.inject({
    method: 'POST',
    url: '/api/v1/runs',
    headers,
    payload: { targets: 'all', script: 'true' },
  });
  runId = run.json<{ id: string }>().id;
  await api.database.query("UPDATE run SET state = 'failed', finished_at_ms = 1 WHERE id = $1", [runId]);
});
afterAll(() => api.close());

describe('an odd input', () => {
  it.each(operations)(
    'of $operation.operationId is never the fault of the server',
    async ({ path, method, operation }) => {
      await fc.assert(
        fc.asyncProperty(odd(operation), fc.boolean(), async (input, ofRealRun) => {
          const parameters = input.parameters as Record<string, unknown>;
          let url = path;
          const query: string[] = [];
          for (const { name, in: where } of operation.parameters ?? []) {
            if (!(name in parameters)) continue;
            if (where === 'query') query.push(`${name}=${inUrl(parameters[name])}`);
            else
              url = url.replace(`{${name}}`, () => (name === 'runId' && ofRealRun ? runId : inUrl(parameters[name])));
          }
          const response = await api.app.inject({
            method: method as 'GET',
            url: `${url}${query.length > 0 ? `?${query.join('&')}` : ''}`,
            headers: {
              authorization: `Bearer ${token}`,
              ...given({
                'content-type': input.body === undefined ? undefined : 'application/json',
                'idempotency-key': input.key === undefined ? undefined : (input.key as string),
                'last-event-id': input.lastEventId === undefined ? undefined : (input.lastEventId as string),
              }),
            },
            ...given({ payload: input.body === undefined ? undefined : JSON.stringify(input.body) }),
          });
          // What the empty fleet of this test cannot do is told as such.
          if (response.statusCode === 503) expect(response.json()).toMatchObject({ code: 'host-not-linked' });
          else expect(`${response.statusCode} ${response.statusCode >= 500 ? response.body : ''}`).toMatch(/^[234]/);
        }),
        { numRuns: 30, seed: 1, endOnFailure: true },
      );
    },
  );

  it.each([
    ['a NUL', '{"name":"a\\u0000b","role":"viewer"}', '#/name', /NUL/],
    ['half of a character', '{"name":"\\ud800","role":"viewer"}', '#/name', /surrogate/],
    ['a key that is none', '{"name":"a","role":"viewer","__proto__":{"x":1}}', '#/__proto__', /name/],
    ['depth', `{"name":${'['.repeat(40)}${']'.repeat(40)},"role":"viewer"}`, '#/name/0/0', /deeper/],
  ])('with %s is told by its place', async (_what, payload, pointer, detail) => {
    const response = await api.app.inject({
      method: 'POST',
      url: '/api/v1/tokens',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      payload,
    });
    expect(response.statusCode).toBe(400);
    const [fault] = response.json<{ errors: { pointer: string; detail: string }[] }>().errors;
    expect(fault!.pointer).toBe(pointer);
    expect(fault!.detail).toMatch(detail);
  });

  it('of many faults is told by the first hundred and their number', async () => {
    const labels = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`l${i}`, i]));
    const response = await api.app.inject({
      method: 'POST',
      url: '/api/v1/agents/join',
      payload: { secret: 'x', csr: 'x', name: 'n', machineId: 'm', labels },
    });
    expect(response.statusCode).toBe(400);
    const { errors, errorCount } = response.json<{ errors: unknown[]; errorCount: number }>();
    expect(errors).toHaveLength(limits.faultsToldMax);
    expect(errorCount).toBe(3_000);
    expect(response.body.length).toBeLessThan(64 * 1024);
  });
});
