/** `http` of a step. */
import { z } from 'zod';
import { callLimits } from '../../../base/call-limits.ts';
import { given } from '../../../base/given.ts';
import type { CallPart, CallText } from '../../work/call-text.ts';
import { HTTP_METHODS, STATUS_VALUE, type HttpWork } from '../../work/http.ts';
import { entriesOf, itemsOf, type TreeNode } from '../document-tree.ts';
import { callTlsShape } from './call-tls-shape.ts';
import type { CallStep, FillCallText } from './call-step.ts';

const HttpShape = z.strictObject({
  method: z.enum(HTTP_METHODS).optional().describe('Default: GET, or POST where something is sent'),
  url: z.string().describe('https://…; secrets and outputs stand behind its host'),
  headers: z.record(z.string(), z.string()).optional(),
  body: z.string().optional().describe('A text that is sent as it is'),
  json: z.unknown().optional().describe('A value that is sent as JSON; expressions stand in its texts'),
  redirects: z
    .int()
    .min(0)
    .max(callLimits.callRedirectsMax)
    .optional()
    .describe('So many are followed; default: 5. Secrets go to no other origin'),
  extract: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      'Output values by name: where each stands in the JSON of the answer, as a JSON pointer such as /items/0/id',
    ),
  tls: callTlsShape.optional(),
});
type HttpSaid = z.infer<typeof HttpShape>;

const REDIRECTS_DEFAULT = 5;

export const HTTP_STEP: CallStep<HttpSaid, HttpWork> = {
  shape: HttpShape,
  texts(node) {
    const entries = entriesOf(node);
    const url = entries.get('url')?.node;
    const body = entries.get('body')?.node;
    return [
      ...leaves(url),
      ...[...entriesOf(entries.get('headers')?.node).values()].flatMap((entry) => leaves(entry.node)),
      ...leaves(body),
      ...leaves(entries.get('json')?.node),
    ];
  },
  faults(node) {
    const entries = entriesOf(node);
    const [body, json] = [entries.get('body'), entries.get('json')];
    return [
      ...(body && json ? [{ at: json.at, detail: 'Give either body or json, not both.' }] : []),
      ...oddNumbers(json?.node).map((at) => ({
        at,
        detail: 'JSON holds no such number exactly: write it as a text.',
      })),
    ];
  },
  tells: (node) => [STATUS_VALUE, ...entriesOf(entriesOf(node).get('extract')?.node).keys()],
  work({ method, url, headers = {}, body, json, redirects = REDIRECTS_DEFAULT, extract = {}, tls }, filled) {
    const sent =
      json !== undefined
        ? { form: 'json' as const, text: merged(jsonParts(json, filled)) }
        : body === undefined
          ? undefined
          : { form: 'text' as const, text: filled(body) };
    return {
      kind: 'http',
      method: method ?? (sent ? 'POST' : 'GET'),
      url: filled(url, addressOf),
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, filled(text)])),
      ...given({ body: sent }),
      redirects,
      ...given({ tls: tls && tlsOf(tls) }),
      extract,
    };
  },
};

/** That begins with the value of a parameter, which is an address or the scheme of one. */
function addressOf(text: string): string {
  return text.startsWith('1://') ? `https${text.slice(1)}` : `https://${text}`;
}

function tlsOf({ ca, server_name: serverName, insecure }: NonNullable<HttpSaid['tls']>): HttpWork['tls'] {
  return given({ authorities: ca, serverName, isUnproved: insecure ? (true as const) : undefined });
}

/** Texts anywhere in it. */
function leaves(node: TreeNode | undefined): TreeNode[] {
  if (!node) return [];
  if (typeof node.value === 'string') return [node];
  return [...itemsOf(node), ...[...entriesOf(node).values()].map((entry) => entry.node)].flatMap(leaves);
}

function oddNumbers(node: TreeNode | undefined): number[] {
  if (!node) return [];
  const { value } = node;
  if (typeof value === 'number')
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? [] : [node.at];
  return [...itemsOf(node), ...[...entriesOf(node).values()].map((entry) => entry.node)].flatMap(oddNumbers);
}

/** Of each text the inside, so that no value ends it. */
function jsonParts(value: unknown, filled: FillCallText): CallPart[] {
  if (typeof value === 'string')
    return [
      '"',
      ...filled(value).map((part) => (typeof part === 'string' ? JSON.stringify(part).slice(1, -1) : part)),
      '"',
    ];
  if (Array.isArray(value))
    return ['[', ...value.flatMap((one, at) => [...(at === 0 ? [] : [',']), ...jsonParts(one, filled)]), ']'];
  if (typeof value === 'object' && value !== null)
    return [
      '{',
      ...Object.entries(value).flatMap(([key, one], at) => [
        `${at === 0 ? '' : ','}${JSON.stringify(key)}:`,
        ...jsonParts(one, filled),
      ]),
      '}',
    ];
  return [JSON.stringify(value)];
}

/** Neighbouring texts as one. */
function merged(parts: readonly CallPart[]): CallText {
  const made: CallPart[] = [];
  for (const part of parts) {
    const last = made.at(-1);
    if (typeof part === 'string' && typeof last === 'string') made[made.length - 1] = last + part;
    else made.push(part);
  }
  return made;
}
