/**
 * The links to the servers: each that this worker knows of is dialed, again and again, until it is neither linked nor named by another. The
 * one that it joined by always is.
 */
import type { Clock } from '../base/clock.ts';
import { NOBODY, type LinkDialer, type LinkHandlers } from '../link/link.ts';
import {
  WORKER_PROTOCOL,
  type ServerToWorkerFrame,
  type WorkerHello,
  type WorkerToServerFrame,
} from '../protocol/link/worker-v1.ts';
import { EventOutbox } from './event-outbox.ts';
import type { ServerLink } from './output-relay.ts';

export type ServerDialer = LinkDialer<ServerToWorkerFrame, WorkerToServerFrame>;
export interface KnownServer {
  readonly url: string;
  readonly dialer: ServerDialer;
  link: ServerLink | undefined;
  serverId: string;
  readonly events: EventOutbox;
  /** The workers of this worker's zone that are linked to it. */
  workers: readonly string[];
}

export interface ServerLinksOptions {
  readonly clock: Clock;
  readonly dial: (url: string) => ServerDialer;
  /** By which this worker joined. */
  readonly serverUrl: string;
  /** Others that it was told of in an earlier life. */
  readonly knownServers: readonly string[];
  readonly hello: () => Pick<WorkerHello, 'workerId' | 'version' | 'agentAddress' | 'features' | 'instance'>;
  /** After the hello. */
  readonly onLinked: (link: ServerLink) => void;
  readonly onFrame: (server: KnownServer, frame: ServerToWorkerFrame) => void;
  readonly onUnlinked: (server: KnownServer, link: ServerLink) => void;
  /** Told of the servers there are, sorted, whenever one of them tells. */
  readonly onServers: (urls: readonly string[]) => void;
}

export class ServerLinks {
  readonly #options: ServerLinksOptions;
  readonly #servers = new Map<string, KnownServer>();

  constructor(options: ServerLinksOptions) {
    this.#options = options;
  }

  start(): void {
    for (const url of [this.#options.serverUrl, ...this.#options.knownServers]) this.#dial(url);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.dialer.stop()));
  }

  /** Linked or not. */
  known(): Iterable<KnownServer> {
    return this.#servers.values();
  }

  *links(): Generator<ServerLink> {
    for (const { link } of this.#servers.values()) if (link) yield link;
  }

  at(url: string): ServerLink | undefined {
    return this.#servers.get(url)?.link;
  }

  /** Undefined where it is not linked. */
  of(serverId: string): KnownServer | undefined {
    for (const server of this.#servers.values()) if (server.link && server.serverId === serverId) return server;
    return undefined;
  }

  sendAll(frame: WorkerToServerFrame): void {
    for (const { link } of this.#servers.values()) link?.send(frame);
  }

  /** The workers of the zone, as all servers together know them: each knows those that are linked to it. */
  zoneWorkers(): string[] {
    return [...new Set([...this.#servers.values()].flatMap((server) => server.workers))].sort();
  }

  /** Which servers there are, as one of them tells. */
  setServers(named: readonly { readonly url: string }[]): void {
    const { serverUrl, onServers } = this.#options;
    const urls = named.map(({ url }) => url).sort();
    for (const url of urls) this.#dial(url);
    onServers(urls);
    // A server that left for good is not dialed for ever; the one we joined by always is.
    for (const [url, server] of this.#servers) {
      if (url !== serverUrl && !server.link && !urls.includes(url)) {
        this.#servers.delete(url);
        void server.dialer.stop();
      }
    }
  }

  #dial(url: string): void {
    if (this.#servers.has(url)) return;
    const dialer = this.#options.dial(url);
    const server: KnownServer = { url, dialer, link: undefined, serverId: '', events: new EventOutbox(), workers: [] };
    this.#servers.set(url, server);
    void dialer.start((link) => this.#onLink(server, link));
  }

  #onLink(server: KnownServer, link: ServerLink): LinkHandlers<ServerToWorkerFrame> {
    const { clock, hello, onFrame, onLinked, onUnlinked } = this.#options;
    // One server may be known by two addresses (the one we joined by, and its own). Two links would displace each other for ever;
    // the second says nothing and ends, and is tried again ever more slowly, in case the first address stops being good.
    if (
      [...this.#servers.values()].some((other) => other !== server && other.link && other.serverId === link.peer.id)
    ) {
      link.close('shutting-down', 'This server is linked by another address.');
      return NOBODY;
    }
    server.link = link;
    server.serverId = link.peer.id;
    link.send({ t: 'hello', protocol: WORKER_PROTOCOL, ...hello(), nowMs: clock.nowMs() });
    onLinked(link);
    return {
      onFrame: (frame) => onFrame(server, frame),
      onClose: () => {
        server.link = undefined;
        server.events.clear();
        onUnlinked(server, link);
      },
    };
  }
}
