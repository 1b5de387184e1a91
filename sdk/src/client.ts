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

export interface ClientOptions {
  readonly baseUrl: string;
  readonly token?: string;
  readonly fetch?: typeof fetch;
  /** How often a request is sent again that the server refused as `overloaded` or `too-many-requests`: it had done nothing of it. */
  readonly overloadRetries?: number;
}

/** A client whose calls reject with DroverApiError or DroverUnreachableError instead of answering `{ error }`. */
export function createClient(options: ClientOptions): DroverClient {
  const client = createFetchClient<paths>({ baseUrl: options.baseUrl, fetch: (request) => reach(options, request) });
  client.use({
    onRequest({ request }) {
      if (options.token) request.headers.set('authorization', `Bearer ${options.token}`);
      if (request.method !== 'GET' && !request.headers.has('idempotency-key'))
        request.headers.set('idempotency-key', crypto.randomUUID());
      return request;
    },
    async onResponse({ response }) {
      if (!response.ok) throw await problemOf(response);
    },
  });
  return client;
}

const OVERLOAD_RETRIES = 6;

/** The two refusals that say that nothing was done, so that sending again is safe also without an idempotency key. */
async function isOverloaded(response: Response): Promise<boolean> {
  if (response.status !== 503 && response.status !== 429) return false;
  const text = await response
    .clone()
    .text()
    .catch(() => '');
  return /"code":\s*"(overloaded|too-many-requests)"/.test(text);
}

/** The signal goes beside the request: the one inside a request only follows it until the garbage collector comes by. */
async function reach(options: ClientOptions, request: Request, signal?: AbortSignal): Promise<Response> {
  const send = (again: Request): Promise<Response> =>
    signal ? (options.fetch ?? fetch)(again, { signal }) : (options.fetch ?? fetch)(again);
  try {
    for (let left = options.overloadRetries ?? OVERLOAD_RETRIES; left > 0; left--) {
      const response = await send(request.clone());
      if (!(await isOverloaded(response))) return response;
      // Not all at the same moment again.
      const afterMs = Math.min(30, Number(response.headers.get('retry-after')) || 1) * 1_000;
      await pauseUnlessAborted(afterMs * (0.5 + Math.random()), signal ?? request.signal);
    }
    return await send(request);
  } catch (error) {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    throw new DroverUnreachableError(
      `${options.baseUrl} was not reached: ${cause?.message || cause?.code || (error as Error).message}`,
      { cause: cause ?? error },
    );
  }
}

async function problemOf(response: Response): Promise<DroverApiError> {
  const text = await response.text().catch(() => '');
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

/** All items of a list, page by page. */
export async function* allPages<T>(
  fetchPage: (cursor: string | undefined) => Promise<{ items: T[]; next?: string | undefined }>,
): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const page = await fetchPage(cursor);
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}

export interface LiveOutput {
  host: string;
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
  let lastId = watch.after === undefined ? undefined : String(watch.after);
  let failures = 0;
  for (;;) {
    try {
      const url = new URL(`/api/v1/runs/${runId}/events?output=${watch.output === true}`, options.baseUrl);
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (options.token) headers.authorization = `Bearer ${options.token}`;
      if (lastId !== undefined) headers['last-event-id'] = lastId;
      const response = await reach(options, new Request(url, { headers }), watch.signal);
      if (!response.ok) throw await problemOf(response);
      for await (const { id, event, data } of parseEvents(response.body!)) {
        failures = 0;
        if (id !== undefined) lastId = id;
        if (event === 'error') throw streamProblem(data);
        yield { event, data: JSON.parse(data) as never } as RunEvent;
        if (event === 'end') return;
      }
      throw new DroverUnreachableError(`${options.baseUrl} ended the events of run ${runId} early`);
    } catch (error) {
      if (watch.signal?.aborted) return;
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
function streamProblem(data: string): DroverApiError {
  const problem = JSON.parse(data) as Schemas['Problem'];
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
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<{ id?: string; event: string; data: string }> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(bytes, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop()!;
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
