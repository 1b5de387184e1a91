import type { Via } from '../domain/placement/placement.ts';
import { describe, expect, it } from 'vitest';
import type { AgentId, HostId, WorkerId } from '../base/ids.ts';
import type { SshObstacle } from '../fleet/fleet.ts';
import { hostSubject } from '../domain/run/subject.ts';
import { workerExecutor } from '../domain/run/executor.ts';
import { neverReached, routeOf, unreachedBecause, type KnownOfHosts, type Obstacles, type Ways } from './route.ts';

const [host, agent, near, far] = ['host' as HostId, 'agent' as AgentId, 'near' as WorkerId, 'far' as WorkerId];
const BY_AGENT = { workerId: near, executor: { kind: 'agent', id: agent } } as const;
const BY_SSH = { workerId: far, executor: workerExecutor(far, 'ssh') };

function ways(more: { linked?: boolean; ssh?: boolean; takesWork?: boolean; workerThere?: boolean } = {}): Ways {
  const { linked = true, ssh = true, takesWork = true, workerThere = true } = more;
  return {
    locate: () => (linked ? { ...BY_AGENT, instance: 'instance', link: 1 } : undefined),
    sshRoute: () => (ssh ? far : undefined),
    workerFor: () => ({ id: far, considered: 2, scores: { leastTasks: 90 } }),
    takesWork: () => takesWork,
    isLinked: () => workerThere,
  };
}

const AUTO = { via: 'auto' } as const;
const subject = hostSubject(host, 'h');
const waiting = { state: 'waiting', subject, route: undefined } as const;

describe('an execution that waits', () => {
  it('takes the live agent, else SSH', () => {
    expect(routeOf(waiting, AUTO, ways())).toMatchObject(BY_AGENT);
    expect(routeOf(waiting, AUTO, ways({ linked: false }))).toEqual(BY_SSH);
    expect(routeOf(waiting, AUTO, ways({ linked: false, ssh: false }))).toBeUndefined();
  });

  it('takes the way it was told to take, or none', () => {
    expect(routeOf(waiting, { via: 'ssh' }, ways())).toEqual(BY_SSH);
    expect(routeOf(waiting, { via: 'ssh' }, ways({ ssh: false }))).toBeUndefined();
    expect(routeOf(waiting, { via: 'agent' }, ways({ linked: false }))).toBeUndefined();
  });

  it('is given to no agent of a worker that is being drained', () => {
    expect(routeOf(waiting, { via: 'agent' }, ways({ takesWork: false }))).toBeUndefined();
  });
});

describe('an execution that is out', () => {
  it('stays with its executor, whatever other way there is by now', () => {
    expect(routeOf({ state: 'running', subject, route: BY_SSH }, AUTO, ways())).toEqual(BY_SSH);
    expect(
      routeOf({ state: 'running', subject, route: BY_AGENT }, { via: 'ssh' }, ways({ takesWork: false })),
    ).toMatchObject(BY_AGENT);
  });

  it('is out of reach while its executor is', () => {
    expect(
      routeOf({ state: 'dispatched', subject, route: BY_SSH }, AUTO, ways({ workerThere: false })),
    ).toBeUndefined();
    expect(routeOf({ state: 'running', subject, route: BY_AGENT }, AUTO, ways({ linked: false }))).toBeUndefined();
  });
});

describe('a host that was given up', () => {
  const fleet = (more: Partial<Obstacles>): Obstacles => ({
    locate: () => undefined,
    sshObstacle: () => 'no-address',
    hasWorker: () => true,
    hasCopies: () => false,
    workersFor: () => ({ count: 0, why: '0 of 3 workers: 3 are not meant' }),
    ...more,
  });
  const linked = { locate: () => ({ ...BY_AGENT, instance: 'instance', link: 1 }) };

  it.each<[string, Partial<Obstacles>, Parameters<typeof unreachedBecause>[1], string, string]>([
    ['its agent was away', {}, { via: 'agent' }, 'start-deadline', 'agent of the host was not linked'],
    ['its agent was away, and there is no other way', {}, AUTO, 'start-deadline', 'no address for SSH'],
    ['its agent is there twice', { hasCopies: () => true }, AUTO, 'agent-copied', 'in use twice'],
    [
      'its agent is, and SSH was asked for',
      { hasCopies: () => true, sshObstacle: () => undefined },
      { via: 'ssh' },
      'start-deadline',
      'over SSH',
    ],
    ['it has no address', {}, { via: 'ssh' }, 'host-without-address', '--address ADDRESS'],
    ['the worker of its agent is drained', linked, AUTO, 'worker-drained', 'holds the agent'],
    ['all workers of its zone are', { sshObstacle: () => 'drained' }, { via: 'ssh' }, 'worker-drained', 'Every worker'],
    ['its zone has none for SSH', { sshObstacle: () => 'no-worker' }, AUTO, 'zone-without-worker', 'No worker'],
    ['its zone has none', { hasWorker: () => false }, { via: 'agent' }, 'zone-without-worker', 'No worker'],
    ['its zone has none, and it no address', { hasWorker: () => false }, AUTO, 'zone-without-worker', 'No worker'],
  ])('is told so when %s', (_what, more, spec, reason, detail) => {
    expect(unreachedBecause(subject, spec, fleet(more))).toEqual({ reason, detail: expect.stringContaining(detail) });
  });
});

describe('a host to which there can be no way', () => {
  type Agent = boolean | 'unsure';
  /** `isLooked`: addresses were read after the run was made. */
  const known = (obstacle: SshObstacle | undefined, hasNoAgent: Agent, isLooked = true): KnownOfHosts => ({
    fleet: { sshObstacle: () => obstacle, accessLooks: () => ({ begun: 4, done: isLooked ? 4 : 3 }) },
    lookedBefore: 3,
    hasNoAgent: () => hasNoAgent,
  });

  it.each<[Via, SshObstacle | undefined, Agent, string]>([
    ['ssh', 'no-address', false, 'host-without-address'],
    ['agent', undefined, true, 'host-without-agent'],
    ['agent', 'no-address', true, 'host-without-agent'],
    ['auto', 'no-address', true, 'host-without-agent'],
  ])('is one that has neither, of what %s takes (%s)', (via, obstacle, hasNoAgent, reason) =>
    expect(neverReached(subject, { via }, known(obstacle, hasNoAgent))).toMatchObject({ reason }),
  );

  it.each<[string, Via, SshObstacle | undefined, Agent]>([
    ['its agent may come', 'auto', 'no-address', false],
    ['its agent is asked for, and may come', 'agent', 'no-address', false],
    ['it has an address, and a worker may come', 'auto', 'no-worker', true],
    ['a worker may come', 'ssh', 'no-worker', true],
    ['another worker may come', 'ssh', 'drained', true],
    ['there is one', 'ssh', undefined, true],
  ])('is none when %s', (_what, via, obstacle, hasNoAgent) =>
    expect(neverReached(subject, { via }, known(obstacle, hasNoAgent))).toBeUndefined(),
  );

  it.each<[Via, Agent, boolean]>([
    ['ssh', false, false],
    ['auto', true, false],
    ['auto', 'unsure', true],
    ['agent', 'unsure', true],
  ])('is not known to be one by %s before all was read (agent: %s, addresses: %s)', (via, hasNoAgent, isLooked) =>
    expect(neverReached(subject, { via }, known('no-address', hasNoAgent, isLooked))).toBe('unsure'),
  );

  it('is told by way of agents alone before any address was read', () =>
    expect(neverReached(subject, { via: 'agent' }, known('no-address', true, false))).toMatchObject({
      reason: 'host-without-agent',
    }));
});
