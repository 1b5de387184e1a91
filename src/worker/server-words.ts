/** What servers say: orders for executors, answers to what was asked, and the news that this worker and its agents live by. */
import { DroverError, errorCodeOf } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { Log } from '../base/log.ts';
import type { NamedExecutor } from '../domain/run/executor.ts';
import { isSpoken } from '../protocol/link/protocol-range.ts';
import type { OrderMark } from '../protocol/link/session.ts';
import {
  WORKER_PROTOCOL,
  type ConnectionStep,
  type OrderedAttempt,
  type ServerToWorkerFrame,
} from '../protocol/link/worker-v1.ts';
import { acksPass } from './acks-pass.ts';
import type { AgentLinks } from './agent-links.ts';
import type { AttemptEvents } from './attempt-events.ts';
import type { Drain } from './drain.ts';
import type { LoadReport } from './load-report.ts';
import type { OutputRelay } from './output-relay.ts';
import type { PartitionOwners } from './partition-owners.ts';
import type { Renewals } from './renewals.ts';
import type { KnownServer, ServerLinks } from './server-links.ts';
import type { ServerRequests } from './server-requests.ts';
import type { LinkedExecutor, StartDispatch } from './start-dispatch.ts';

/** What servers want of a worker that speaks SSH, beside executions. */
export interface SshAccessSide {
  /** Hosts or accounts have changed. */
  accessChanged(): void;
  /** Step by step; rejects where there is nothing to be tried. */
  test(hostId: string, accountId?: string): Promise<ConnectionStep[]>;
}

export interface ServerWordsOptions {
  readonly log: Log;
  readonly servers: ServerLinks;
  readonly owners: PartitionOwners;
  readonly agents: AgentLinks;
  readonly events: AttemptEvents;
  readonly dispatch: StartDispatch;
  readonly relay: OutputRelay;
  readonly requests: ServerRequests;
  readonly renewals: Renewals;
  readonly drain: Drain;
  readonly report: LoadReport;
  /** Undefined: this worker does no SSH. */
  readonly ssh: SshAccessSide | undefined;
  readonly find: (executor: NamedExecutor) => LinkedExecutor | undefined;
}
type Frame<T extends ServerToWorkerFrame['t']> = Extract<ServerToWorkerFrame, { t: T }>;

export class ServerWords {
  readonly #options: ServerWordsOptions;

  constructor(options: ServerWordsOptions) {
    this.#options = options;
  }

  heard(server: KnownServer, frame: ServerToWorkerFrame): void {
    const { log, owners, agents, dispatch, relay, requests, renewals, drain, report, ssh, find } = this.#options;
    switch (frame.t) {
      case 'welcome':
        return this.#welcomed(server, frame);
      case 'topology':
        return this.#topology(server, frame);
      case 'owns':
        return owners.owns(server.serverId, frame.partitions);
      case 'revoked':
        return agents.revoke(frame.agentIds);
      case 'assign':
        report.stir();
        return dispatch.assign(server.url, frame);
      case 'cancel':
        if (!owners.isCurrent(frame)) return;
        for (const attempt of frame.attempts) if (!dispatch.cancel(attempt.a)) this.#pass('cancel', attempt, frame);
        return;
      case 'query':
        if (!owners.isCurrent(frame)) return;
        for (const attempt of frame.attempts) this.#pass('query', attempt, frame);
        return;
      case 'watch':
        for (const { a, executor } of frame.attempts) relay.watch(a, executor, server.url, frame.on);
        return;
      case 'ack':
        for (const { a } of frame.attempts) relay.settled(a);
        return acksPass(frame.attempts, find);
      case 'chunk-ack': {
        const { executor, ...ack } = frame;
        return void find(executor)?.link.send(ack);
      }
      case 'time': {
        const { server: of, nonce, serverMs, mac } = frame;
        agents.at(frame.hostId, frame.agentId)?.link.send({ t: 'time', server: of, nonce, serverMs, mac });
        return;
      }
      case 'refused': {
        const agent = agents.at(frame.hostId, frame.agentId);
        if (agent?.proof.instance() === frame.instance) agent.link.close(frame.code, frame.detail);
        return;
      }
      case 'fetch':
        return relay.fetch(server.url, frame);
      case 'certificate':
        return renewals.onAnswer(frame);
      case 'access':
      case 'secrets':
      case 'host-key':
        return requests.onAnswer(frame);
      case 'access-changed':
        return ssh?.accessChanged();
      case 'connection-test':
        return void this.#testConnection(server, frame);
      case 'drain':
        report.tell();
        return drain.set(frame.on);
      case 'upgrade':
        return this.#upgrade(frame);
      case 'bye':
        log.info({ server: server.url, code: frame.code }, 'the server ended the link');
        if (frame.code === 'worker-revoked') drain.retire();
    }
  }

  #welcomed(server: KnownServer, frame: Frame<'welcome'>): void {
    if (!isSpoken(WORKER_PROTOCOL, frame.protocol)) {
      this.#options.log.error(
        { server: server.url, protocol: frame.protocol, code: 'protocol-unsupported' },
        'the server speaks a protocol that this worker does not know',
      );
      return server.link?.close(
        'protocol-unsupported',
        `This worker speaks worker protocol ${WORKER_PROTOCOL.min} to ${WORKER_PROTOCOL.max}.`,
      );
    }
    this.#options.owners.setPartitionCount(frame.partitionCount);
    this.#topology(server, frame);
  }

  #topology(server: KnownServer, frame: Frame<'welcome' | 'topology'>): void {
    const { agents, servers } = this.#options;
    server.workers = frame.workers;
    agents.setZoneWorkers(servers.zoneWorkers());
    servers.setServers(frame.servers);
  }

  #pass(t: 'cancel' | 'query', { a, executor: of, mac }: OrderedAttempt, { server, order }: OrderMark): void {
    const { events, dispatch, find } = this.#options;
    const executor = find(of);
    if (!executor?.link.send({ t, a, server, order, ...given({ mac }) }))
      return events.tell(a, { k: 'undelivered', a, code: 'host-not-linked' });
    if (t === 'cancel') dispatch.cancelling(executor, a);
  }

  #upgrade({ id, server, order, targets }: Frame<'upgrade'>): void {
    for (const { hostId, agentId, mac } of targets)
      this.#options.agents.at(hostId, agentId)?.link.send({ t: 'upgrade', id, server, order, mac });
  }

  async #testConnection(server: KnownServer, { id, hostId, accountId }: Frame<'connection-test'>): Promise<void> {
    const { ssh } = this.#options;
    try {
      if (!ssh) throw new DroverError('zone-without-worker', { detail: 'This worker reaches no hosts over SSH.' });
      server.link?.send({ t: 'connection-tested', id, steps: await ssh.test(hostId, accountId) });
    } catch (error) {
      const detail = error instanceof DroverError ? error.message : 'The worker met a fault of its own.';
      server.link?.send({ t: 'connection-tested', id, error: { code: errorCodeOf(error), detail } });
    }
  }
}
