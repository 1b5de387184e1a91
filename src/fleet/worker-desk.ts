/** What workers ask of a server: access to hosts of their own zone, what to mask of what they carry out, what to make of a host's key. */
import { isInForce } from '../app/enrolment.ts';
import type { AccountId, HostId, WorkerId } from '../base/ids.ts';
import { DroverError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { SshAccess, SshHostKey } from '../protocol/link/ssh-access.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import type { Store } from '../store/store.ts';
import type { SshHosts } from './ssh-routes.ts';

export type WorkerQuestion = Extract<WorkerToServerFrame, { t: 'access' | 'secrets' | 'host-key' }>;
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

export class WorkerDesk {
  readonly #options: { readonly ssh: SshDesk; readonly store: Store; readonly log: Log };

  constructor(options: { readonly ssh: SshDesk; readonly store: Store; readonly log: Log }) {
    this.#options = options;
  }

  /** A worker may reach what is in its zone, and mask what it carries out, and nothing else. */
  async answer(worker: Asking, frame: WorkerQuestion): Promise<void> {
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
      link.send(
        frame.t === 'host-key'
          ? { t: frame.t, id: frame.id, answer: 'refused', error: told }
          : { t: frame.t, id: frame.id, error: told },
      );
    }
  }

  async #answerTo({ id: workerId, zone }: Asking, frame: WorkerQuestion): Promise<ServerToWorkerFrame> {
    const { ssh, store } = this.#options;
    const { id } = frame;
    if (frame.t === 'access') {
      // Asked of the record itself: a hint that was lost must not hand out credentials.
      const record = await store.workerFetch(workerId);
      if (!isInForce(record)) throw new DroverError('worker-revoked', { detail: 'The worker has been revoked.' });
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
