/** The OpenAPI 3.1 document, made from the table of operations; api/openapi.json is it, committed, and a test keeps it so. */
import { z } from 'zod';
import { errors } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { Problem } from '../protocol/rest/resources.ts';
import type { Operation } from './operation.ts';

type Json = Record<string, unknown>;

export function openApiDocument(operations: readonly Operation[]): Json {
  const schemas: Json = {};
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json =>
    collect(z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' }) as Json, schemas);
  schemaOf(Problem, 'output');
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = (paths[`/api/v1${operation.path}`] ??= {});
    path[operation.method.toLowerCase()] = describe(operation, schemaOf);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Drover',
      version: '1',
      description:
        'Operations work on fleets of servers. Errors are RFC 9457 problems with stable codes; every mutation ' +
        'takes an Idempotency-Key, and what writes nothing ignores one.',
    },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'An API token: drt_…' } },
    },
  };
}

function describe(operation: Operation, schemaOf: (schema: z.ZodType, io: 'input' | 'output') => Json): Json {
  const parameters = [
    ...parametersOf(operation.params, 'path', schemaOf),
    ...parametersOf(operation.query, 'query', schemaOf),
  ];
  if (operation.method !== 'GET' && operation.permission !== 'public' && operation.asksOnly !== true)
    parameters.push({
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      schema: { type: 'string', maxLength: 200 },
      description:
        'The same key with the same request gets the first answer ' +
        `again${operation.asksOnly ? '; ignored where the body asks for nothing to be written' : ''}`,
    });
  const codes = new Set([
    ...operation.errors,
    ...(operation.permission === 'public' ? [] : (['unauthenticated', 'token-expired', 'permission-denied'] as const)),
    ...(operation.params || operation.query || operation.body ? (['bad-input'] as const) : []),
    ...(operation.permission === 'public' ? (['too-many-requests'] as const) : []),
    ...(operation.body ? (['body-too-large'] as const) : []),
    'database-unavailable' as const,
    'database-full' as const,
    'overloaded' as const,
  ]);
  const byStatus = Map.groupBy(codes, (code) => errors[code].status);
  const responses: Json = { [operation.status]: success(operation, schemaOf) };
  for (const [status, list] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[status] = {
      description: list.sort().join(', '),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    };
  }
  return {
    operationId: operation.id,
    summary: operation.summary,
    ...given({
      description:
        operation.asksOnly === true
          ? 'It writes nothing and takes no Idempotency-Key: one that is sent is ignored.'
          : undefined,
    }),
    'x-permission': operation.permission,
    ...(operation.permission === 'public' ? { security: [] } : { security: [{ token: [] }] }),
    ...given({
      parameters: parameters.length > 0 ? parameters : undefined,
      requestBody: operation.body
        ? {
            required: true,
            content: { 'application/json': { schema: schemaOf(operation.body, 'input') } },
          }
        : undefined,
    }),
    responses,
  };
}

function success(operation: Operation, schemaOf: (schema: z.ZodType, io: 'input' | 'output') => Json): Json {
  if (operation.contentType)
    return {
      description: operation.summary,
      content: {
        [operation.contentType]: {
          schema: {
            type: 'string',
            ...given({
              contentMediaType:
                operation.contentType === 'application/octet-stream' ? 'application/octet-stream' : undefined,
            }),
          },
        },
      },
    };
  return operation.response
    ? {
        description: operation.summary,
        content: { 'application/json': { schema: schemaOf(operation.response, 'output') } },
      }
    : { description: 'Done' };
}

function parametersOf(
  schema: z.ZodObject | undefined,
  where: 'path' | 'query',
  schemaOf: (schema: z.ZodType, io: 'input' | 'output') => Json,
): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  // Coerced numbers and split lists accept any text by their type alone; what they mean stands in the output's schema.
  const meant = (schemaOf(schema, 'output') as { properties?: Record<string, Json> }).properties ?? {};
  return Object.keys(properties).map((name) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema: meant[name]?.type === 'array' ? { type: 'string' } : (meant[name] ?? properties[name]!),
  }));
}

/** Named schemas go to the components; what is left refers to them. */
function collect(schema: Json, into: Json): Json {
  const { $schema: _dialect, $defs, ...rest } = schema as Json & { $defs?: Record<string, Json> };
  for (const [name, definition] of Object.entries($defs ?? {})) into[name] ??= rewrite(definition);
  const own = rewrite(rest) as Json;
  if (typeof own.id !== 'string') return own;
  const { id, ...body } = own;
  into[id] ??= body;
  return { $ref: `#/components/schemas/${id}` };
}

function rewrite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewrite);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, part]) => !(key === 'id' && typeof part === 'string' && '$ref' in value))
      .map(([key, part]) => [
        key,
        key === '$ref' && typeof part === 'string' ? part.replace('#/$defs/', '#/components/schemas/') : rewrite(part),
      ]),
  );
}
