/**
 * The agent: one link to a worker, one driver. It believes an order only if the server signed it for this very agent and it is
 * still valid; then the driver's journal decides whether anything happens. Reports are sent again until the server has them.
 */
import { createHash } from 'node:crypto';
import { fibonacciMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { parseAttemptId, type AttemptId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Service } from '../base/service.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Link, LinkDialer } from '../link/link.ts';
import { isDispatchSigned } from '../pki/dispatch.ts';
import {
  AGENT_PROTOCOL,
  dispatchMessage,
  type AgentFrame,
  type AgentReport,
  type HostFacts,
  type WorkerStart,
  type WorkerToAgentFrame,
} from '../protocol/link/agent-v1.ts';
import { decodeExecutionSpec } from '../protocol/link/execution-spec.ts';
import { isSpoken } from '../protocol/link/protocol-range.ts';

export interface AgentOptions {
  readonly agentId: string;
  readonly hostId: string;
  readonly version: string;
  readonly bootId: string;
  /** Undefined where orders come from within the same process: there is nobody between who could forge one. */
  readonly dispatchKey: Uint8Array | undefined;
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
  #skewMs = 0;
  #stops: (() => void)[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
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
      () => this.#send({ t: 'facts', facts: this.#options.facts() }),
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
    this.#send({ t: 'renew', csr, signature });
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

  /** The worker's clock minus ours. */
  get skewMs(): number {
    return this.#skewMs;
  }

  tellUpgrade(frame: Extract<AgentFrame, { t: 'upgrade-state' }>): void {
    this.#send(frame);
  }

  #send(frame: AgentFrame): boolean {
    return this.#link?.send(frame) ?? false;
  }

  // — the link —

  #onLink(link: Link<WorkerToAgentFrame, AgentFrame>): void {
    const { agentId, hostId, version, bootId, clock, driver } = this.#options;
    this.#link = link;
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
      nowMs: clock.nowMs(),
      facts: this.#options.facts(),
      attempts: driver.list().map(({ attempt, state }) => ({ a: attempt, state })),
    });
    // Soon, but not all agents of a worker at the same instant.
    this.#cancelFirstLoad();
    this.#cancelFirstLoad = clock.after(this.#options.random.next() * FIRST_LOAD_MS, () => void this.#sendLoad(), {
      unref: true,
    });
    // What could not be told while the link was away is told now, from the first piece.
    for (const reporting of this.#reporting.values()) this.#tryReport(reporting, true);
  }

  async #onFrame(frame: WorkerToAgentFrame): Promise<void> {
    const { driver, clock, log } = this.#options;
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
        this.#skewMs = frame.nowMs - clock.nowMs();
        if (Math.abs(this.#skewMs) > limits.clockSkewMsMax)
          log.warn({ skewMs: this.#skewMs }, "the clock of this host is off; validity is judged by the worker's clock");
        return this.#options.onWorkers(frame.workers);
      case 'start':
        return this.#onStart(frame);
      case 'cancel':
        if (!driver.cancel(frame.a as AttemptId)) this.#tell(frame.a as AttemptId);
        return;
      case 'query':
        return this.#tell(frame.a as AttemptId);
      case 'watch':
        return driver.watch(frame.a as AttemptId, frame.on);
      case 'ack':
        return this.#onAck(frame.a as AttemptId[]);
      case 'chunk-ack':
        return this.#onChunkAck(frame.a, frame.stream, frame.seq);
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

  async #onStart(frame: WorkerStart): Promise<void> {
    const { driver, agentId, dispatchKey, clock, log } = this.#options;
    const attempt = frame.a as AttemptId;
    if (!parseAttemptId(frame.a)) return;
    const isKnown = driver.stateOf(attempt) !== undefined;
    if (
      dispatchKey &&
      !isDispatchSigned(
        dispatchKey,
        dispatchMessage(frame.a, agentId, frame.validUntilMs, createHash('sha256').update(frame.spec).digest()),
        frame.mac,
      )
    ) {
      log.error({ attempt, code: 'signature-invalid' }, 'an order without a valid signature was refused');
      // An attempt that was begun on a good order is not told as refused because of a bad copy.
      if (isKnown) return this.#tell(attempt);
      return void this.#send(
        refusal(attempt, 'signature-invalid', 'The order is not signed by the server for this agent.', clock.nowMs()),
      );
    }
    if (dispatchKey && clock.nowMs() + this.#skewMs > frame.validUntilMs)
      return void this.#send({ t: 'busy', a: attempt });
    if (frame.watch) driver.watch(attempt, true);
    const answer = await driver
      .startAttempt(attempt, decodeExecutionSpec(frame.spec), frame.target)
      .catch((error: Error) => {
        log.error({ attempt, err: error.message }, 'an order could not be recorded');
        return 'busy' as const;
      });
    if (answer === 'busy') this.#send({ t: 'busy', a: attempt });
    // A duplicate of a known attempt: whoever sent it wants to know where it stands.
    else if (answer === 'accepted' && isKnown) this.#tell(attempt);
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
  #tell(attempt: AttemptId): void {
    const state = this.#options.driver.stateOf(attempt);
    const reporting = this.#reporting.get(attempt);
    const start = this.#options.driver.startOf(attempt);
    if (reporting) this.#tryReport(reporting, true);
    // Also where it was told before: that may have been to a server that could not write it any more.
    else if (start) this.#send({ t: 'started', a: attempt, ...start });
    else if (state === 'accepted' || state === 'running') this.#send({ t: 'accepted', a: attempt });
    else if (state === undefined) this.#send({ t: 'unknown', a: attempt });
  }

  async #onFetch(frame: Extract<WorkerToAgentFrame, { t: 'fetch' }>): Promise<void> {
    const range = await this.#options.driver
      .readWhole(frame.a as AttemptId, frame.stream, frame.offset, Math.min(frame.length, limits.outputFetchBytesMax))
      .catch(() => undefined);
    this.#send(
      range
        ? { t: 'data', id: frame.id, bytes: range.bytes, size: range.size, eof: range.eof }
        : { t: 'data', id: frame.id, bytes: new Uint8Array(0), size: 0, eof: true, error: 'output-not-available' },
    );
  }

  async #sendLoad(): Promise<void> {
    const load = await this.#options.load().catch(() => undefined);
    if (!load) return;
    this.#send({ t: 'load', ...load, lagMs: Math.round(this.#lagMs), nowMs: this.#options.clock.nowMs() });
    this.#lagMs = 0;
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

/** What the machine refuses (`ENOSPC`, `EIO`), as opposed to what we did wrong. */
function isOfSystem(error: unknown): boolean {
  return /^E[A-Z0-9]+$/.test(String((error as { code?: unknown } | undefined)?.code));
}

/** Bytes of a stream that travel as pieces: none when they are in the report itself. */
function pieceBytes(report: AgentReport, stream: 1 | 2): number {
  const { head, tail, inline } = stream === 1 ? report.stdout : report.stderr;
  return inline ? 0 : head + tail;
}

/** A read ends where head and tail meet; a piece does not. */
async function fill(
  driver: Driver,
  attempt: AttemptId,
  stream: 1 | 2,
  seq: number,
  kept: number,
  first: Uint8Array,
): Promise<Uint8Array> {
  const parts = [first];
  const wanted = Math.min(limits.outputChunkBytes, kept - seq * limits.outputChunkBytes);
  let got = first.length;
  while (got < wanted) {
    const more = await driver.readKept(attempt, stream, seq * limits.outputChunkBytes + got, wanted - got);
    if (more.length === 0) break;
    parts.push(more);
    got += more.length;
  }
  return parts.length === 1 ? first : Buffer.concat(parts);
}

function refusal(attempt: string, reason: string, detail: string, nowMs: number): AgentReport {
  const nothing = { size: 0, head: 0, tail: 0 };
  return {
    t: 'report',
    a: attempt,
    outcome: 'refused',
    reason,
    detail,
    finishedAtMs: nowMs,
    stdout: nothing,
    stderr: nothing,
  };
}
