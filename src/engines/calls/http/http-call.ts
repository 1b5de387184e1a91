/**
 * Makes one request over HTTP and takes its answer in. Each place that it is sent on to is looked up and held against
 * the allow-list anew. Nothing is decompressed, no proxy is asked, and no cookie is kept.
 */
import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestSecure } from 'node:https';
import { callLimits } from '../../../base/call-limits.ts';
import { DroverError } from '../../../base/errors.ts';
import { given } from '../../../base/given.ts';
import type { CallTls } from '../../../domain/work/call-tls.ts';
import type { HttpWork } from '../../../domain/work/http.ts';
import { dial, secured, type Dialer } from '../../../outbound/dialer.ts';
import type { Call, CallEnd } from '../call-kind.ts';
import { CALL_WORDS, HOW_TO_ALLOW, inClear, unreachable } from '../call-words.ts';
import { holdsSecret, onwardFrom, requestOf, type HttpRequest } from './http-request.ts';
import { valuesOf } from './http-values.ts';

export async function callHttp(call: Call<HttpWork>): Promise<CallEnd> {
  const { work, secrets } = call;
  let request = requestOf(work, secrets);
  for (let followed = 0; ; followed++) {
    const { answer, close } = await asked(call, request, followed > 0);
    try {
      const onward = onwardFrom(request, answer.statusCode!, answer.headers.location);
      if (onward.is === 'answer') return await taken(call, answer, onward.detail);
      if (followed === work.redirects)
        return await taken(
          call,
          answer,
          followed === 0 ? undefined : `It was sent on ${followed} times, and no further.`,
        );
      // Where to is the far end's word: it goes to the output, which is masked, and into no record.
      await call.output(2, Buffer.from(`${answer.statusCode} ${onward.request.url.origin}\n`));
      request = onward.request;
    } finally {
      close();
    }
  }
}

interface Asked {
  /** Its headers are here; its body is not read. */
  readonly answer: IncomingMessage;
  close(): void;
}

/** `isOnward`: the far end of a request before has said where to. */
async function asked(call: Call<HttpWork>, request: HttpRequest, isOnward: boolean): Promise<Asked> {
  const { url } = request;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isSecure = url.protocol === 'https:';
  const dialer: Dialer = { ...call.reach, words: isOnward ? ONWARD_WORDS : CALL_WORDS };
  const plain = await dial(dialer, { host, port: portOf(url) }, call.signal);
  const close = (): void => void plain.socket.destroy();
  call.signal.addEventListener('abort', close, { once: true });
  try {
    if (!isSecure && !plain.isNamed && holdsSecret(request)) throw inClear('Give an https:// URL');
    const { socket } = isSecure ? await secured(dialer, plain, host, proofOf(call.work.tls, isOnward)) : plain;
    call.signal.throwIfAborted();
    call.begun();
    return { answer: await answered(request, { host, socket, isSecure }), close };
  } catch (error) {
    close();
    throw error;
  }
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

/** Another place has a name of its own. */
function proofOf(tls: CallTls | undefined, isOnward: boolean): Parameters<typeof secured>[3] {
  return {
    authorities: tls?.authorities,
    isUnproved: tls?.isUnproved,
    serverName: isOnward ? undefined : tls?.serverName,
  };
}

interface Exchange extends Pick<RequestOptions, 'host'> {
  readonly socket: ReturnType<NonNullable<RequestOptions['createConnection']>>;
  readonly isSecure: boolean;
}

function answered(
  { method, url, headers, body }: HttpRequest,
  { host, socket, isSecure }: Exchange,
): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method,
    ...given({ host }),
    path: `${url.pathname}${url.search}`,
    headers: {
      // Kept for the name, for the connection knows an address only.
      host: url.host,
      'user-agent': 'drover',
      accept: '*/*',
      // Node writes a character as a byte: so these are the bytes of UTF-8, as everything else is sent, and masked.
      ...Object.fromEntries(
        headers.map(({ name, value }) => [name.toLowerCase(), Buffer.from(value).toString('latin1')]),
      ),
      'accept-encoding': 'identity',
      connection: 'close',
      ...given({ 'content-length': body === undefined ? undefined : String(body.bytes.length) }),
    },
    createConnection: () => socket,
    maxHeaderSize: callLimits.callAnswerHeaderBytesMax,
  };
  return new Promise((resolve, reject) => {
    const sent = (isSecure ? requestSecure : requestPlain)(options, (answer) => {
      // What is no status of HTTP could not be recorded as one.
      if (answer.statusCode! >= 100) return resolve(answer);
      answer.destroy();
      reject(broken({ code: NO_HTTP }));
    });
    sent.on('error', (error) => reject(broken(error)));
    // Nobody asked for another protocol. Unheard, this would leave the request without an end.
    sent.on('upgrade', (_answer, upgraded) => {
      upgraded.destroy();
      reject(broken({ code: NO_HTTP }));
    });
    sent.on('close', () => reject(broken({})));
    sent.end(body?.bytes);
  });
}

async function taken(call: Call<HttpWork>, answer: IncomingMessage, detail: string | undefined): Promise<CallEnd> {
  const { work } = call;
  const status = answer.statusCode!;
  const isLookedThrough = Object.keys(work.extract).length > 0;
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > callLimits.callAnswerBytesMax) throw tooMuch();
      if (isLookedThrough && size <= callLimits.callExtractBytesMax) parts.push(part);
      await call.output(1, part);
    }
  } catch (error) {
    throw error instanceof DroverError ? error : broken(error);
  }
  const encoding = answer.headers['content-encoding']?.trim().toLowerCase();
  const body = {
    bytes: Buffer.concat(parts),
    isMore: size > callLimits.callExtractBytesMax,
    encoding: encoding === 'identity' || encoding === '' ? undefined : encoding,
  };
  return {
    outcome: { kind: 'answered', status },
    values: valuesOf(status, work.extract, body),
    ...given({ detail }),
  };
}

// — words —

/** Of a place that the far end has named nothing is repeated: it may have been given a secret, and say it again. */
const ONWARD_WORDS: Dialer['words'] = {
  notAllowed: () =>
    new DroverError('call-not-allowed', { detail: `It was sent on to where that leads ${HOW_TO_ALLOW}.` }),
  unreachable: (_host, error) => unreachable('Where it was sent on to was not reached.', error),
};

function tooMuch(): DroverError {
  return new DroverError('output-limit', {
    detail: `The answer has more than ${callLimits.callAnswerBytesMax} bytes; what came until then is kept as its output.`,
  });
}

/** As Node's parser begins the codes of its faults. */
const NO_HTTP = 'HPE_NO_ANSWER';

function broken(cause: unknown): DroverError {
  const { code } = cause as { readonly code?: unknown };
  const words =
    code === 'HPE_HEADER_OVERFLOW'
      ? `the headers of the answer have more than ${callLimits.callAnswerHeaderBytesMax} bytes`
      : typeof code === 'string' && code.startsWith('HPE_')
        ? 'what answers does not speak HTTP'
        : 'the connection was cut';
  return new DroverError('call-broken', {
    detail: `It was sent, and there is no whole answer: ${words}. It may have done its work.`,
    cause,
  });
}
