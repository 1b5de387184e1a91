/**
 * The fleet over links: workers dial in, tell which agents they hold, and pass orders and events. Everything here is rebuilt when a worker
 * links again. What others must see after a restart (presence, facts) is written to the store in batches. This file joins the parts, and
 * reads what other servers and users change.
 */
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { AccountId, AgentId, AttemptId, HostId, WorkerId } from '../base/ids.ts';
import type { WorkerChoice } from '../domain/placement/placement.ts';
import type { ChosenWorker, Executor } from '../domain/run/executor.ts';
import type { ConnectionStep } from '../protocol/link/worker-v1.ts';
import { AgentHealth } from './agent-health.ts';
import { AgentSessions } from './agent-sessions.ts';
import { ExecutorOrders } from './executor-orders.ts';
import type {
  AgentLocation,
  Assignment,
  AttemptOrder,
  AttemptPlace,
  ChunkName,
  Fleet,
  FleetListener,
  LiveOutput,
  LiveWorker,
  SshObstacle,
  UpgradeListener,
} from './fleet.ts';
import { HostAgents } from './host-agents.ts';
import type { LinkFleetOptions } from './link-fleet-options.ts';
import { LiveWatches } from './live-watches.ts';
import { OrderMarks } from './order-marks.ts';
import { OutputFetches, type FetchedOutput } from './output-fetches.ts';
import { PresenceRecord } from './presence-record.ts';
import { RepeatedLook } from './repeated-look.ts';
import { ServedZones } from './served-zones.ts';
import { SshRoutes } from './ssh-routes.ts';
import { WaitingAcks } from './waiting-acks.ts';
import { WorkerChoices } from './worker-choices.ts';
import { WorkerDesk } from './worker-desk.ts';
import { WorkerLinks } from './worker-links.ts';
import { WorkerRequests } from './worker-requests.ts';
import { WorkerRoster, type LinkedWorker } from './worker-roster.ts';
import { WorkerWords } from './worker-words.ts';

/** A host that says nothing is given up after half a minute; a jump host before it may be as slow. */
const CONNECTION_TEST_MS = 90_000;

export class LinkFleet implements Fleet {
  readonly name = 'fleet';
  readonly health: AgentHealth;
  readonly #options: LinkFleetOptions;
  #runs!: FleetListener;
  #upgrades!: UpgradeListener;
  readonly #roster: WorkerRoster;
  readonly #links: WorkerLinks;
  readonly #words: WorkerWords;
  readonly #sessions: AgentSessions;
  readonly #agents: HostAgents;
  readonly #orders: ExecutorOrders;
  readonly #watches = new LiveWatches((attempts, on) => this.#orders.watch(attempts, on));
  readonly #fetches: OutputFetches;
  readonly #tests: WorkerRequests<readonly ConnectionStep[]>;
  readonly #desk: WorkerDesk;
  readonly #sshRoutes = new SshRoutes();
  readonly #choices: WorkerChoices;
  readonly #servedZones: ServedZones;
  readonly #record: PresenceRecord;
  readonly #acks: WaitingAcks;
  /** At once when a worker comes or goes, or a hint says that something has changed. */
  readonly #look: RepeatedLook;
  readonly #accessLooks = { begun: 0, done: 0 };
  #stops: (() => void)[] = [];

  constructor(options: LinkFleetOptions) {
    const { clock, log, store } = options;
    this.#options = options;
    this.health = new AgentHealth(clock);
    this.#roster = new WorkerRoster(options);
    this.#choices = new WorkerChoices({
      ...options,
      workers: this.#roster,
      onRoom: () => this.#runs.onRoutesChanged(),
    });
    this.#sessions = new AgentSessions({
      ...options,
      admitted: (session, { nonce }) => this.#agents.admitted(session, nonce),
      refused: (workerId, refusal, isNobody) => {
        this.#roster.of(workerId)?.link.send(refusal);
        if (isNobody) this.#agents.copied(refusal.hostId as HostId);
      },
    });
    this.#record = new PresenceRecord({ store, clock, log, heldBy: (workerId) => this.#agents.heldBy(workerId) });
    const parts = {
      ...options,
      roster: this.#roster,
      sessions: this.#sessions,
      health: this.health,
      record: this.#record,
      watches: this.#watches,
      runs: () => this.#runs,
      upgrades: () => this.#upgrades,
    };
    this.#agents = new HostAgents({
      ...parts,
      send: (workerId, frame) => void this.#roster.of(workerId)?.link.send(frame),
    });
    this.#orders = new ExecutorOrders({ ...parts, agents: this.#agents, marks: new OrderMarks(this.#sessions) });
    this.#acks = new WaitingAcks(clock, (workerId, acks) => this.#orders.ack(workerId, acks));
    this.#fetches = new OutputFetches(parts);
    this.#tests = new WorkerRequests(
      clock,
      CONNECTION_TEST_MS,
      new DroverError('zone-without-worker', {
        detail: 'The worker of the host has not answered in time, or has gone away.',
      }),
    );
    this.#desk = new WorkerDesk(options);
    this.#words = new WorkerWords({
      ...parts,
      agents: this.#agents,
      fetches: this.#fetches,
      tests: this.#tests,
      desk: this.#desk,
      choices: this.#choices,
    });
    this.#links = new WorkerLinks({
      ...parts,
      onCome: (worker) => this.#onCome(worker),
      onFrame: (worker, frame) => this.#words.heard(worker, frame),
      onGone: (worker) => this.#onGone(worker),
    });
    this.#servedZones = new ServedZones(store);
    this.#look = new RepeatedLook(clock, () => this.#reload());
  }

  async start(runs: FleetListener, upgrades: UpgradeListener): Promise<void> {
    const { listener, store } = this.#options;
    [this.#runs, this.#upgrades] = [runs, upgrades];
    // First, for it may fail: a start that failed here may be repeated.
    await this.#reload();
    await listener.start((link) => this.#links.accept(link));
    this.#stops.push(...(['fleet', 'hosts'] as const).map((of) => store.listen(of, this.#look.now, this.#look.now)));
    this.#look.start();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#look.stop();
    this.#acks.sendAll();
    this.#sessions.stop();
    this.#fetches.stop();
    this.#tests.stop();
    await this.#options.listener.stop();
    await this.#record.stop();
  }

  // — what is here —

  locate(hostId: HostId): AgentLocation | undefined {
    return this.#agents.at(hostId);
  }

  sshRoute(hostId: HostId): WorkerId | undefined {
    return this.#sshRoutes.pick(hostId, this.#roster.overSsh());
  }

  workerFor(choice: WorkerChoice): ChosenWorker | undefined {
    return this.#choices.pick(choice);
  }

  workersFor(choice: WorkerChoice): { readonly count: number; readonly why: string } {
    return this.#choices.told(choice);
  }

  sshObstacle(hostId: HostId): SshObstacle | undefined {
    if (!this.#sshRoutes.has(hostId)) return 'no-address';
    if (this.sshRoute(hostId)) return undefined;
    return this.#sshRoutes.pick(hostId, this.#roster.overSsh(true)) ? 'drained' : 'no-worker';
  }

  accessLooks(): { readonly begun: number; readonly done: number } {
    return this.#accessLooks;
  }

  hasWorker(hostId: HostId): boolean {
    return this.#servedZones.has(hostId);
  }

  hasCopies(hostId: HostId): boolean {
    return this.health.isCopied(hostId);
  }

  isLinked(workerId: WorkerId): boolean {
    return this.#roster.isLinked(workerId);
  }

  takesWork(workerId: WorkerId): boolean {
    return this.#roster.takesWork(workerId);
  }

  workers(): readonly LiveWorker[] {
    return this.#roster.live();
  }

  get agentCount(): number {
    return this.#agents.count;
  }

  /** Where agents may link. */
  agentWorkers(): { zone: string; address: string }[] {
    return this.#roster.agentAddresses();
  }

  /** Why a worker may not link, as far as is known without asking. */
  refusalOf(id: string): 'worker-revoked' | undefined {
    return this.#links.refusalOf(id);
  }

  // — what is sent —

  announceOwned(partitions: readonly { id: number; term: number }[]): void {
    this.#roster.setOwned(partitions);
  }

  nextOrder(): number {
    return this.#orders.next();
  }

  assign(assignment: Assignment): boolean {
    return this.#orders.assign(assignment);
  }

  cancel(workerId: WorkerId, order: AttemptOrder): boolean {
    return this.#orders.cancel(workerId, order);
  }

  query(workerId: WorkerId, order: AttemptOrder): boolean {
    return this.#orders.query(workerId, order);
  }

  ack(workerId: WorkerId, attempts: readonly { attempt: AttemptId; executor: Executor }[]): void {
    this.#acks.add(workerId, attempts);
  }

  ackChunk(workerId: WorkerId, chunk: ChunkName): void {
    this.#orders.ackChunk(workerId, chunk);
  }

  upgrade(id: string, order: Uint8Array, agents: readonly { hostId: HostId; agentId: AgentId }[]): void {
    this.#orders.upgrade(id, order, agents);
  }

  // — what is asked —

  watch(attempts: readonly AttemptPlace[], onOutput: (output: LiveOutput) => void): () => void {
    return this.#watches.add(attempts, onOutput);
  }

  async fetchOutput(place: AttemptPlace, stream: 1 | 2, offset: number, length: number): Promise<FetchedOutput> {
    return this.#fetches.fetch(place, this.#orders.routeOf(place), { stream, offset, length });
  }

  async testConnection(hostId: HostId, accountId?: AccountId): Promise<readonly ConnectionStep[]> {
    const workerId = this.sshRoute(hostId);
    const worker = workerId && this.#roster.of(workerId);
    if (!worker)
      throw new DroverError('zone-without-worker', {
        detail: "No worker of the host's zone is linked and takes work. See: drover workers list.",
      });
    return this.#tests.ask(worker.link, (id) => ({
      t: 'connection-test',
      id,
      hostId,
      ...given({ accountId }),
    }));
  }

  // — who is cut off —

  /** Whatever their workers make of it: nothing is sent to them any more. */
  revoke(agentIds: readonly AgentId[]): void {
    for (const agentId of agentIds) this.#agents.revoked(agentId);
    this.#roster.tellRevoked(agentIds);
  }

  isRevoked(agentId: string): boolean {
    return this.#roster.isRevoked(agentId);
  }

  revokeWorker(workerId: WorkerId): void {
    this.#roster.of(workerId)?.link.close('worker-revoked', 'The worker has been revoked.');
  }

  // — what changes —

  #onCome(worker: LinkedWorker): void {
    this.#look.now();
    this.#choices.heard(worker);
    this.#roster.introduce(worker);
    this.#runs.onRoutesChanged(worker.id);
  }

  #onGone({ id }: LinkedWorker): void {
    this.#sessions.takeBack(id);
    this.#desk.gone(id);
    this.#choices.gone(id);
    this.#look.now();
    this.#agents.workerGone(id);
    this.#runs.onRoutesChanged();
  }

  /** What others may have changed: who is cut off, who is drained, which servers live, which hosts are reached over SSH. */
  async #reload(): Promise<void> {
    const { store, ssh } = this.#options;
    const look = ++this.#accessLooks.begun;
    const { revoked, workers, servers, hostAccessVersion } = await store.fleetLook();
    const known = this.#sshRoutes.version;
    const hosts = hostAccessVersion === known ? 'unchanged' : await ssh.hosts(known);
    if (this.#roster.setRevoked(revoked)) this.revoke(revoked);
    this.#links.setEnrolled(workers);
    this.#roster.setServers(servers);
    const drained = workers.filter((worker) => worker.drained).map(({ id }) => id);
    if (this.#roster.setDrained(new Set(drained))) {
      this.#choices.allHeard();
      this.#runs.onRoutesChanged();
    }
    await this.#servedZones.look(this.#roster.all(), hosts !== 'unchanged');
    if (hosts !== 'unchanged') this.#sshRoutes.replace(hosts);
    this.#accessLooks.done = look;
    if (hosts === 'unchanged') return;
    this.#roster.sendAll({ t: 'access-changed' });
    this.#runs.onRoutesChanged();
  }
}
