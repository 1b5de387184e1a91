/**
 * Output on its way through a worker: live output to the servers that watch, chunks of large output to the owner, ranges of kept
 * output to whoever fetches. What it holds is bounded; a server that is behind misses live output, never the record.
 */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { NamedExecutor } from '../domain/run/executor.ts';
import type { LaterOrder } from '../conversation/words.ts';
import type { Link } from '../link/link.ts';
import type { WorkerToAgentFrame } from '../protocol/link/agent-v1.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';

export type AgentLink = Link<WorkerToAgentFrame>;
/** The way to an executor: over a network to an agent, or within this process to one of the worker's own engines. */
export interface ExecutorLink {
  /** False when it was not taken. */
  send(order: LaterOrder): boolean;
  /** What was sent and is not read yet. */
  readonly bufferedBytes: number;
  /** Stops and resumes hearing what it says. */
  pause(): void;
  resume(): void;
}
export type ServerLink = Link<WorkerToServerFrame>;
type Frame<F, T> = Extract<F, { t: T }>;

interface Watch {
  readonly executor: NamedExecutor;
  readonly servers: Set<string>;
}

export interface OutputRelayOptions {
  readonly clock: Clock;
  readonly executor: (executor: NamedExecutor) => ExecutorLink | undefined;
  /** By the server's URL, which is how watchers and fetchers are kept here. */
  readonly server: (url: string) => ServerLink | undefined;
  readonly servers: () => Iterable<ServerLink>;
}

const HELD_LOOK_MS = 50;

export class OutputRelay {
  readonly #options: OutputRelayOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #fetches = new Map<number, { readonly server: string; readonly id: number; readonly agent: ExecutorLink }>();
  readonly #held = new Set<ExecutorLink>();
  #fetchSeq = 0;
  #heldBytes = 0;

  constructor(options: OutputRelayOptions) {
    this.#options = options;
  }

  /** Bytes of output that servers have not taken yet, at the last look. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  // — live —

  /** The start itself tells the agent that it is watched. */
  watchFromStart(a: string, executor: NamedExecutor, server: string): void {
    const watch = this.#watches.get(a);
    if (watch) watch.servers.add(server);
    else this.#watches.set(a, { executor, servers: new Set([server]) });
  }

  watch(a: string, executor: NamedExecutor, server: string, on: boolean): void {
    if (on) {
      this.watchFromStart(a, executor, server);
      this.#options.executor(executor)?.send({ t: 'watch', a, on: true });
      return;
    }
    const watch = this.#watches.get(a) ?? { executor, servers: new Set() };
    watch.servers.delete(server);
    if (watch.servers.size === 0) this.#unwatch(a, watch);
  }

  #unwatch(a: string, watch: Watch): void {
    this.#watches.delete(a);
    this.#options.executor(watch.executor)?.send({ t: 'watch', a, on: false });
  }

  /** Nothing more comes of an attempt whose report is committed. */
  settled(a: string): void {
    this.#watches.delete(a);
  }

  /** `frame` is what servers are sent: the agent's own words, sealed, or this worker's. */
  output(agent: ExecutorLink, a: string, frame: WorkerToServerFrame): void {
    const watch = this.#watches.get(a);
    if (!watch || this.#options.executor(watch.executor) !== agent) return;
    for (const url of watch.servers) {
      const link = this.#options.server(url);
      if (link && link.bufferedBytes < limits.frameBytesMax) link.send(frame);
    }
  }

  // — the record —

  /** Chunks on their way up are bounded for all agents together: beyond it those that send are not read until there is room. */
  chunk(agent: { readonly link: ExecutorLink }, frame: WorkerToServerFrame, owner: ServerLink): void {
    if (!owner.send(frame)) return;
    if (this.#countHeld() <= limits.workerOutputBytesMax || this.#held.has(agent.link)) return;
    agent.link.pause();
    this.#held.add(agent.link);
    this.#releaseLater(agent.link);
  }

  #countHeld(): number {
    this.#heldBytes = 0;
    for (const link of this.#options.servers()) this.#heldBytes += link.bufferedBytes;
    return this.#heldBytes;
  }

  #releaseLater(link: ExecutorLink): void {
    this.#options.clock.after(HELD_LOOK_MS, () => {
      if (!this.#held.has(link)) return;
      if (this.#countHeld() > limits.workerOutputBytesMax) return this.#releaseLater(link);
      this.#held.delete(link);
      link.resume();
    });
  }

  // — what the host keeps —

  fetch(server: string, frame: Frame<ServerToWorkerFrame, 'fetch'>): void {
    const agent = this.#options.executor(frame.executor);
    const id = ++this.#fetchSeq;
    if (agent?.send({ t: 'fetch', id, a: frame.a, stream: frame.stream, offset: frame.offset, length: frame.length }))
      this.#fetches.set(id, { server, id: frame.id, agent });
    else this.#unreachable(server, frame.id);
  }

  data(agent: ExecutorLink, asked: number, answer: (id: number) => WorkerToServerFrame): void {
    const fetch = this.#fetches.get(asked);
    if (fetch?.agent !== agent) return;
    this.#fetches.delete(asked);
    this.#options.server(fetch.server)?.send(answer(fetch.id));
  }

  #unreachable(server: string, id: number): void {
    this.#options
      .server(server)
      ?.send({ t: 'data', id, bytes: new Uint8Array(0), size: 0, eof: true, error: 'host-not-linked' });
  }

  // — ends —

  agentGone(link: ExecutorLink): void {
    this.#held.delete(link);
    for (const [id, fetch] of this.#fetches) {
      if (fetch.agent !== link) continue;
      this.#fetches.delete(id);
      this.#unreachable(fetch.server, fetch.id);
    }
  }

  serverGone(url: string): void {
    for (const [a, watch] of this.#watches)
      if (watch.servers.delete(url) && watch.servers.size === 0) this.#unwatch(a, watch);
  }
}
