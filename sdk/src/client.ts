/**
 * The typed client of Drover's API, generated from its OpenAPI document, with the few things added that a document cannot say:
 * problems as errors, pages as iterators, events that resume.
 */
import createFetchClient, { type Client } from 'openapi-fetch';
import type { components, paths } from './__generated__/schema.ts';

export type Schemas = components['schemas'];
export type Run = Schemas['Run'];
export type Execution = Schemas['Execution'];
export type DroverClient = Client<paths>;

/** The server refused or failed; `code` is stable and documented in docs/ERRORS.md. */
export class DroverApiError extends Error {
  override readonly name = 'DroverApiError';
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly { pointer: string; code: string; detail: string }[];
  readonly requestId: string | undefined;

  constructor(status: number, problem: Partial<Schemas['Problem']>) {
    super(problem.detail ?? `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? 'internal';
    this.detail = this.message;
    this.errors = problem.errors ?? [];
    this.requestId = problem.requestId;
  }
}

/** The server was not reached at all. */
export class DroverUnreachableError extends Error {
  override readonly name = 'DroverUnreachableError';
}

/**
 * This client does not go on, whatever the server is. `server-answer-invalid`: what came is no answer of Drover's API, so that somebody else
 * answers there, or stands in between. `token-in-clear`: the token would go over a network for everybody on the way to read.
 */
export class DroverClientError extends Error {
  override readonly name = 'DroverClientError';
  readonly code: 'server-answer-invalid' | 'token-in-clear';

  constructor(code: 'server-answer-invalid' | 'token-in-clear', message: string) {
    super(message);
    this.code = code;
  }
}

/** An answer that was taken, as it came. */
export interface HeardAnswer {
  readonly method: string;
  /** As the document has it, such as `/api/v1/runs/{runId}`. */
  readonly path: string;
  readonly status: number;
  readonly data: unknown;
}

export interface ClientOptions {
  readonly baseUrl: string;
  readonly token?: string;
  /** The token may go to another machine over plain `http:`: only where nobody else is on the way. */
  readonly allowTokenInClear?: boolean;
  /** Called with each JSON answer, before it is used. */
  readonly onAnswer?: (answer: HeardAnswer) => void;
  readonly fetch?: typeof fetch;
  /** How often a request is sent again that the server refused as `overloaded` or `too-many-requests`: it had done nothing of it. */
  readonly overloadRetries?: number;
}

/** Of one answer; the server holds no larger one. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Of a refusal: a hundred faults have a tenth of it. */
const PROBLEM_BYTES_MAX = 1024 * 1024;
/** Of one event of a stream, in UTF-16: a run, an execution, or a piece of output of at most a mebibyte. */
const EVENT_LENGTH_MAX = 8 * 1024 * 1024;
/** Of one list; a page of a fleet has a hundred items and more. */
const PAGES_MAX = 100_000;
/** Pages in a row without an item. */
const EMPTY_PAGES_MAX = 100;

/**
 * A client whose calls reject with DroverApiError, DroverUnreachableError or DroverClientError instead of answering `{ error }`. Throws
 * DroverClientError where it would send its token in clear.
 */
export function createClient(options: ClientOptions): DroverClient {
  if (options.token) assertToken(options.token, options);
  const client = createFetchClient<paths>({
    baseUrl: options.baseUrl,
    redirect: 'manual',
    fetch: (request) => reach(options, request),
  });
  client.use({
    onRequest({ request }) {
      if (options.token) request.headers.set('authorization', `Bearer ${options.token}`);
      if (request.method !== 'GET' && !request.headers.has('idempotency-key'))
        request.headers.set('idempotency-key', crypto.randomUUID());
      return request;
    },
    async onResponse({ response, request, schemaPath: path, options: { parseAs } }) {
      if (!response.ok) throw await problemOf(response);
      if (parseAs === 'stream') return undefined;
      const bytes = await bytesOf(response, ANSWER_BYTES_MAX).catch((error: unknown) => {
        if (error instanceof DroverClientError) throw error;
        throw new DroverUnreachableError(`${options.baseUrl} ended an answer early`, { cause: error });
      });
      const { status, headers } = response;
      if (parseAs === 'json' && bytes.length > 0) {
        const data = objectOf(options.baseUrl, textOf(bytes));
        options.onAnswer?.({ method: request.method, path, status, data });
      }
      return new Response(bytes.length > 0 ? bytes : null, { status, headers });
    },
  });
  return client;
}

/** Throws a TypeError, which repeats nothing of it, for what is no token; and `token-in-clear`. */
function assertToken(token: string, options: Omit<ClientOptions, 'token'>): void {
  if (!isToken(token)) throw new TypeError('The token is none: it is one line without blanks.');
  assertNotInClear(options);
}

/** Whether it may be sent: what a header cannot hold would be repeated by whoever refuses it. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** A token for this address: throws `token-in-clear`. This machine hears itself alone; anybody else is reached over wires of others. */
export function assertNotInClear({ baseUrl, allowTokenInClear }: Omit<ClientOptions, 'token'>): void {
  const { protocol, hostname } = new URL(baseUrl);
  if (protocol !== 'http:' || allowTokenInClear || isLoopback(hostname)) return;
  throw new DroverClientError(
    'token-in-clear',
    `The token is not sent to ${new URL(baseUrl).origin}: over http everybody on the way could read it.`,
  );
}

/** `localhost` is what the hosts file of this machine says; names below it are whatever somebody's DNS says. */
function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(hostname);
}

function answerInvalid(baseUrl: string, what: string): DroverClientError {
  return new DroverClientError(
    'server-answer-invalid',
    `${baseUrl} ${what}. Somebody else answers there, or stands in between.`,
  );
}

/** The body, as far as it may go; the rest is not taken. */
async function bytesOf(response: Response, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > bytesMax)
      throw new DroverClientError(
        'server-answer-invalid',
        `An answer went on after ${bytesMax} bytes, which none of a server's does.`,
      );
    parts.push(part);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function objectOf(baseUrl: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw answerInvalid(baseUrl, `answered with what is no JSON (${JSON.stringify(text.slice(0, 60))})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw answerInvalid(baseUrl, 'answered with what is no object of its API');
  return value;
}

const OVERLOAD_RETRIES = 6;

/** What a refusal says of itself, which is read at most once; the answer goes on with it. */
export async function refusalText(response: Response): Promise<{ text: string; again: Response }> {
  const bytes = await bytesOf(response, PROBLEM_BYTES_MAX).catch((error: unknown) => {
    if (error instanceof DroverClientError) throw error;
    return new Uint8Array();
  });
  const { status, headers } = response;
  return { text: textOf(bytes), again: new Response(bytes.length > 0 ? bytes : null, { status, headers }) };
}

/** The two refusals that say that nothing was done, so that sending again is safe also without an idempotency key. */
async function whetherOverloaded(response: Response): Promise<{ isOverloaded: boolean; answer: Response }> {
  if (response.status !== 503 && response.status !== 429) return { isOverloaded: false, answer: response };
  const { text, again } = await refusalText(response);
  return { isOverloaded: /"code":\s*"(overloaded|too-many-requests)"/.test(text), answer: again };
}

/** Nobody is followed elsewhere: what is sent has scripts and secrets in it, and is for this server. */
function assertNoRedirect(baseUrl: string, response: Response): void {
  if (response.type !== 'opaqueredirect' && ![301, 302, 303, 307, 308].includes(response.status)) return;
  const to = response.headers.get('location')?.slice(0, 200);
  throw answerInvalid(baseUrl, `sends requests on${to === undefined ? '' : ` to ${to}`}, which is not followed`);
}

/** The signal goes beside the request: the one inside a request only follows it until the garbage collector comes by. */
async function reach(options: ClientOptions, request: Request, signal?: AbortSignal): Promise<Response> {
  const send = async (again: Request): Promise<Response> => {
    const response = await (signal ? (options.fetch ?? fetch)(again, { signal }) : (options.fetch ?? fetch)(again));
    assertNoRedirect(options.baseUrl, response);
    return response;
  };
  try {
    for (let left = options.overloadRetries ?? OVERLOAD_RETRIES; left > 0; left--) {
      const { isOverloaded, answer } = await whetherOverloaded(await send(request.clone()));
      if (!isOverloaded) return answer;
      // Not all at the same moment again.
      const afterMs = Math.min(30, Number(answer.headers.get('retry-after')) || 1) * 1_000;
      await pauseUnlessAborted(afterMs * (0.5 + Math.random()), signal ?? request.signal);
    }
    return await send(request);
  } catch (error) {
    if (error instanceof DroverClientError) throw error;
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    throw new DroverUnreachableError(
      `${options.baseUrl} was not reached: ${cause?.message || cause?.code || (error as Error).message}`,
      { cause: cause ?? error },
    );
  }
}

async function problemOf(response: Response): Promise<DroverApiError> {
  const { text } = await refusalText(response);
  try {
    return new DroverApiError(response.status, JSON.parse(text) as Partial<Schemas['Problem']>);
  } catch {
    return new DroverApiError(response.status, {
      detail: text.slice(0, 300) || `The server answered ${response.status}.`,
    });
  }
}

/** The data of an answer that has one. */
export function dataOf<T>(answer: { data?: T }): T {
  if (answer.data === undefined) throw new DroverApiError(500, { detail: 'The server answered without a body.' });
  return answer.data;
}

/** All items of a list, page by page. Rejects with DroverClientError for a list that leads in circles or has no end. */
export async function* allPages<T>(
  fetchPage: (cursor: string | undefined) => Promise<{ items: T[]; next?: string | undefined }>,
): AsyncGenerator<T> {
  const seen = new Set<string>();
  let cursor: string | undefined;
  let empty = 0;
  do {
    const { items, next } = await fetchPage(cursor);
    empty = Array.isArray(items) && items.length > 0 ? 0 : empty + 1;
    const fault =
      !Array.isArray(items) || (next !== undefined && typeof next !== 'string')
        ? 'is none'
        : next !== undefined && seen.has(next)
          ? 'comes back to a page that was there'
          : empty > EMPTY_PAGES_MAX || seen.size >= PAGES_MAX
            ? `does not end after ${seen.size} pages`
            : undefined;
    if (fault !== undefined)
      throw new DroverClientError('server-answer-invalid', `A list that the server answered with ${fault}.`);
    yield* items;
    if (next !== undefined) seen.add(next);
    cursor = next;
  } while (cursor !== undefined);
}

export interface LiveOutput {
  /** Absent where it is of a task without hosts. */
  host?: string | undefined;
  /** Which of several items its step is done for. */
  item?: string | undefined;
  task: number;
  ordinal: number;
  attempt: number;
  stream: 'stdout' | 'stderr';
  offset: number;
  skipped: number;
  base64: string;
}
export type RunEvent =
  | { event: 'run' | 'end'; data: Run }
  | { event: 'execution'; data: Execution }
  | { event: 'timeline'; data: Schemas['TimelineEntry'] }
  | { event: 'output'; data: LiveOutput };

export interface WatchOptions {
  readonly output?: boolean;
  readonly after?: number;
  readonly signal?: AbortSignal;
  readonly reconnects?: number /** The server went away, once per absence. */;
  readonly onAway?: (error: Error) => void;
}

/** Events of a run until it has ended. A lost connection is taken up again where it was, `reconnects` times in a row. */
export async function* watchRun(
  options: ClientOptions,
  runId: string,
  watch: WatchOptions = {},
): AsyncGenerator<RunEvent> {
  if (options.token) assertToken(options.token, options);
  let lastId = watch.after === undefined ? undefined : String(watch.after);
  let failures = 0;
  for (;;) {
    try {
      const url = new URL(`/api/v1/runs/${runId}/events?output=${watch.output === true}`, options.baseUrl);
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (options.token) headers.authorization = `Bearer ${options.token}`;
      if (lastId !== undefined) headers['last-event-id'] = lastId;
      const response = await reach(options, new Request(url, { headers, redirect: 'manual' }), watch.signal);
      if (!response.ok) throw await problemOf(response);
      for await (const { id, event, data } of parseEvents(options.baseUrl, response.body!)) {
        failures = 0;
        if (id !== undefined) lastId = id;
        if (event === 'error') throw streamProblem(objectOf(options.baseUrl, data));
        yield { event, data: objectOf(options.baseUrl, data) as never } as RunEvent;
        if (event === 'end') return;
      }
      throw new DroverUnreachableError(`${options.baseUrl} ended the events of run ${runId} early`);
    } catch (error) {
      if (watch.signal?.aborted) return;
      if (error instanceof DroverClientError) throw error;
      if (error instanceof DroverApiError && error.status < 500 && ![408, 429].includes(error.status)) throw error;
      if (++failures > (watch.reconnects ?? 30))
        throw error instanceof DroverApiError ? error : new DroverUnreachableError((error as Error).message);
      // A stream that was only cut is taken up again in silence.
      if (failures === 2) watch.onAway?.(error as Error);
      await pauseUnlessAborted(Math.min(5_000, 100 * 2 ** failures), watch.signal);
      if (watch.signal?.aborted) return;
    }
  }
}

/** The server ended the stream and said why. */
function streamProblem(data: object): DroverApiError {
  const problem = data as Schemas['Problem'];
  return new DroverApiError(problem.status, problem);
}

function pauseUnlessAborted(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal?.addEventListener('abort', end);
  });
}

async function* parseEvents(
  baseUrl: string,
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<{ id?: string; event: string; data: string }> {
  const decoder = new TextDecoder();
  // Of the event that has not ended yet. Joined when it has: one that comes in many pieces is not read anew with each.
  let pieces: string[] = [];
  let length = 0;
  for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
    const piece = decoder.decode(bytes, { stream: true });
    const isCutInItsEnd = piece.startsWith('\n') && pieces.at(-1)?.endsWith('\n') === true;
    if (piece !== '') pieces.push(piece);
    length += piece.length;
    if (!isCutInItsEnd && !piece.includes('\n\n')) {
      if (length > EVENT_LENGTH_MAX)
        throw answerInvalid(baseUrl, `sent an event that goes on after ${EVENT_LENGTH_MAX} letters`);
      continue;
    }
    const blocks = pieces.join('').split('\n\n');
    const rest = blocks.pop()!;
    pieces = rest === '' ? [] : [rest];
    length = rest.length;
    for (const block of blocks) {
      const fields = new Map(
        block
          .split('\n')
          .filter((line) => !line.startsWith(':'))
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      const [id, event, data] = [fields.get('id'), fields.get('event'), fields.get('data')];
      if (event !== undefined && data !== undefined) yield id === undefined ? { event, data } : { event, data, id };
    }
  }
}
