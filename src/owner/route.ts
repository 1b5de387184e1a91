/** The way to the host of an execution: for one that waits, which way it would take now; for one that is out, where its executor is. */
import type { HostId } from '../base/ids.ts';
import type { Execution } from '../domain/crew/execution.ts';
import { workerExecutor, type Route } from '../domain/run/executor.ts';
import type { Unreached } from '../domain/crew/crew-options.ts';
import { engineOf, type Placement, type Via, type WorkerChoice } from '../domain/placement/placement.ts';
import type { Subject } from '../domain/run/subject.ts';
import type { Fleet } from '../fleet/fleet.ts';

export type Ways = Pick<Fleet, 'locate' | 'sshRoute' | 'workerFor' | 'isLinked' | 'takesWork'>;
export type Obstacles = Pick<Fleet, 'locate' | 'sshObstacle' | 'hasWorker' | 'hasCopies' | 'workersFor'>;

export function routeOf(
  execution: Pick<Execution<unknown>, 'state' | 'subject' | 'route'>,
  { via, worker }: Pick<Placement, 'via' | 'worker'>,
  fleet: Ways,
): Route | undefined {
  const { subject } = execution;
  if (execution.state !== 'waiting') {
    const executor = execution.route?.executor;
    if (executor?.kind === 'worker')
      return fleet.isLinked(executor.id) ? { executor, workerId: executor.id } : undefined;
    return subject.kind === 'host' ? fleet.locate(subject.id) : undefined;
  }
  if (subject.kind === 'none') return worker && byWorker(worker, fleet);
  return (
    (via === 'ssh' ? undefined : byAgent(subject.id, fleet)) ?? (via === 'agent' ? undefined : bySsh(subject.id, fleet))
  );
}

/** Why nobody could carry it out until now, by the ways that the run may take. */
export function unreachedBecause(
  subject: Subject,
  { via, worker }: Pick<Placement, 'via' | 'worker'>,
  fleet: Obstacles,
): Unreached {
  if (subject.kind === 'host') return hostUnreached(subject.id, via, fleet);
  return {
    reason: 'no-worker-fits',
    detail: `No worker took it before the start deadline: ${worker ? fleet.workersFor(worker).why : 'none may'}.`,
  };
}

function hostUnreached(hostId: HostId, via: Via, fleet: Obstacles): Unreached {
  const obstacle = via === 'agent' ? undefined : fleet.sshObstacle(hostId);
  if (via === 'ssh' && obstacle === 'no-address') return WITHOUT_ADDRESS;
  const isHeldByDrained = via !== 'ssh' && fleet.locate(hostId) !== undefined;
  if (isHeldByDrained || obstacle === 'drained')
    return {
      reason: 'worker-drained',
      detail:
        `${isHeldByDrained ? 'The worker that holds the agent of the host' : "Every worker of the host's zone"} is ` +
        'being drained and takes no new work, and no other was there before the start deadline. See: drover ' +
        'workers list.',
    };
  if (obstacle === 'no-worker' || !fleet.hasWorker(hostId))
    return {
      reason: 'zone-without-worker',
      detail: "No worker of the host's zone was linked before the start deadline. See: drover workers list.",
    };
  if (via !== 'ssh' && fleet.hasCopies(hostId)) return COPIED;
  return { reason: 'start-deadline', detail: UNREACHED[via] };
}

export interface KnownOfHosts {
  readonly fleet: Pick<Fleet, 'sshObstacle' | 'accessLooks'>;
  /** Looks for addresses that had begun when the run was held here: a host may have been given one a moment before it was made. */
  readonly lookedBefore: number;
  readonly hasNoAgent: (hostId: HostId) => boolean | 'unsure';
}

/**
 * Why there can be no way to a host, however long one waits: it has no agent where one would do, and no address where SSH would. Either may
 * come; but somebody has to see to it first, and whoever waits should hear of that. `unsure` while it is not known what it has.
 */
export function neverReached(
  subject: Subject,
  { via }: Pick<Placement, 'via'>,
  { fleet, lookedBefore, hasNoAgent }: KnownOfHosts,
): Unreached | 'unsure' | undefined {
  // Of a task without hosts: a worker that fits may come.
  if (subject.kind === 'none') return undefined;
  const { id: hostId } = subject;
  if (via !== 'agent' && fleet.sshObstacle(hostId) !== 'no-address') return undefined;
  if (via !== 'agent' && fleet.accessLooks().done <= lookedBefore) return 'unsure';
  const isAgentless = via === 'ssh' || hasNoAgent(hostId);
  if (isAgentless === 'unsure') return 'unsure';
  return isAgentless ? WITHOUT[via] : undefined;
}

const WITHOUT_ADDRESS: Unreached = {
  reason: 'host-without-address',
  detail:
    'The run goes over SSH alone (--via ssh), and the host has no address. Give it one: drover hosts edit HOST ' +
    '--address ADDRESS; or leave out --via.',
};

const WITHOUT = {
  ssh: WITHOUT_ADDRESS,
  agent: {
    reason: 'host-without-agent',
    detail:
      'The run goes by agents alone (--via agent), and the host has no agent. Install one: drover agents install -t ' +
      'HOST; or leave out --via.',
  },
  auto: {
    reason: 'host-without-agent',
    detail:
      'Nothing reaches the host: it has no agent, and no address for SSH. Give it one (drover hosts edit HOST ' +
      '--address ADDRESS), or let an agent join there (drover agents join-token create --host HOST).',
  },
} as const satisfies Record<string, Unreached>;

const COPIED: Unreached = {
  reason: 'agent-copied',
  detail:
    'Two starts of the agent of the host have shown themselves: its data folder is in use twice, and neither is given ' +
    'work until one is left. See: drover agents show HOST.',
};

const UNREACHED = {
  auto: 'The host did not come on line before the start deadline: its agent was not linked, and it has no address for SSH.',
  agent: 'The agent of the host was not linked before the start deadline.',
  ssh: 'The host could not be reached over SSH before the start deadline.',
} as const;

function byAgent(hostId: HostId, fleet: Ways): Route | undefined {
  const agent = fleet.locate(hostId);
  return agent && fleet.takesWork(agent.workerId) ? agent : undefined;
}

function byWorker(choice: WorkerChoice, fleet: Ways): Route | undefined {
  const worker = fleet.workerFor(choice);
  if (!worker) return undefined;
  const { id: workerId, ...chosen } = worker;
  return { workerId, executor: workerExecutor(workerId, engineOf(choice)), chosen };
}

function bySsh(hostId: HostId, fleet: Ways): Route | undefined {
  const workerId = fleet.sshRoute(hostId);
  return workerId && { workerId, executor: workerExecutor(workerId, 'ssh') };
}
