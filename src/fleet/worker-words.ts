/**
 * What workers say over their links: of the agents that they hold, of what they carry out themselves, and what their agents have sealed.
 * In clear a worker speaks for itself alone; what is said for an agent counts only as far as the agent's seal proves it.
 */
import type { Clock } from '../base/clock.ts';
import type { AttemptId, HostId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { agentExecutor, isWorker, type Executor } from '../domain/run/executor.ts';
import type { Sealed } from '../protocol/link/session.ts';
import type { AttemptEvent, ConnectionStep, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import type { AgentHealth } from './agent-health.ts';
import type { AgentSessions } from './agent-sessions.ts';
import { attemptEventOf, upgradeHeard } from './agent-words.ts';
import type { FleetListener, HeardEvent, UpgradeListener } from './fleet.ts';
import type { HostAgents } from './host-agents.ts';
import type { LiveWatches } from './live-watches.ts';
import type { OutputFetches } from './output-fetches.ts';
import type { PresenceRecord } from './presence-record.ts';
import type { WorkerChoices } from './worker-choices.ts';
import type { WorkerDesk } from './worker-desk.ts';
import type { WorkerRequests } from './worker-requests.ts';
import type { LinkedWorker, WorkerRoster } from './worker-roster.ts';

export interface WorkerWordsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly roster: WorkerRoster;
  readonly sessions: AgentSessions;
  readonly agents: HostAgents;
  readonly health: AgentHealth;
  readonly record: PresenceRecord;
  readonly watches: LiveWatches;
  readonly fetches: OutputFetches;
  readonly tests: WorkerRequests<readonly ConnectionStep[]>;
  readonly desk: WorkerDesk;
  readonly choices: WorkerChoices;
  readonly runs: () => FleetListener;
  readonly upgrades: () => UpgradeListener;
}

export class WorkerWords {
  readonly #options: WorkerWordsOptions;

  constructor(options: WorkerWordsOptions) {
    this.#options = options;
  }

  heard(worker: LinkedWorker, frame: WorkerToServerFrame): void {
    const { sessions, agents, health, watches, fetches, tests, desk, choices, runs } = this.#options;
    switch (frame.t) {
      case 'agents':
        return this.#agentsOf(worker, frame);
      case 'linked':
        if (sessions.show(worker.id, frame)) worker.snapshot.add(frame.hostId);
        return;
      case 'unlinked':
        return agents.left(worker.id, frame.hostId as HostId, frame.agentId);
      case 'events':
        return runs().onEvents(worker.id, this.#eventsOf(worker, frame.events));
      case 'chunk': {
        if (!isWorker(frame.executor, worker.id)) return;
        const { a, stream, seq, bytes } = frame;
        const executor = frame.executor as Executor;
        return runs().onChunk(worker.id, { attempt: a as AttemptId, executor, stream, seq, bytes });
      }
      case 'output': {
        const { a, stream, offset, bytes, skipped = 0 } = frame;
        const output = { attempt: a as AttemptId, stream, offset, bytes, skipped };
        return watches.heard(output, (place) => isWorker(place.executor, worker.id));
      }
      case 'said':
        return this.#said(worker, frame.agentId, frame);
      case 'ask-time': {
        const session = sessions.of(frame.agentId);
        if (session?.workerId === worker.id) worker.link.send(sessions.time(session, frame.nonce));
        return;
      }
      case 'data-said':
        return fetches.saidByAgent(worker, frame);
      case 'data':
        return fetches.saidByWorker(worker, frame);
      case 'agent-loads':
        for (const load of frame.loads) if (agents.at(load.h as HostId)?.workerId === worker.id) health.heard(load);
        return;
      case 'connection-tested':
        return tests.answer(worker.link, frame.id, frame.error, frame.steps ?? []);
      case 'load': {
        const { t: _type, outputBytesHeld: _held, ...figures } = frame;
        worker.load = { ...figures, heardAtMs: this.#options.clock.nowMs() };
        return choices.heard(worker);
      }
      case 'access':
      case 'secrets':
      case 'host-key':
      case 'renew':
        return desk.answer(worker, frame);
    }
  }

  /** The agents that a worker holds, in several frames: with the last of them it is known which hosts it has lost. */
  #agentsOf(worker: LinkedWorker, frame: Extract<WorkerToServerFrame, { t: 'agents' }>): void {
    const { sessions, agents, record, roster } = this.#options;
    if (!worker.snapshot.take(frame.agents, (agent) => sessions.show(worker.id, agent)))
      return worker.link.close('frame-invalid', 'No worker holds so many agents.');
    if (!frame.last) return;
    void worker.snapshot.decided().then(() => {
      if (!roster.isCurrent(worker)) return;
      agents.heldAlone(worker.id, worker.snapshot.end());
      record.reconcile(worker.id, worker.heardAtMs);
    });
  }

  /** What counts of it: an agent's words under its seal, and a worker's of what it carries out itself or has not handed on. */
  #eventsOf(worker: LinkedWorker, events: readonly AttemptEvent[]): HeardEvent[] {
    const heard: HeardEvent[] = [];
    for (const event of events) {
      if (event.k === 'undelivered' && event.code === 'worker-full') this.#options.choices.refused(worker.id);
      if (event.k === 'said') {
        const said = this.#options.sessions.open(worker.id, event.agentId, event);
        const told = said && attemptEventOf(said.frame, said.session);
        if (told) heard.push(told);
      } else if (event.k === 'queued' || event.executor === undefined || isWorker(event.executor, worker.id))
        heard.push(event);
      else
        this.#options.log.warn(
          { workerId: worker.id, executor: event.executor, event: event.k },
          'what a worker said for an agent was passed over',
        );
    }
    return heard;
  }

  #said(worker: LinkedWorker, agentId: string, sealed: Sealed): void {
    const { sessions, watches, health, record, clock, runs, upgrades } = this.#options;
    const said = sessions.open(worker.id, agentId, sealed);
    if (!said) return;
    const { frame, session } = said;
    const { hostId } = session;
    switch (frame.t) {
      case 'output': {
        const { a, stream, offset, bytes, skipped = 0 } = frame;
        const output = { attempt: a as AttemptId, stream, offset, bytes, skipped };
        return watches.heard(output, (place) => place.executor?.kind !== 'worker' && place.hostId === hostId);
      }
      case 'chunk': {
        const { a, stream, seq, bytes } = frame;
        const executor = agentExecutor(session.agentId);
        return runs().onChunk(worker.id, { attempt: a as AttemptId, executor, stream, seq, bytes });
      }
      case 'facts': {
        const skewMs = frame.nowMs - clock.nowMs();
        health.skewed(hostId, skewMs);
        return record.facts(hostId, agentId, frame.version, {
          ...frame.facts,
          bootId: frame.bootId,
          clockSkewMs: Math.round(skewMs),
        });
      }
      case 'upgrade-state': {
        const heard = upgradeHeard(session, frame);
        if (heard) upgrades().onUpgradeState(heard);
      }
    }
  }
}
