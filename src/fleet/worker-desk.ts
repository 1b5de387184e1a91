/**
 * What workers ask of a server: access to hosts of their own zone, what to mask of what they carry out, what to make of a host's key, and
 * certificates for their agents and themselves. Whatever one asks, and however often, the others and the server's callers have their turn.
 */
import { certificateRenew, isInForce, type EnrolmentContext } from '../app/enrolment.ts';
import type { Clock } from '../base/clock.ts';
import type { AccountId, AgentId, HostId, WorkerId } from '../base/ids.ts';
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { SecondCount } from '../base/second-count.ts';
import type { Log } from '../base/log.ts';
import type { SshAccess, SshHostKey } from '../protocol/link/ssh-access.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import type { Store } from '../store/contract/store.ts';
import { SenderTurns } from './sender-turns.ts';
import type { SshHosts } from './ssh-routes.ts';

export type WorkerQuestion = Extract<WorkerToServerFrame, { t: 'access' | 'secrets' | 'host-key' | 'renew' }>;
interface Asking {
  readonly id: WorkerId;
  readonly zone: string;
  readonly link: { send(frame: ServerToWorkerFrame): boolean };
}

/** What the fleet must know of hosts that are reached over SSH. `zone` is the asking worker's: it is told of its own zone only. */
export interface SshDesk {
  hosts(knownVersion?: number): Promise<SshHosts | 'unchanged'>;
  resolve(zone: string, hostId: HostId, accountId?: AccountId): Promise<SshAccess>;
  /** Values to mask in the output of an attempt that this worker carries out over SSH; `not-found` for any other. */
  secrets(workerId: WorkerId, attempt: string): Promise<readonly string[]>;
  recordHostKey(zone: string, hostId: HostId, key: SshHostKey, workerId: WorkerId): Promise<'recorded' | 'refused'>;
}

export interface WorkerDeskOptions {
  readonly ssh: SshDesk;
  readonly store: Store;
  readonly enrolment: EnrolmentContext;
  readonly clock: Clock;
  readonly log: Log;
}

const TURNS = { atOnceMax: limits.workerQuestionsAtOnceMax, waitingMax: limits.workerQuestionsWaitingMax };

export class WorkerDesk {
  readonly #options: WorkerDeskOptions;
  readonly #questions = new SenderTurns(TURNS);
  /** Apart, for an agent that asks through its worker must not keep the worker from its hosts. */
  readonly #renewals = new SenderTurns(TURNS);
  readonly #renewalsOf: SecondCount;

  constructor(options: WorkerDeskOptions) {
    this.#options = options;
    this.#renewalsOf = new SecondCount(options.clock, limits.renewalsPerSecond);
  }

  /** A worker may reach what is in its zone, and mask what it carries out, and nothing else. */
  answer(worker: Asking, frame: WorkerQuestion): void {
    const refuse = (code: 'too-many-requests' | 'overloaded'): void =>
      void worker.link.send(refusalOf(frame, { code, detail: 'The worker asks more than the server can see to.' }));
    // Of each worker by itself: one that names another's agent takes nothing from it.
    if (frame.t === 'renew' && !this.#renewalsOf.take(`${worker.id} ${frame.agentId ?? ''}`))
      return refuse('too-many-requests');
    const turns = frame.t === 'renew' ? this.#renewals : this.#questions;
    if (!turns.run(worker.id, () => this.#answer(worker, frame))) refuse('overloaded');
  }

  /** Nobody waits for its answers any more. */
  gone(workerId: WorkerId): void {
    this.#questions.forget(workerId);
    this.#renewals.forget(workerId);
  }

  async #answer(worker: Asking, frame: WorkerQuestion): Promise<void> {
    const { link } = worker;
    try {
      link.send(await this.#answerTo(worker, frame));
    } catch (error) {
      const isTold = error instanceof DroverError;
      if (!isTold)
        this.#options.log.error(
          { workerId: worker.id, question: frame.t, err: error },
          'what a worker asked could not be answered',
        );
      const told = {
        code: isTold ? error.code : 'internal',
        detail: isTold ? error.message : 'The server could not answer the worker.',
      };
      link.send(refusalOf(frame, told));
    }
  }

  async #answerTo({ id: workerId, zone }: Asking, frame: WorkerQuestion): Promise<ServerToWorkerFrame> {
    const { ssh, store } = this.#options;
    const { id } = frame;
    // Asked of the record itself: a link that nobody has cut yet, because a hint was lost, gives nothing to who is revoked.
    const record = await store.workerFetch(workerId);
    if (!isInForce(record)) throw new DroverError('worker-revoked', { detail: 'The worker has been revoked.' });
    if (frame.t === 'renew') {
      const who =
        frame.agentId === undefined
          ? ({ role: 'worker', id: workerId } as const)
          : ({ role: 'agent', id: frame.agentId as AgentId } as const);
      return {
        t: 'certificate',
        id,
        ...(await certificateRenew(this.#options.enrolment, who, frame.csr, frame.signature)),
      };
    }
    if (frame.t === 'access') {
      if (record.drained)
        throw new DroverError('worker-draining', { detail: 'The worker is drained: it is given no credentials.' });
      return {
        t: 'access',
        id,
        access: await ssh.resolve(zone, frame.hostId as HostId, frame.accountId as AccountId | undefined),
      };
    }
    if (frame.t === 'secrets') return { t: 'secrets', id, values: [...(await ssh.secrets(workerId, frame.a))] };
    return {
      t: 'host-key',
      id,
      answer: await ssh.recordHostKey(
        zone,
        frame.hostId as HostId,
        { algorithm: frame.algorithm, key: frame.key },
        workerId,
      ),
    };
  }
}

function refusalOf(
  { t, id }: WorkerQuestion,
  error: { readonly code: string; readonly detail: string },
): ServerToWorkerFrame {
  switch (t) {
    case 'renew':
      return { t: 'certificate', id, error: error.code };
    case 'host-key':
      return { t, id, answer: 'refused', error };
    default:
      return { t, id, error };
  }
}
