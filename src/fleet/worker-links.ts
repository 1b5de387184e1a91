/**
 * How workers come and go: the first word of a link, the record of the worker that says whether it may link, and the end of the link.
 * What a worker says in between is heard elsewhere.
 */
import { isInForce } from '../app/enrolment.ts';
import type { Clock } from '../base/clock.ts';
import type { WorkerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { LinkHandlers } from '../link/link.ts';
import { commonProtocol } from '../protocol/link/protocol-range.ts';
import { WORKER_PROTOCOL, type WorkerHello, type WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import type { Store } from '../store/contract/store.ts';
import type { WorkerRecord } from '../store/contract/worker.ts';
import { AgentSnapshot } from './agent-snapshot.ts';
import type { LinkedWorker, WorkerLink, WorkerRoster } from './worker-roster.ts';

export interface WorkerLinksOptions {
  readonly store: Pick<Store, 'workerFetch' | 'workerSeen'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly roster: WorkerRoster;
  /** It is on the roster, and has been welcomed. */
  readonly onCome: (worker: LinkedWorker) => void;
  readonly onFrame: (worker: LinkedWorker, frame: WorkerToServerFrame) => void;
  /** It is no longer on the roster. */
  readonly onGone: (worker: LinkedWorker) => void;
}

export class WorkerLinks {
  readonly #options: WorkerLinksOptions;
  /** As last read; one that joined since is asked for when it links. */
  #enrolled: ReadonlyMap<WorkerId, WorkerRecord> = new Map();

  constructor(options: WorkerLinksOptions) {
    this.#options = options;
  }

  /** All workers that are enrolled, as read now: those that are revoked lose their links. */
  setEnrolled(workers: readonly WorkerRecord[]): void {
    this.#enrolled = new Map(workers.map((worker) => [worker.id, worker]));
    for (const { id, link } of this.#options.roster.all())
      if (this.refusalOf(id)) link.close('worker-revoked', 'The worker has been revoked.');
  }

  /** Why a worker may not link, as far as is known without asking. */
  refusalOf(id: string): 'worker-revoked' | undefined {
    const record = this.#enrolled.get(id as WorkerId);
    return record && !isInForce(record) ? 'worker-revoked' : undefined;
  }

  accept(link: WorkerLink): LinkHandlers<WorkerToServerFrame> {
    const { roster, onFrame } = this.#options;
    let worker: LinkedWorker | undefined;
    let isGreeted = false;
    let isClosed = false;
    const early: WorkerToServerFrame[] = [];
    const hear = (frame: WorkerToServerFrame): void => {
      if (worker && roster.isCurrent(worker)) onFrame(worker, frame);
    };
    const greet = (frame: WorkerToServerFrame): void | Promise<void> => {
      if (frame.t !== 'hello') {
        if (!isGreeted) return undefined;
        if (worker) hear(frame);
        else early.push(frame);
        return undefined;
      }
      if (isGreeted) return link.close('frame-invalid', 'A link has one hello.');
      isGreeted = true;
      // Nothing but what has come in one piece with the hello is read before it is known who says it.
      link.pause();
      return this.#recordOf(link.peer.id as WorkerId)
        .then(
          (record) => {
            if (isClosed) return;
            worker = this.#onHello(link, frame, record);
            for (const said of early.splice(0)) hear(said);
          },
          () => link.close('database-unavailable', 'The record of the worker cannot be read now.'),
        )
        .finally(() => link.resume());
    };
    return {
      onFrame: greet,
      onClose: (reason) => {
        isClosed = true;
        if (worker && roster.isCurrent(worker)) this.#onClose(worker, reason);
      },
    };
  }

  /** Read anew, for what is cached may be older than the revocation; what is cached counts while the database is away. */
  async #recordOf(id: WorkerId): Promise<WorkerRecord | undefined> {
    return this.#options.store.workerFetch(id).catch((error: unknown) => {
      const cached = this.#enrolled.get(id);
      if (cached) return cached;
      throw error;
    });
  }

  #onHello(link: WorkerLink, hello: WorkerHello, record: WorkerRecord | undefined): LinkedWorker | undefined {
    const { clock, log, roster, onCome } = this.#options;
    if (hello.workerId !== link.peer.id)
      return void link.close('certificate-invalid', 'The certificate belongs to another worker.');
    if (!isInForce(record)) return void link.close('worker-revoked', 'The worker has been revoked.');
    const protocol = commonProtocol(WORKER_PROTOCOL, hello.protocol);
    if (protocol === undefined)
      return void link.close(
        'protocol-unsupported',
        `This server speaks worker protocol ${WORKER_PROTOCOL.min} to ${WORKER_PROTOCOL.max}.`,
      );
    const { name, zone, labels } = record;
    const worker: LinkedWorker = {
      id: link.peer.id as WorkerId,
      name,
      zone,
      labels,
      hello,
      heardAtMs: clock.nowMs(),
      link,
      snapshot: new AgentSnapshot(),
      load: { agents: 0, queued: 0, rssBytes: 0, lagMs: 0 },
    };
    roster.add(worker, protocol);
    log.info({ workerId: worker.id, name, zone }, 'a worker linked');
    this.#noteSeen(worker, true);
    onCome(worker);
    return worker;
  }

  #onClose(worker: LinkedWorker, reason: unknown): void {
    const { log, roster, onGone } = this.#options;
    roster.remove(worker);
    log.info({ workerId: worker.id, reason }, 'a worker is gone');
    onGone(worker);
    this.#noteSeen(worker, false);
  }

  #noteSeen({ id, hello }: LinkedWorker, linked: boolean): void {
    const { agentAddress, version } = hello;
    void this.#options.store.workerSeen({ id, agentAddress, version, linked }).catch(() => undefined);
  }
}
