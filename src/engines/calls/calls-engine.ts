/**
 * The engine of calls: what a worker does itself over the network, without a process. Nothing of a call outlives this
 * process: a connection cannot be found again.
 *
 * So `resume` says `unknown` of every call that had been accepted and has no end: nobody can tell whether it did its
 * work, and it is not made again. Its traces hold nothing, and no secret: secrets come with the order, and are in memory
 * while it lasts. Calls end with this process rather than with the machine, so there is no boot id. Nothing stays after
 * the end.
 */
import { callLimits } from '../../base/call-limits.ts';
import type { Clock } from '../../base/clock.ts';
import { DroverError, type ErrorCode } from '../../base/errors.ts';
import { given } from '../../base/given.ts';
import type { AttemptId } from '../../base/ids.ts';
import type { Log } from '../../base/log.ts';
import type { CallWork } from '../../domain/work/work.ts';
import type {
  AcceptTrace,
  AttemptEnd,
  AttemptSink,
  AttemptSubject,
  Engine,
  ExecutionOrder,
  Held,
  Unknown,
} from '../../ledger/engine.ts';
import type { StreamedOutputs } from '../../ledger/streamed-outputs.ts';
import type { Call, CallEnd, MakeCall } from './call-kind.ts';
import { CALL_KINDS, type CallKinds } from './call-kinds.ts';

export interface CallsEngineOptions {
  /** Where answers are put. */
  readonly outputs: StreamedOutputs;
  readonly reach: Call<CallWork>['reach'];
  readonly clock: Clock;
  readonly log: Log;
  /** Those that there are, unless given. */
  readonly kinds?: CallKinds;
}

/** Before a call has begun these say that nothing was done. */
const REFUSALS: readonly ErrorCode[] = ['call-not-allowed', 'bad-input'];
const MAY_HAVE_DONE = 'It may have done its work: nobody has heard its answer.';
const NOT_KNOWN = 'Nobody has heard whether it was committed. Look at the database before it is done again.';

/** One that is under way. */
interface Calling {
  readonly sink: AttemptSink;
  readonly ending: AbortController;
  readonly over: AbortController;
  readonly cancelDeadline: () => void;
  readonly atMs: number;
  hasBegun: boolean;
  ifEnded: string;
  isInDoubt: boolean;
  /** As what it is to end, while it is in doubt. */
  wanted: CutKind | undefined;
  cancelPatience: (() => void) | undefined;
}
type CutKind = 'timed_out' | 'cancelled';

export class CallsEngine implements Engine<CallWork> {
  readonly name = 'calls';
  readonly kinds: readonly CallWork['kind'][];
  readonly bootId = '';
  readonly #options: CallsEngineOptions;
  readonly #make: CallKinds;
  readonly #under = new Map<AttemptId, Calling>();
  readonly #work = new Set<Promise<void>>();

  constructor(options: CallsEngineOptions) {
    this.#options = options;
    this.#make = options.kinds ?? CALL_KINDS;
    this.kinds = Object.keys(this.#make) as CallWork['kind'][];
  }

  async start(): Promise<void> {}

  /** What is under way is cut, and told as lost by the next start. */
  async stop(): Promise<void> {
    const calling = [...this.#under.values()];
    this.#under.clear();
    for (const one of calling) cut(one);
    await Promise.allSettled(this.#work);
  }

  traceOf(): AcceptTrace {
    return { bytes: new Uint8Array(0), isSecret: false };
  }

  begin(attempt: AttemptId, order: ExecutionOrder<CallWork>, _subject: AttemptSubject, sink: AttemptSink): Held {
    const { clock } = this.#options;
    const calling: Calling = {
      sink,
      ending: new AbortController(),
      over: new AbortController(),
      cancelDeadline: clock.after(order.timeoutMs, () => this.#cut(attempt, 'timed_out')),
      atMs: clock.nowMs(),
      hasBegun: false,
      ifEnded: MAY_HAVE_DONE,
      isInDoubt: false,
      wanted: undefined,
      cancelPatience: undefined,
    };
    this.#under.set(attempt, calling);
    this.#waitFor(this.#carry(attempt, order, calling));
    return { stop: () => this.#cut(attempt, 'cancelled') };
  }

  #waitFor(work: Promise<void>): void {
    const waited = work.finally(() => this.#work.delete(waited));
    this.#work.add(waited);
  }

  async resume(_attempt: AttemptId, _trace: unknown, sink: AttemptSink): Promise<Unknown> {
    sink.openOutput({ keptBytes: 0, secrets: [] });
    return {
      unknown: 'worker-restarted',
      detail: `The worker restarted before the end of the call was recorded. ${MAY_HAVE_DONE}`,
    };
  }

  reopen(): undefined {}

  async #carry(
    attempt: AttemptId,
    { work, secrets, timeoutMs }: ExecutionOrder<CallWork>,
    calling: Calling,
  ): Promise<void> {
    const { outputs, reach, log, clock } = this.#options;
    const offsets = { 1: 0, 2: 0 };
    const make = this.#make[work.kind] as MakeCall<CallWork>;
    try {
      const making = make({
        work,
        secrets,
        timeoutMs,
        reach,
        signal: calling.ending.signal,
        over: calling.over.signal,
        begun: (ifEnded = MAY_HAVE_DONE) => {
          if (calling.hasBegun || calling.ending.signal.aborted) return;
          calling.hasBegun = true;
          calling.ifEnded = ifEnded;
          calling.sink.started({ pid: 0, atMs: clock.nowMs() }, {});
        },
        inDoubt: (is) => {
          calling.isInDoubt = is;
        },
        afterwards: (more) => this.#waitFor(more),
        output: async (stream, bytes) => {
          const offset = offsets[stream];
          if (this.#under.get(attempt) !== calling) return;
          offsets[stream] += bytes.length;
          await outputs.incoming(attempt)?.take(stream, offset, bytes);
        },
      });
      this.#answered(attempt, await orEnd(making, calling.over.signal));
    } catch (error) {
      if (!(error instanceof DroverError) && !calling.over.signal.aborted)
        log.error({ attempt, err: error }, 'a call met a fault of ours');
      this.#failed(attempt, error);
    }
  }

  #answered(attempt: AttemptId, { outcome, detail, values }: CallEnd): void {
    if (values && this.#under.has(attempt)) this.#options.outputs.incoming(attempt)?.takeValues(values);
    this.#end(attempt, { outcome, ...given({ detail }) });
  }

  #failed(attempt: AttemptId, error: unknown): void {
    const calling = this.#under.get(attempt);
    if (!calling) return;
    if (calling.isInDoubt) return this.#end(attempt, DOUBTED);
    // It is known now that it has not done its work: so it was ended as it was to be.
    if (calling.wanted) return this.#end(attempt, { outcome: { kind: calling.wanted } });
    const { code, detail } =
      error instanceof DroverError ? error : { code: 'call-broken' as const, detail: 'The worker fell over it.' };
    const kind = REFUSALS.includes(code) && !calling.hasBegun ? 'refused' : 'faulted';
    this.#end(attempt, { outcome: { kind, reason: code }, ...given({ detail }) });
  }

  /** At once, unless only the far end can tell what it has done. */
  #cut(attempt: AttemptId, kind: CutKind): void {
    const calling = this.#under.get(attempt);
    if (!calling || calling.wanted) return;
    if (!calling.isInDoubt) return this.#end(attempt, { outcome: { kind } });
    calling.wanted = kind;
    calling.cancelPatience = this.#options.clock.after(callLimits.callEndMsMax, () => this.#end(attempt, DOUBTED));
    calling.ending.abort();
  }

  /** The first end counts; what is under way of it is cut. */
  #end(attempt: AttemptId, end: AttemptEnd): void {
    const calling = this.#under.get(attempt);
    if (!calling) return;
    this.#under.delete(attempt);
    cut(calling);
    const { outcome } = end;
    const isCut = outcome.kind === 'timed_out' || outcome.kind === 'cancelled';
    calling.sink.ended({
      ...end,
      ...given({
        detail: isCut && calling.hasBegun ? calling.ifEnded : end.detail,
        startedAtMs: outcome.kind === 'refused' ? undefined : calling.atMs,
      }),
    });
  }
}

const DOUBTED: AttemptEnd = { outcome: { kind: 'unknown', reason: 'commit-unknown' }, detail: NOT_KNOWN };

function cut({ cancelDeadline, cancelPatience, ending, over }: Calling): void {
  cancelDeadline();
  cancelPatience?.();
  ending.abort();
  over.abort();
}

/** Rejects when the signal ends, though what is waited for may go on: nobody can hasten a name that is looked up. */
function orEnd<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('it has ended')), { once: true });
    work.then(resolve, reject);
  });
}
