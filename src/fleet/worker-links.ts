/**
 * How workers come and go: the first word of a link, the record of the worker that says whether it may link, and the end of the link.
 * What a worker says in between is heard elsewhere.
 */
import { isInForce } from '../app/enrolment.ts';
import type { Clock } from '../base/clock.ts';
import type { ServerId, WorkerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { LinkHandlers } from '../link/link.ts';
import { commonProtocol } from '../protocol/link/protocol-range.ts';
import { WORKER_PROTOCOL, type WorkerHello, type WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import type { WorkerStartVerdict } from '../domain/fleet/worker-start.ts';
import type { Store } from '../store/contract/store.ts';
import type { WorkerRecord } from '../store/contract/worker.ts';
import { AgentSnapshot } from './agent-snapshot.ts';
import type { LinkedWorker, WorkerLink, WorkerRoster } from './worker-roster.ts';

export interface WorkerLinksOptions {
  readonly serverId: ServerId;
  readonly store: Pick<Store, 'workerFetch' | 'workerSeen' | 'workerStartShow' | 'workerStartGone'>;
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
  /** Of each worker, the start that is being let in. */
  readonly #letIn = new Map<WorkerId, string>();
  /** Of which the store is being told that they have gone. */
  readonly #telling = new Map<WorkerId, Promise<void>>();
  /** Starts of which the store does not know yet that they have come, or gone: told it again with the next look. */
  readonly #untold = new Map<WorkerId, { readonly instance: string; readonly is: 'here' | 'gone' }>();

  constructor(options: WorkerLinksOptions) {
    this.#options = options;
  }

  /** All workers that are enrolled, as read now: those that are revoked lose their links. */
  setEnrolled(workers: readonly WorkerRecord[]): void {
    this.#enrolled = new Map(workers.map((worker) => [worker.id, worker]));
    for (const { id, link } of this.#options.roster.all())
      if (this.refusalOf(id)) link.close('worker-revoked', 'The worker has been revoked.');
    for (const [id, { instance, is }] of this.#untold)
      if (is === 'gone') this.#tellGone(id, instance);
      else void this.#tellHere(id, instance);
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
      return this.#askedFor(link, frame)
        .then(
          ({ record, verdict }) => {
            if (verdict !== 'admitted') return isClosed ? undefined : this.#sendAway(link, verdict);
            if (!isClosed) worker = this.#onHello(link, frame, record);
            if (!worker) this.#noteGone(link.peer.id as WorkerId, frame);
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

  /** Its record, and whether this start of it is the one that counts. */
  async #askedFor(
    link: WorkerLink,
    { instance }: WorkerHello,
  ): Promise<{ record: WorkerRecord | undefined; verdict: WorkerStartVerdict }> {
    const id = link.peer.id as WorkerId;
    const record = await this.#recordOf(id);
    // Whoever says nothing of its start is of a version that knew of none; who may not link is told so first.
    if (instance === undefined || !isInForce(record)) return { record, verdict: 'admitted' };
    const other = this.#letIn.get(id);
    if (other !== undefined && other !== instance) return { record, verdict: 'held' };
    this.#letIn.set(id, instance);
    try {
      return { record, verdict: await this.#judge(id, instance) };
    } finally {
      this.#letIn.delete(id);
    }
  }

  /** While the database is away, by what is linked here: nothing new can be given out then. */
  async #judge(id: WorkerId, instance: string): Promise<WorkerStartVerdict> {
    const { serverId, store, roster } = this.#options;
    const there = roster.of(id)?.hello.instance;
    const isOtherHere = there !== undefined && there !== instance;
    try {
      // That it has gone comes after that it was here before.
      await this.#telling.get(id);
      const verdict = await store.workerStartShow({ id, instance, serverId, isOtherHere });
      if (verdict === 'admitted') this.#untold.delete(id);
      return verdict;
    } catch {
      if (isOtherHere) return 'held';
      this.#untold.set(id, { instance, is: 'here' });
      return 'admitted';
    }
  }

  async #tellHere(id: WorkerId, instance: string): Promise<void> {
    const verdict = await this.#judge(id, instance);
    const worker = this.#options.roster.of(id);
    if (verdict !== 'admitted' && worker?.hello.instance === instance) this.#sendAway(worker.link, verdict);
  }

  #sendAway(link: WorkerLink, verdict: Exclude<WorkerStartVerdict, 'admitted'>): void {
    if (verdict === 'held')
      return link.close('link-busy', 'Another process of this worker is linked, or was a moment ago.');
    this.#options.log.warn({ workerId: link.peer.id }, 'a worker shows itself twice: its data folder is in use twice');
    return link.close('worker-copied', 'Another process of this worker is linked: its data folder is in use twice.');
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
    this.#noteGone(worker.id, worker.hello);
  }

  /** Unless it is here by another link. */
  #noteGone(id: WorkerId, { instance }: WorkerHello): void {
    if (instance === undefined || this.#letIn.get(id) === instance) return;
    if (this.#options.roster.of(id)?.hello.instance === instance) return;
    this.#untold.set(id, { instance, is: 'gone' });
    this.#tellGone(id, instance);
  }

  #tellGone(id: WorkerId, instance: string): void {
    const { serverId, store } = this.#options;
    const told = this.#untold.get(id);
    const telling = store
      .workerStartGone({ id, instance, serverId })
      .then(
        () => void (this.#untold.get(id) === told && this.#untold.delete(id)),
        () => undefined,
      )
      .finally(() => void (this.#telling.get(id) === telling && this.#telling.delete(id)));
    this.#telling.set(id, telling);
  }

  #noteSeen({ id, hello }: LinkedWorker, linked: boolean): void {
    const { agentAddress, version } = hello;
    void this.#options.store.workerSeen({ id, agentAddress, version, linked }).catch(() => undefined);
  }
}
