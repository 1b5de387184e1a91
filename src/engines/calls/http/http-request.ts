/** The request of a call with everything filled in, and what becomes of it when it is sent on to another place. Pure. */
import { callLimits } from '../../../base/call-limits.ts';
import { given } from '../../../base/given.ts';
import { filledCallText, isLate, secretsIn, type CallText } from '../../../domain/work/call-text.ts';
import { bodyForm, httpUrlFault, LATE_HERE, UNFIT_FOR_HEADER, type HttpWork } from '../../../domain/work/http.ts';
import { unfitCall, valuesOfOrder, type ValueOf } from '../call-values.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly HttpHeader[];
  readonly body?: Body;
  /** Its URL has a secret. */
  readonly isUrlSecret: boolean;
}

interface HttpHeader {
  readonly name: string;
  readonly value: string;
  /** It is for the origin that the job names, and for no other. */
  readonly isSecret: boolean;
}

interface Body {
  readonly bytes: Buffer;
  readonly isSecret: boolean;
}

/** Throws `bad-input`, whose detail repeats no value: it may be a secret, or what a host has told. */
export function requestOf(work: HttpWork, secrets: Readonly<Record<string, string>>): HttpRequest {
  const valueOf = valuesOfOrder(secrets);
  const headers = Object.entries(work.headers).map(([name, text]) => {
    const value = filledCallText(text, 'plain', valueOf);
    if (UNFIT_FOR_HEADER.test(value))
      throw unfitCall(`The header ${name} would hold a character that no header can, such as a line end`);
    if (name.length + Buffer.byteLength(value) > callLimits.callHeaderBytesMax)
      throw unfitCall(`The header ${name} would have more than ${callLimits.callHeaderBytesMax} bytes`);
    return { name, value, isSecret: isSecret(text) || OF_ONE_ORIGIN.includes(name.toLowerCase()) };
  });
  const body = bodyOf(work, valueOf);
  const isTyped = headers.some(({ name }) => name.toLowerCase() === 'content-type');
  if (work.body?.form === 'json' && !isTyped)
    headers.push({ name: 'content-type', value: 'application/json', isSecret: false });
  return {
    method: work.method,
    url: urlOf(work.url, valueOf),
    headers,
    ...given({ body }),
    isUrlSecret: isSecret(work.url),
  };
}

/** Whether a secret would go over the network with it. */
export function holdsSecret({ isUrlSecret, headers, body }: HttpRequest): boolean {
  return isUrlSecret || headers.some((header) => header.isSecret) || body?.isSecret === true;
}

export type Onward =
  | { readonly is: 'request'; readonly request: HttpRequest }
  /** What was answered is the answer; the sentence says why, if there is one. */
  | { readonly is: 'answer'; readonly detail?: string };

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** What an answer asks for. `location`: its header, which the far end has written. */
export function onwardFrom(request: HttpRequest, status: number, location: string | undefined): Onward {
  if (!REDIRECTS.includes(status) || location === undefined) return { is: 'answer' };
  const stays = (why: string): Onward => ({ is: 'answer', detail: `It was sent on, and did not follow: ${why}.` });
  if (location.length > callLimits.callUrlLengthMax || !URL.canParse(location, request.url.href))
    return stays('where to is no URL');
  const url = new URL(location, request.url);
  url.hash = '';
  if (httpUrlFault(url.href) !== undefined) return stays('where to is no URL that a call may ask');
  if (request.url.protocol === 'https:' && url.protocol === 'http:') return stays('it would go on in clear');
  const isOther = url.origin !== request.url.origin;
  const isAsked = status === 303 ? request.method !== 'HEAD' : status <= 302 && request.method === 'POST';
  if (isOther && !isAsked && request.body?.isSecret)
    return stays('its body holds a secret, which goes to no other origin');
  const headers = request.headers.filter(
    ({ name, isSecret }) => !(isOther && isSecret) && !(isAsked && /^content-/i.test(name)),
  );
  return {
    is: 'request',
    request: {
      method: isAsked ? 'GET' : request.method,
      url,
      headers,
      ...given({ body: isAsked ? undefined : request.body }),
      isUrlSecret: false,
    },
  };
}

/** Who it is, in whatever words. */
const OF_ONE_ORIGIN: readonly string[] = ['authorization', 'cookie'];

function isSecret(text: CallText): boolean {
  return secretsIn(text).length > 0;
}

function urlOf(text: CallText, valueOf: ValueOf): URL {
  const filled = filledCallText(text, 'url', valueOf);
  const wrong = httpUrlFault(filled);
  if (wrong !== undefined) throw unfitCall(`The URL ${wrong}`);
  if (filled.length > callLimits.callUrlLengthMax)
    throw unfitCall(`The URL would have more than ${callLimits.callUrlLengthMax} characters`);
  const url = new URL(filled);
  // `..` leads up in whatever form it is written.
  const meant = text.some(isLate) ? new URL(filledCallText(text, 'url', LATE_HERE)) : url;
  if (partsOf(url) !== partsOf(meant))
    throw unfitCall('A part of the URL would lead up, out of the folder that the job names');
  return url;
}

function partsOf({ pathname }: URL): number {
  return pathname.split('/').length;
}

function bodyOf(work: HttpWork, valueOf: ValueOf): Body | undefined {
  if (!work.body) return undefined;
  const bytes = Buffer.from(filledCallText(work.body.text, bodyForm(work), valueOf));
  if (bytes.length > callLimits.callBodyBytesMax)
    throw unfitCall(`The body would have more than ${callLimits.callBodyBytesMax} bytes`);
  return { bytes, isSecret: isSecret(work.body.text) };
}
