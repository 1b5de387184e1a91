/**
 * The agent: one link to a worker, one driver. It believes an order only if a server signed it for this very start of this agent and it
 * is still valid; then the driver's journal decides whether anything happens. Reports are sent again until the server has them.
 */
import { fibonacciMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { parseAttemptId, type AttemptId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Service } from '../base/service.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Link, LinkDialer } from '../link/link.ts';
import {
  AGENT_PROTOCOL,
  type AgentFrame,
  type HostFacts,
  type WorkerStart,
  type WorkerToAgentFrame,
} from '../protocol/link/agent-v1.ts';
import { decodeExecutionSpec } from '../protocol/link/execution-spec.ts';
import { isSpoken } from '../protocol/link/protocol-range.ts';
import type { OrderMark } from '../protocol/link/session.ts';
import { fill, pieceBytes } from './kept-pieces.ts';
import { OrdersUnknown } from './orders-unknown.ts';
import type { OrderTrust } from './session.ts';
import { settledBefore } from './settled-before.ts';
import { isOfSystem } from './system-error.ts';
import { TimeQuestions } from './time-questions.ts';

export interface AgentOptions {
  readonly agentId: string;
  readonly hostId: string;
  readonly version: string;
  readonly bootId: string;
  readonly trust: OrderTrust;
  readonly driver: Driver;
  readonly dialer: LinkDialer<WorkerToAgentFrame, AgentFrame>;
  readonly facts: () => HostFacts;
  readonly load: () => Promise<
    | {
        running: number;
        unreported: number;
        freeSpoolBytes: number;
        rssBytes: number;
        loadAverage: number;
        freeMemoryBytes: number;
      }
    | undefined
  >;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Workers of the zone, as last told; dialed in turn when this one is gone. */
  readonly onWorkers: (workers: readonly string[]) => void;
  readonly onCertificate: (certificate: string, ca: string) => void;
  readonly onUnlinked: () => void;
  readonly onUpgrade: (frame: Extract<WorkerToAgentFrame, { t: 'upgrade' }>) => void;
}

/** Between two looks at how late the event loop is. */
const LAG_LOOK_MS = 5_000;
const FIRST_LOAD_MS = 5_000;
const STARTED_WAITS_MS = 20;
const FACTS_EVERY_MS = 10 * 60_000;

interface Reporting {
  attempt: AttemptId;
  tries: number;
  cancel: () => void /** Next piece to send and pieces acknowledged, per stream. */;
  sent: Record<1 | 2, number>;
  acked: Record<1 | 2, number>;
  begun: boolean;
}

export class AgentService implements Service {
  readonly name = 'agent';
  readonly #options: AgentOptions;
  readonly #reporting = new Map<string, Reporting>();
  #link: Link<WorkerToAgentFrame, AgentFrame> | undefined;
  readonly #unknown: OrdersUnknown;
  readonly #times: TimeQuestions;
  /** By the monotonic clock: when a server was last heard, or the link was made. */
  #heardAt = 0;
  #stops: (() => void)[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#unknown = new OrdersUnknown(options.clock);
    this.#times = new TimeQuestions({ clock: options.clock, send: () => this.#sendTimeQuestion() });
  }

  get isLinked(): boolean {
    return this.#link !== undefined;
  }

  async start(): Promise<void> {
    const { driver, dialer } = this.#options;
    driver.events = {
      // Nobody waits for this word: the start or the end says as much, and whoever asks is told.
      accepted: () => undefined,
      started: (a, pid, atMs) => this.#tellStarted(a, pid, atMs),
      output: (a, stream, offset, bytes, skipped) => {
        // Best effort: what the network does not take now is not kept for it.
        if ((this.#link?.bufferedBytes ?? 0) < limits.liveOutputBytesPerSecondMax)
          this.#send({ t: 'output', a, stream, offset, bytes, ...(skipped > 0 ? { skipped } : {}) });
      },
      finished: (a) => {
        this.#startsToTell.get(a)?.();
        this.#startsToTell.delete(a);
        this.#beginReport(a);
      },
    };
    await driver.start();
    for (const { attempt, state } of driver.list()) if (state === 'finished') this.#beginReport(attempt);
    dialer.onLink = (link) => this.#onLink(link);
    await dialer.start();
    this.#every(
      () => limits.agentLoadEveryMs * (0.8 + 0.4 * this.#options.random.next()),
      () => void this.#sendLoad(),
    );
    this.#watchLag();
    this.#every(
      () => FACTS_EVERY_MS,
      () => this.#sendFacts(),
    );
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#cancelFirstLoad();
    for (const reporting of this.#reporting.values()) reporting.cancel();
    for (const cancel of this.#startsToTell.values()) cancel();
    await this.#options.dialer.stop();
    await this.#options.driver.stop();
  }

  /** Asks for a new certificate; the request is signed with the present key by the caller. */
  renew(csr: string, signature: Uint8Array): void {
    this.#sendPlain({ t: 'renew', csr, signature });
  }

  #every(intervalMs: () => number, action: () => void): void {
    let cancel = (): void => undefined;
    const tick = (): void => {
      action();
      cancel = this.#options.clock.after(intervalMs(), tick, { unref: true });
    };
    cancel = this.#options.clock.after(intervalMs(), tick, { unref: true });
    this.#stops.push(() => cancel());
  }

  tellUpgrade(frame: Extract<AgentFrame, { t: 'upgrade-state' }>): void {
    this.#send(frame);
  }

  /** To the worker itself. */
  #sendPlain(frame: AgentFrame): boolean {
    return this.#link?.send(frame) ?? false;
  }

  /** To the servers, whoever passes it on. */
  #send(frame: AgentFrame): boolean {
    const sealed = this.#options.trust.seal(frame);
    return this.#sendPlain(sealed ? { t: 'said', ...sealed } : frame);
  }

  #sendFacts(): void {
    const { version, bootId, clock, facts } = this.#options;
    this.#send({ t: 'facts', version, bootId, nowMs: clock.nowMs(), facts: facts() });
  }

  // — the link —

  #onLink(link: Link<WorkerToAgentFrame, AgentFrame>): void {
    const { agentId, hostId, version, bootId, clock, driver, trust } = this.#options;
    this.#link = link;
    this.#heardAt = clock.monotonicMs();
    link.onFrame = (frame) =>
      this.#onFrame(frame).catch((error: unknown) => {
        // A full disk fails what a frame asks for, and that comes again: no reason to part from the worker, as a bug is.
        if (!isOfSystem(error)) throw error;
        this.#options.log.error({ frame: frame.t, err: error }, 'a frame could not be carried out');
      });
    link.onClose = () => {
      if (this.#link !== link) return;
      this.#link = undefined;
      this.#cancelFirstLoad();
      this.#options.onUnlinked();
    };
    link.send({
      t: 'hello',
      protocol: AGENT_PROTOCOL,
      agentId,
      hostId,
      version,
      bootId,
      proof: trust.proof(link.peer.id),
      attempts: driver.list().map(({ attempt, state }) => ({ a: attempt, state })),
    });
    // Soon, but not all agents of a worker at the same instant.
    this.#cancelFirstLoad();
    this.#cancelFirstLoad = clock.after(this.#options.random.next() * FIRST_LOAD_MS, () => void this.#sendLoad(), {
      unref: true,
    });
    // A server hears nothing of ours before it has taken note of the link, and says so with its time.
    if (!trust.isSealing) this.#onServerThere();
  }

  /** What could not be told while it was away is told now, from the first piece. */
  #onServerThere(): void {
    for (const reporting of this.#reporting.values()) this.#tryReport(reporting, true);
  }

  #onTime(frame: Extract<WorkerToAgentFrame, { t: 'time' }>): void {
    const { trust, clock } = this.#options;
    if (!trust.hearTime(frame)) return this.#times.ask();
    this.#heardAt = clock.monotonicMs();
    if (!this.#times.heard(frame.nonce)) return;
    this.#sendFacts();
    this.#onServerThere();
  }

  #sendTimeQuestion(): Uint8Array | undefined {
    const { trust } = this.#options;
    if (!trust.isSealing) return undefined;
    const nonce = trust.askTime();
    this.#sendPlain({ t: 'ask-time', nonce });
    return nonce;
  }

  async #onFrame(frame: WorkerToAgentFrame): Promise<void> {
    const { driver, trust, log } = this.#options;
    switch (frame.t) {
      case 'welcome':
        if (!isSpoken(AGENT_PROTOCOL, frame.protocol)) {
          log.error(
            { protocol: frame.protocol, code: 'protocol-unsupported' },
            'the worker speaks a protocol that this agent does not know',
          );
          return this.#link?.close(
            'protocol-unsupported',
            `This agent speaks agent protocol ${AGENT_PROTOCOL.min} to ${AGENT_PROTOCOL.max}.`,
          );
        }
        return this.#options.onWorkers(frame.workers);
      case 'start':
        return this.#onStart(frame);
      case 'cancel':
        if (!this.#isMeant(frame)) return;
        if (!driver.cancel(frame.a as AttemptId)) this.#tell(frame.a as AttemptId, frame);
        return;
      case 'query':
        return this.#isMeant(frame) ? this.#tell(frame.a as AttemptId, frame) : undefined;
      case 'time':
        return this.#onTime(frame);
      case 'watch':
        return driver.watch(frame.a as AttemptId, frame.on);
      case 'ack':
        return this.#onAck(frame.acks.filter(({ a, mac }) => trust.isAck(a, mac)).map(({ a }) => a as AttemptId));
      case 'chunk-ack':
        return trust.isChunkAck(frame) ? this.#onChunkAck(frame.a, frame.stream, frame.seq) : undefined;
      case 'fetch':
        return this.#onFetch(frame);
      case 'certificate':
        return this.#options.onCertificate(frame.certificate, frame.ca);
      case 'upgrade':
        return this.#options.onUpgrade(frame);
      case 'bye':
        log.info({ code: frame.code, detail: frame.detail }, 'the worker ended the link');
    }
  }

  #isMeant(frame: Extract<WorkerToAgentFrame, { t: 'cancel' | 'query' }>): boolean {
    if (this.#options.trust.isMeant(frame)) return true;
    this.#unsigned(frame.a);
    return false;
  }

  /** Whoever it came from is nobody, and is told nothing. */
  #unsigned(attempt: string): void {
    this.#options.log.error({ attempt, code: 'signature-invalid' }, 'an order that no server has signed is nothing');
  }

  async #onStart(frame: WorkerStart): Promise<void> {
    const { driver, trust, log } = this.#options;
    const attempt = frame.a as AttemptId;
    if (!parseAttemptId(frame.a)) return;
    let verdict = trust.judgeStart(frame);
    if (verdict === 'expired' || verdict === 'time-unknown') {
      await this.#times.anew();
      verdict = trust.judgeStart(frame);
    }
    if (verdict === 'unsigned') return this.#unsigned(attempt);
    const isKnown = driver.stateOf(attempt) !== undefined;
    // What is known is never denied, however old the order is that asks.
    if (verdict !== 'good') return isKnown ? this.#tell(attempt, frame) : this.#refuse(attempt, frame);
    // It was said that this is not known here, and the server may have made something of it: only a later order counts.
    const { server, order } = frame;
    if (!isKnown && this.#unknown.isVoid(attempt, { server, order, signedAt: trust.signedAt(frame) }))
      return this.#tell(attempt, frame);
    if (frame.watch) driver.watch(attempt, true);
    const answer = await driver
      .startAttempt(attempt, decodeExecutionSpec(frame.spec), frame.target)
      .catch((error: Error) => {
        log.error({ attempt, err: error.message }, 'an order could not be recorded');
        return 'busy' as const;
      });
    if (answer === 'busy') this.#refuse(attempt, frame);
    // A duplicate of a known attempt: whoever sent it wants to know where it stands.
    else if (isKnown) this.#tell(attempt, frame);
  }

  readonly #startsToTell = new Map<string, () => void>();

  /** A script that is over before its start is told has told it with its end: one frame instead of two. */
  #tellStarted(attempt: AttemptId, pid: number, atMs: number): void {
    this.#startsToTell.set(
      attempt,
      this.#options.clock.after(STARTED_WAITS_MS, () => {
        this.#startsToTell.delete(attempt);
        this.#send({ t: 'started', a: attempt, pid, atMs });
      }),
    );
  }

  /** Answers what is known of an attempt. */
  #tell(attempt: AttemptId, asked: OrderMark): void {
    const state = this.#options.driver.stateOf(attempt);
    const reporting = this.#reporting.get(attempt);
    const start = this.#options.driver.startOf(attempt);
    if (reporting) this.#tryReport(reporting, true);
    // Also where it was told before: that may have been to a server that could not write it any more.
    else if (start) this.#send({ t: 'started', a: attempt, ...start });
    else if (state === 'accepted' || state === 'running') this.#send({ t: 'accepted', a: attempt });
    else if (state === undefined) {
      this.#unknown.note(attempt, asked);
      this.#send({ t: 'unknown', a: attempt, order: asked.order, server: asked.server });
    }
    // Its end was committed once. Whoever asks all the same works on a restored backup, and hears no more than that it is over.
    else if (state === 'settled') this.#send(settledBefore(attempt, this.#options.clock.nowMs()));
  }

  /** Not now: the server may go on as if it had never been sent, so neither it nor an earlier order is carried out when it comes after all. */
  #refuse(attempt: AttemptId, asked: OrderMark): void {
    this.#unknown.note(attempt, asked);
    this.#send({ t: 'busy', a: attempt, order: asked.order, server: asked.server });
  }

  async #onFetch({ id, a, stream, offset, length }: Extract<WorkerToAgentFrame, { t: 'fetch' }>): Promise<void> {
    const range = await this.#options.driver
      .readWhole(a as AttemptId, stream, offset, Math.min(length, limits.outputFetchBytesMax))
      .catch(() => undefined);
    this.#send(
      range
        ? { t: 'data', id, a, stream, offset, bytes: range.bytes, size: range.size, eof: range.eof }
        : {
            t: 'data',
            id,
            a,
            stream,
            offset,
            bytes: new Uint8Array(0),
            size: 0,
            eof: true,
            error: 'output-not-available',
          },
    );
  }

  async #sendLoad(): Promise<void> {
    this.#leaveIfUnheard();
    this.#times.ask(true);
    const load = await this.#options.load().catch(() => undefined);
    if (!load) return;
    this.#sendPlain({ t: 'load', ...load, lagMs: Math.round(this.#lagMs), nowMs: this.#options.clock.nowMs() });
    this.#lagMs = 0;
  }

  /** A worker through which no server has been heard for long may be one that no server deals with any more: another is tried. */
  #leaveIfUnheard(): void {
    const { clock, trust } = this.#options;
    if (!trust.isSealing || clock.monotonicMs() - this.#heardAt < limits.serverUnheardMsMax) return;
    this.#link?.close('server-unreachable', 'No server was heard over this link.');
  }

  #cancelFirstLoad = (): void => undefined;
  /** The worst since it was last told. */
  #lagMs = 0;

  #watchLag(): void {
    const { clock } = this.#options;
    let expected = clock.monotonicMs() + LAG_LOOK_MS;
    this.#every(
      () => LAG_LOOK_MS,
      () => {
        this.#lagMs = Math.max(this.#lagMs, clock.monotonicMs() - expected);
        expected = clock.monotonicMs() + LAG_LOOK_MS;
      },
    );
  }

  // — reporting: pieces of large output first, each acknowledged; then the report, until it is —

  #beginReport(attempt: AttemptId): void {
    if (this.#reporting.has(attempt)) return;
    const reporting: Reporting = {
      attempt,
      tries: 0,
      cancel: () => undefined,
      sent: { 1: 0, 2: 0 },
      acked: { 1: 0, 2: 0 },
      begun: false,
    };
    this.#reporting.set(attempt, reporting);
    this.#tryReport(reporting, false);
  }

  #tryReport(reporting: Reporting, afresh: boolean): void {
    reporting.cancel();
    if (afresh) reporting.sent = { ...reporting.acked };
    const delay = fibonacciMs(
      reporting.tries++,
      limits.reportRetryBaseMs,
      limits.reportRetryCapMs,
      this.#options.random,
    );
    reporting.cancel = this.#options.clock.after(delay, () => this.#tryReport(reporting, true));
    if (this.#link)
      void this.#push(reporting).catch((error: Error) =>
        this.#options.log.warn({ attempt: reporting.attempt, err: error.message }, 'a report could not be sent'),
      );
  }

  /** Sends as many pieces as may be out, and the report when all are acknowledged. */
  async #push(reporting: Reporting): Promise<void> {
    const { driver } = this.#options;
    const report = await driver.report(reporting.attempt);
    if (!report || !this.#reporting.has(reporting.attempt)) return;
    for (const stream of [1, 2] as const) {
      const kept = pieceBytes(report, stream);
      const pieces = Math.ceil(kept / limits.outputChunkBytes);
      while (
        reporting.sent[stream] < pieces &&
        reporting.sent[stream] - reporting.acked[stream] < limits.outputChunksInFlightMax
      ) {
        const seq = reporting.sent[stream]++;
        const bytes = await driver.readKept(
          reporting.attempt,
          stream,
          seq * limits.outputChunkBytes,
          limits.outputChunkBytes,
        );
        if (
          !this.#send({
            t: 'chunk',
            a: reporting.attempt,
            stream,
            seq,
            bytes: await fill(driver, reporting.attempt, stream, seq, kept, bytes),
          })
        )
          return;
      }
      if (reporting.acked[stream] < pieces) return;
    }
    this.#send(report);
  }

  #onChunkAck(a: string, stream: 1 | 2, seq: number): void {
    const reporting = this.#reporting.get(a);
    if (!reporting || seq !== reporting.acked[stream]) return;
    reporting.acked[stream]++;
    reporting.tries = 0;
    this.#tryReport(reporting, false);
  }

  async #onAck(attempts: AttemptId[]): Promise<void> {
    await this.#options.driver.forget(attempts);
    for (const attempt of attempts) {
      this.#reporting.get(attempt)?.cancel();
      this.#reporting.delete(attempt);
    }
  }
}
