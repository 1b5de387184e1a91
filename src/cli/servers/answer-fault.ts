/**
 * Whose fault it is that a command fell over: whether an answer that it was given is one of the API's document.
 * Looked at only then, so that no command waits for it.
 */
import { readFileSync } from 'node:fs';
import type { HeardAnswer } from '@drover/sdk';

/** The part of JSON Schema that says of what type something is. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}
interface ApiDocument {
  readonly paths: Readonly<
    Record<
      string,
      Record<string, { responses: Record<string, { content?: Record<string, { schema?: Schema }> }> } | undefined>
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Beside the sources, and beside `dist`. */
const PLACES = ['../../../api/openapi.json', '../api/openapi.json'];
/** A shape that is nested deeper is not looked at there. */
const DEPTH_MAX = 32;

/** The first that does not fit, in words: `/items/0/name of GET /api/v1/hosts is no string`. Undefined where all do, or nobody can tell. */
export function answerFault(answers: readonly HeardAnswer[]): string | undefined {
  const document = readDocument();
  if (!document) return undefined;
  for (const { method, path, status, data } of answers) {
    const content = document.paths[path]?.[method.toLowerCase()]?.responses[String(status)]?.content;
    const schema = content?.['application/json']?.schema;
    const fault = schema && misfit(document, schema, data, '', 0);
    if (fault) return `${fault.at || 'the whole'} of ${method} ${path} is no ${fault.wanted}`;
  }
  return undefined;
}

function readDocument(): ApiDocument | undefined {
  for (const place of PLACES)
    try {
      return JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as ApiDocument;
    } catch {
      // It is in the other place, or this program was taken out of its package.
    }
  return undefined;
}

interface Misfit {
  readonly at: string;
  readonly wanted: string;
}

function misfit(document: ApiDocument, schema: Schema, value: unknown, at: string, depth: number): Misfit | undefined {
  if (depth > DEPTH_MAX) return undefined;
  const inside = (part: Schema, of: unknown, name: string | number): Misfit | undefined =>
    misfit(document, part, of, `${at}/${name}`, depth + 1);
  if (schema.$ref !== undefined) {
    const named = document.components.schemas[schema.$ref.split('/').at(-1)!];
    return named && misfit(document, named, value, at, depth + 1);
  }
  if (schema.anyOf) {
    const faults = schema.anyOf.map((one) => misfit(document, one, value, at, depth + 1));
    return faults.every((fault) => fault !== undefined) ? faults[0] : undefined;
  }
  if (schema.type !== undefined && !isOfType(value, schema.type)) return { at, wanted: schema.type };
  if (Array.isArray(value)) return schema.items && firstOf(value, (one, n) => inside(schema.items!, one, n));
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Record<string, unknown>;
  const missing = schema.required?.find((name) => !Object.hasOwn(fields, name));
  if (missing !== undefined) return { at: `${at}/${missing}`, wanted: 'field that is there' };
  const others = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  return firstOf(Object.entries(fields), ([name, one]) => {
    const part = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : others;
    return part && inside(part, one, name);
  });
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'null':
      return value === null;
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function firstOf<T>(all: readonly T[], look: (one: T, n: number) => Misfit | undefined): Misfit | undefined {
  for (const [n, one] of all.entries()) {
    const found = look(one, n);
    if (found) return found;
  }
  return undefined;
}
