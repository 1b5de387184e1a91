/**
 * A request over HTTP that a worker makes itself, and what of its answer is told. Statuses that are a success are of the
 * policy; how long it may take too.
 */
import type { InputFault } from '../../base/errors.ts';
import { callLimits } from '../../base/call-limits.ts';
import { given } from '../../base/given.ts';
import {
  callTextBytes,
  filledCallText,
  isLate,
  secretsIn,
  type CallForm,
  type CallPart,
  type CallText,
} from './call-text.ts';
import { callTlsFaults, type CallTls } from './call-tls.ts';
import { isOutputName } from './output-values.ts';
import { secretFaults } from './secret-faults.ts';
import type { CallWorkKind, StoredFields, WorkSetting } from './work-kind.ts';

export const HTTP_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
export type HttpMethod = (typeof HTTP_METHODS)[number];

export interface HttpWork {
  readonly kind: 'http';
  readonly method: HttpMethod;
  /** Late places stand behind its host: what is asked is said by the job. */
  readonly url: CallText;
  /** By name, as they were written; of a name there is one. */
  readonly headers: Readonly<Record<string, CallText>>;
  /** Of `json` late places stand within its texts. */
  readonly body?: { readonly form: 'text' | 'json'; readonly text: CallText };
  /** So many are followed; a further one is the answer. */
  readonly redirects: number;
  readonly tls?: CallTls;
  /** By the name that it is told under: where in the JSON of the answer a value stands (RFC 6901). */
  readonly extract: Readonly<Record<string, string>>;
}

/** Told of every answer, beside what is extracted. */
export const STATUS_VALUE = 'status';

/** Of the body, as the headers have it unless they say otherwise. */
export function bodyForm({ body }: HttpWork): CallForm {
  return body?.form === 'json' ? 'json' : 'plain';
}

export const HTTP: CallWorkKind<HttpWork> = {
  version: 1,
  stored({ method, url, headers, body, redirects, tls, extract }) {
    return { method, url, headers, ...given({ body }), redirects, ...given({ tls }), extract };
  },
  read(version, fields: StoredFields) {
    return version === 1 ? { kind: 'http', ...(fields as unknown as Omit<HttpWork, 'kind'>) } : undefined;
  },
  bytes: ({ url, headers, body, tls, extract }) =>
    callTextBytes(url) +
    Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + callTextBytes(text), 0) +
    (body ? callTextBytes(body.text) : 0) +
    (tls?.authorities?.length ?? 0) +
    Object.entries(extract).reduce((sum, [name, pointer]) => sum + name.length + pointer.length, 0),
  texts: ({ url, headers, body }) => [url, ...Object.values(headers), ...(body ? [body.text] : [])],
  withTexts(work, put) {
    const { url, headers, body } = work;
    return {
      ...work,
      url: put(url),
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, put(text)])),
      ...given({ body: body && { ...body, text: put(body.text) } }),
    };
  },
  faults(work, setting) {
    return [
      ...urlFaults(work),
      ...headerFaults(work),
      ...bodyFaults(work),
      ...tlsFaults(work),
      ...extractFaults(work),
      ...secretFaults(usedSecrets(work, setting)),
    ];
  },
};

const fault = (field: string, detail: string): InputFault => ({
  pointer: `#/http/${field}`,
  code: 'bad-input',
  detail,
});

/** Something in the place of what comes late. */
export const LATE_HERE = (_part: Exclude<CallPart, string>): string => 'x';

/** Scheme, host and what ends the host: nothing that comes late can be a part of them. */
const WHOLE_ORIGIN = /^https?:\/\/[^/?#\\\s]+[/?#\\]/i;

/** The end of a sentence about it; undefined for one that can be asked. Never repeats it, for it may hold a token. */
export function httpUrlFault(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is none: it has to begin with https:// and to name a host';
  const { protocol, username, password, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'has to begin with https:// or http://';
  if (username !== '' || password !== '') return 'holds no user and no password: give a header';
  return hash === '' ? undefined : 'has no part behind #';
}

function urlFaults({ url }: HttpWork): InputFault[] {
  const text = filledCallText(url, 'url', LATE_HERE);
  const wrong = httpUrlFault(text);
  if (wrong !== undefined) return [fault('url', `The URL ${wrong}.`)];
  const [first = ''] = url;
  if (url.some(isLate) && !(typeof first === 'string' && WHOLE_ORIGIN.test(first)))
    return [
      fault('url', 'What is asked is said by the job: secrets and outputs stand behind the host of the URL, and a /.'),
    ];
  if (text.length <= callLimits.callUrlLengthMax) return [];
  return [fault('url', `The URL has ${text.length} characters; ${callLimits.callUrlLengthMax} are allowed.`)];
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What a value of a header cannot hold. */
export const UNFIT_FOR_HEADER = /[\0-\x08\x0a-\x1f\x7f]/;
/** How the request is carried is not the job's to say. */
const HELD_HEADERS: readonly string[] = [
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

function headerFaults({ headers }: HttpWork): InputFault[] {
  const faults: InputFault[] = [];
  const names = Object.keys(headers);
  if (names.length > callLimits.callHeadersMax)
    return [fault('headers', `The request has ${names.length} headers; ${callLimits.callHeadersMax} are allowed.`)];
  const seen = new Set<string>();
  for (const [name, text] of Object.entries(headers)) {
    const plain = name.toLowerCase();
    const told = (detail: string): void => void faults.push(fault(`headers/${name}`, detail));
    if (!HEADER_NAME.test(name)) told(`${JSON.stringify(name)} is no name of a header.`);
    else if (HELD_HEADERS.includes(plain)) told(`${name} is said by whoever carries the request.`);
    else if (seen.has(plain)) told(`There is a header ${name} before this one.`);
    seen.add(plain);
    const bytes = name.length + callTextBytes(text);
    if (bytes > callLimits.callHeaderBytesMax)
      told(`The header ${name} has ${bytes} bytes; ${callLimits.callHeaderBytesMax} are allowed.`);
    if (text.some((part) => typeof part === 'string' && UNFIT_FOR_HEADER.test(part)))
      told(`The header ${name} holds a character that no header can, such as a line end.`);
  }
  return faults;
}

function bodyFaults({ method, body }: HttpWork): InputFault[] {
  if (!body) return [];
  const field = body.form === 'json' ? 'json' : 'body';
  if (method === 'HEAD') return [fault(field, 'HEAD sends no body.')];
  const bytes = callTextBytes(body.text);
  if (bytes <= callLimits.callBodyBytesMax) return [];
  return [
    fault(
      field,
      `The body has ${bytes} bytes; ${callLimits.callBodyBytesMax} are allowed. Larger payloads are files, which a script sends.`,
    ),
  ];
}

function tlsFaults({ url, tls }: HttpWork): InputFault[] {
  if (!tls) return [];
  const isPlain = /^http:/i.test(filledCallText(url, 'url', LATE_HERE));
  return [
    ...(isPlain ? [fault('tls', 'tls is of https:// URLs.')] : []),
    ...callTlsFaults(tls).map(({ field, detail }) => fault(`tls/${field}`, detail)),
  ];
}

const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;

function extractFaults({ method, extract }: HttpWork): InputFault[] {
  const entries = Object.entries(extract);
  if (entries.length > callLimits.callExtractsMax)
    return [fault('extract', `extract has ${entries.length} values; ${callLimits.callExtractsMax} are allowed.`)];
  const faults: InputFault[] = [];
  if (method === 'HEAD' && entries.length > 0) faults.push(fault('extract', 'HEAD is answered without a body.'));
  for (const [name, pointer] of entries) {
    const told = (detail: string): void => void faults.push(fault(`extract/${name}`, detail));
    if (!isOutputName(name))
      told(`${JSON.stringify(name)} is no name of a value: letters, digits and _, beginning with a letter.`);
    else if (name === STATUS_VALUE) told(`${STATUS_VALUE} is told of every answer, and is its status.`);
    if (pointer.length > callLimits.callPointerLengthMax)
      told(`The pointer has ${pointer.length} characters; ${callLimits.callPointerLengthMax} are allowed.`);
    else if (!POINTER.test(pointer))
      told(`${JSON.stringify(pointer)} is no JSON pointer (RFC 6901), such as /items/0/id; "" is all of it.`);
  }
  return faults;
}

function usedSecrets(work: HttpWork, { secrets }: WorkSetting): Record<string, string> {
  const names = new Set(HTTP.texts(work).flatMap(secretsIn));
  return Object.fromEntries(Object.entries(secrets).filter(([name]) => names.has(name)));
}
