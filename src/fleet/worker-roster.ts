/**
 * The workers that are linked here, each with its link, and what all of them are kept up to date with: which partitions this server owns,
 * which servers and workers there are, who is revoked, and who is drained.
 */
import type { Clock } from '../base/clock.ts';
import type { AgentId, ServerId, WorkerId } from '../base/ids.ts';
import { PARTITION_COUNT } from '../domain/run/partition.ts';
import type { Link } from '../link/link.ts';
import type { ServerToWorkerFrame, WorkerHello } from '../protocol/link/worker-v1.ts';
import type { FleetLook } from '../store/contract/fleet-look.ts';
import type { AgentSnapshot } from './agent-snapshot.ts';
import type { LiveWorker } from './fleet.ts';
import { slices } from './frame-slices.ts';

export type WorkerLink = Link<ServerToWorkerFrame>;
export interface LinkedWorker {
  readonly id: WorkerId;
  /** What its enrolment says of it. */
  readonly name: string;
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hello: WorkerHello;
  readonly heardAtMs: number;
  readonly link: WorkerLink;
  readonly snapshot: AgentSnapshot;
  load: Omit<LiveWorker, 'id' | 'name' | 'zone'>;
}

export class WorkerRoster {
  readonly #serverId: ServerId;
  readonly #clock: Clock;
  readonly #workers = new Map<WorkerId, LinkedWorker>();
  #owned: readonly { id: number; term: number }[] = [];
  #servers: FleetLook['servers'] = [];
  #revoked: readonly AgentId[] = [];
  #isRevoked: ReadonlySet<string> = new Set();
  #drained: ReadonlySet<WorkerId> = new Set();

  constructor({ serverId, clock }: { readonly serverId: ServerId; readonly clock: Clock }) {
    this.#serverId = serverId;
    this.#clock = clock;
  }

  of(id: WorkerId): LinkedWorker | undefined {
    return this.#workers.get(id);
  }

  all(): Iterable<LinkedWorker> {
    return this.#workers.values();
  }

  /** Whether it is still by this link that the worker is here. */
  isCurrent(worker: LinkedWorker): boolean {
    return this.#workers.get(worker.id) === worker;
  }

  isLinked(id: WorkerId): boolean {
    return this.#workers.has(id);
  }

  /** Linked, and not being drained. */
  takesWork(id: WorkerId): boolean {
    return this.#workers.has(id) && !this.#drained.has(id);
  }

  live(): readonly LiveWorker[] {
    return [...this.#workers.values()].map(({ id, name, zone, load }) => ({ id, name, zone, ...load }));
  }

  /** Those that speak SSH; drained ones if they are asked for. */
  *overSsh(withDrained = false): Generator<{ id: WorkerId; zone: string }> {
    for (const { id, zone, hello } of this.#workers.values())
      if (hello.features?.includes('ssh') && (withDrained || !this.#drained.has(id))) yield { id, zone };
  }

  /** Where agents may link. */
  agentAddresses(): { zone: string; address: string }[] {
    return [...this.#workers.values()]
      .filter(({ id }) => !this.#drained.has(id))
      .map(({ zone, hello }) => ({ zone, address: hello.agentAddress }));
  }

  /** Takes the worker in, instead of a former link of its own, and tells it what the others have been told. */
  add(worker: LinkedWorker, protocol: number): void {
    const { id, zone, link } = worker;
    const former = this.#workers.get(id);
    this.#workers.set(id, worker);
    former?.link.close('shutting-down', 'The worker linked again.');
    link.send({
      t: 'welcome',
      protocol,
      serverId: this.#serverId,
      nowMs: this.#clock.nowMs(),
      partitionCount: PARTITION_COUNT,
      servers: [...this.#servers],
      workers: this.#addressesIn(zone),
    });
    for (const slice of slices(this.#revoked)) link.send({ t: 'revoked', agentIds: slice });
    link.send({ t: 'owns', partitions: [...this.#owned] });
  }

  /** Tells the other workers of the new one, and it whether it is drained. */
  introduce({ id, link }: LinkedWorker): void {
    this.#tellTopology();
    if (this.#drained.has(id)) link.send({ t: 'drain', on: true });
  }

  remove({ id }: LinkedWorker): void {
    this.#workers.delete(id);
  }

  setOwned(partitions: readonly { id: number; term: number }[]): void {
    this.#owned = partitions;
    this.sendAll({ t: 'owns', partitions: [...partitions] });
  }

  setServers(servers: FleetLook['servers']): void {
    if (JSON.stringify(servers) === JSON.stringify(this.#servers)) return;
    this.#servers = servers;
    this.#tellTopology();
  }

  /** @returns whether workers that are linked take work now and did not before, or the other way round. */
  setDrained(drained: ReadonlySet<WorkerId>): boolean {
    const former = this.#drained;
    this.#drained = drained;
    const changed = [...this.#workers.values()].filter(({ id }) => former.has(id) !== drained.has(id));
    if (changed.length === 0) return false;
    this.#tellTopology();
    for (const { id, link } of changed) link.send({ t: 'drain', on: drained.has(id) });
    return true;
  }

  /** All agents that are cut off, for workers that link later. @returns whether they are others than before. */
  setRevoked(agentIds: readonly AgentId[]): boolean {
    const isOther = agentIds.join() !== this.#revoked.join();
    if (isOther) this.#isRevoked = new Set(agentIds);
    this.#revoked = agentIds;
    return isOther;
  }

  isRevoked(agentId: string): boolean {
    return this.#isRevoked.has(agentId);
  }

  tellRevoked(agentIds: readonly AgentId[]): void {
    for (const { link } of this.#workers.values())
      for (const slice of slices(agentIds)) link.send({ t: 'revoked', agentIds: slice });
  }

  sendAll(frame: ServerToWorkerFrame): void {
    for (const { link } of this.#workers.values()) link.send(frame);
  }

  #tellTopology(): void {
    for (const { link, zone } of this.#workers.values())
      link.send({ t: 'topology', servers: [...this.#servers], workers: this.#addressesIn(zone) });
  }

  /** A worker tells its agents of the workers of its own zone: others they may not reach. */
  #addressesIn(zone: string): string[] {
    return this.agentAddresses()
      .filter((worker) => worker.zone === zone)
      .map(({ address }) => address);
  }
}
