/** The processes of a simulated fleet, put together from the code of the product as its programs put them together, on a network, disks and a store that are played. */
import type { EnrolmentContext } from '../../src/app/enrolment.ts';
import { AgentService } from '../../src/agent/agent.ts';
import { AgentSession } from '../../src/agent/session.ts';
import { DroverError } from '../../src/base/errors.ts';
import { given } from '../../src/base/given.ts';
import type { AgentId, HostId, ServerId, WorkerId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import type { Log } from '../../src/base/log.ts';
import { LinkFleet } from '../../src/fleet/link-fleet.ts';
import { RunOwner } from '../../src/owner/run-owner.ts';
import type { MasterKey } from '../../src/pki/sealer.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import type { AgentFrame, AgentReport, WorkerToAgentFrame } from '../../src/protocol/link/agent-v1.ts';
import { SERVER_FRAMES, WORKER_FRAMES } from '../../src/protocol/link/worker-frames.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../../src/protocol/link/worker-v1.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { WorkerService } from '../../src/worker/worker.ts';
import { leaseRenew } from '../support/memory-store/lease.ts';
import type { SimDatabase } from './database.ts';
import type { SimMachine } from './machine.ts';
import type { SimNetwork } from './network.ts';
import { ScriptLedger } from './script-ledger.ts';
import { SimProcess, trueTime, type Simulation } from './simulation.ts';

export interface Surroundings {
  readonly sim: Simulation;
  readonly network: SimNetwork;
  readonly database: SimDatabase;
  readonly masterKey: MasterKey;
}

function logOf(sim: Simulation, process: SimProcess): Log {
  const told =
    (level: string) =>
    (fields: object, message: string): void => {
      const { err, code } = fields as { err?: unknown; code?: unknown };
      const why = err === undefined ? (code ?? '') : err instanceof Error ? err.message : String(err);
      sim.note(`${process.name} ${level}: ${message} ${String(why)}`);
      // What is no fault of the world that is played is one of the code.
      if (err instanceof TypeError || err instanceof ReferenceError || (err as Error)?.name === 'AssertionError')
        sim.violate(`${process.name} met a fault of its own: ${(err as Error).stack}`);
    };
  const log: Log = { debug() {}, info: told('info'), warn: told('warn'), error: told('error'), child: () => log };
  return log;
}

const PAUSE_BEFORE_TRYING_AGAIN_MS = 500;

/** Until it works, as a supervisor has it. */
async function patiently(process: SimProcess, work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      return void (await work());
    } catch {
      await process.later(PAUSE_BEFORE_TRYING_AGAIN_MS, () => undefined);
    }
  }
}

export class SimServer {
  readonly address: string;
  readonly process: SimProcess;
  readonly id: ServerId;
  readonly fleet: LinkFleet;
  readonly owner: RunOwner;
  readonly store: Store;
  isReady = false;
  #trustedUntilMs = 0;
  readonly #around: Surroundings;

  constructor(around: Surroundings, address: string, wall: { aheadMs: number }) {
    const { sim, network, database, masterKey } = around;
    this.#around = around;
    this.address = address;
    this.id = sim.newId() as ServerId;
    const process = new SimProcess(sim, address, address, wall);
    this.process = process;
    this.store = database.storeFor(process);
    const clock = this.store.clock();
    const log = logOf(sim, process);
    const fleet: LinkFleet = new LinkFleet({
      serverId: this.id,
      listener: network.listener<WorkerToServerFrame, ServerToWorkerFrame>({
        process,
        address,
        peer: { role: 'server', id: this.id, address },
        shapes: WORKER_FRAMES,
        refuse: (id) => fleet.refusalOf(id),
      }),
      store: this.store,
      // Certificates are not renewed in here.
      enrolment: {} as EnrolmentContext,
      masterKey,
      clock,
      random: sim.random,
      log,
      ssh: {
        hosts: async (known) => (known === undefined ? { version: 1, hosts: [] } : 'unchanged'),
        resolve: async () => Promise.reject(new DroverError('host-not-found', { detail: 'No host has an address.' })),
        secrets: async () => [],
        recordHostKey: async () => 'refused',
      },
    });
    this.fleet = fleet;
    this.owner = new RunOwner({
      serverId: this.id,
      store: this.store,
      fleet,
      sealer: masterKey,
      clock,
      log,
      isLeaseTrusted: () => process.clock.monotonicMs() < this.#trustedUntilMs,
      // Every script is large to half of the servers, and is read when it is sent.
      ...given({ specs: this.id.charCodeAt(35) % 2 === 0 ? { ownBytesMax: 0, keptBytesMax: 0 } : undefined }),
    });
    void this.#start(fleet);
  }

  async #start(fleet: LinkFleet): Promise<void> {
    await patiently(this.process, () => this.#around.database.startClock(this.store));
    await patiently(this.process, () => this.#register());
    await new Promise<void>((resolve) => this.#renew(resolve));
    await patiently(this.process, () => fleet.start(this.owner, { onUpgradeState() {} }));
    await this.owner.start();
    this.isReady = true;
    this.#around.sim.note(`${this.process.name} is ready as ${this.id}`);
  }

  #register(): Promise<void> {
    const { id, address: url } = this;
    return this.store.serverRegister({ id, url, version: '1', leaseMs: limits.serverLeaseMs });
  }

  /** As the thread that keeps a lease does it: believed from before the renewal was sent, for less than its length. */
  #renew(onFirst: () => void): void {
    const { process } = this;
    const { sim, database } = this.#around;
    const sentAtMs = process.clock.monotonicMs();
    void database
      .call(process, () => leaseRenew(database.tables, this.id, limits.serverLeaseMs, trueTime(sim)))
      .then(
        (isRenewed) => {
          if (isRenewed) {
            this.#trustedUntilMs = sentAtMs + limits.serverLeaseMs - limits.serverLeaseMarginMs;
            onFirst();
          } else {
            this.#trustedUntilMs = 0;
            sim.note(`${process.name} has lost its lease`);
            void this.#register().catch(() => undefined);
          }
        },
        () => undefined,
      )
      .then(() => process.clock.after(limits.serverLeaseRenewMs, () => this.#renew(onFirst)));
  }
}

export class SimWorker {
  readonly process: SimProcess;

  constructor(
    { sim, network }: Surroundings,
    id: WorkerId,
    address: string,
    servers: readonly string[],
    wall: { aheadMs: number },
  ) {
    const process = new SimProcess(sim, address, address, wall);
    this.process = process;
    const peer = { role: 'worker', id, address } as const;
    const worker: WorkerService = new WorkerService({
      id,
      version: '1',
      agentAddress: address,
      agents: network.listener<AgentFrame, WorkerToAgentFrame>({
        process,
        address,
        peer,
        shapes: AGENT_FRAMES,
        refuse: (agentId) => worker.refusalOf(agentId),
      }),
      dial: (url) =>
        network.dialer<ServerToWorkerFrame, WorkerToServerFrame>({
          process,
          peer,
          shapes: SERVER_FRAMES,
          addresses: () => [url],
          capMs: limits.workerReconnectCapMs,
        }),
      serverUrl: servers[0]!,
      knownServers: servers,
      onServers: () => undefined,
      clock: process.clock,
      random: sim.random,
      log: logOf(sim, process),
      capacity: { agent: 20, ssh: 1, process: 0, calls: 0 },
    });
    void worker.start();
  }
}

export class SimAgent {
  readonly process: SimProcess;
  readonly machine: SimMachine;
  readonly ledger: ScriptLedger;
  readonly service: AgentService;

  constructor(
    { sim, network, masterKey }: Surroundings,
    { agentId, hostId, name }: { readonly agentId: AgentId; readonly hostId: HostId; readonly name: string },
    machine: SimMachine,
    workers: readonly string[],
    onAcknowledged: (attempt: string, report: AgentReport) => void,
  ) {
    const process = new SimProcess(sim, name, machine.name, machine.wall);
    this.process = process;
    this.machine = machine;
    const log = logOf(sim, process);
    const { disk } = machine;
    const before = disk.starts;
    disk.starts = { start: (before?.start ?? 0) + 1, instance: sim.newId() };
    this.ledger = new ScriptLedger({ sim, machine, process }, log, onAcknowledged);
    let told = [...workers];
    const first = sim.below(workers.length);
    this.service = new AgentService({
      agentId,
      hostId,
      version: '1',
      bootId: machine.bootId,
      session: new AgentSession({
        agentId,
        hostId,
        dispatchKey: masterKey.dispatchKey(agentId),
        start: { ...disk.starts, ...given({ after: before?.instance }) },
        clock: process.clock,
      }),
      ledger: this.ledger,
      dialer: network.dialer<WorkerToAgentFrame, AgentFrame>({
        process,
        peer: { role: 'agent', id: agentId, hostId, address: machine.name },
        shapes: WORKER_TO_AGENT_FRAMES,
        addresses: () => [...told.slice(first % told.length), ...told.slice(0, first % told.length)],
        capMs: limits.reconnectCapMs,
      }),
      facts: () => ({ name, os: 'linux' }),
      load: async () => undefined,
      clock: process.clock,
      random: sim.random,
      log,
      onWorkers: (list) => {
        if (list.length > 0) told = [...list];
      },
      onCertificate: () => undefined,
      onUnlinked: () => undefined,
      onUpgrade: () => undefined,
    });
    sim.note(`${name} starts, for the ${disk.starts.start}. time`);
    void this.service.start().catch((error: unknown) => {
      // A full disk: its supervisor starts it again.
      sim.note(`${name} cannot start: ${(error as Error).message}`);
      this.couldStart = false;
    });
  }

  couldStart = true;
}
