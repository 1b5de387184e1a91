import { describe, expect, it } from 'vitest';
import type { AgentId, HostId, WorkerId } from '../base/ids.ts';
import type { SshObstacle } from '../fleet/fleet.ts';
import { hostSubject } from '../domain/run/subject.ts';
import { workerExecutor } from '../domain/run/executor.ts';
import { neverReached, routeOf, unreachedBecause, type Obstacles, type Ways } from './route.ts';

const [host, agent, near, far] = ['host' as HostId, 'agent' as AgentId, 'near' as WorkerId, 'far' as WorkerId];
const BY_AGENT = { workerId: near, executor: { kind: 'agent', id: agent } } as const;
const BY_SSH = { workerId: far, executor: workerExecutor(far, 'ssh') };

function ways(more: { linked?: boolean; ssh?: boolean; takesWork?: boolean; workerThere?: boolean } = {}): Ways {
  const { linked = true, ssh = true, takesWork = true, workerThere = true } = more;
  return {
    locate: () => (linked ? { ...BY_AGENT, instance: 'instance', link: 1 } : undefined),
    sshRoute: () => (ssh ? far : undefined),
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
    ...more,
  });
  const linked = { locate: () => ({ ...BY_AGENT, instance: 'instance', link: 1 }) };

  it.each<[string, Partial<Obstacles>, Parameters<typeof unreachedBecause>[1], string, string]>([
    ['its agent was away', {}, { via: 'agent' }, 'start-deadline', 'agent of the host was not linked'],
    ['its agent was away, and there is no other way', {}, AUTO, 'start-deadline', 'no address for SSH'],
    ['it has no address', {}, { via: 'ssh' }, 'host-without-address', '--address ADDRESS'],
    ['the worker of its agent is drained', linked, AUTO, 'worker-drained', 'holds the agent'],
    ['all workers of its zone are', { sshObstacle: () => 'drained' }, { via: 'ssh' }, 'worker-drained', 'Every worker'],
    ['its zone has none for SSH', { sshObstacle: () => 'no-worker' }, AUTO, 'zone-without-worker', 'No worker'],
    ['its zone has none', { hasWorker: () => false }, { via: 'agent' }, 'zone-without-worker', 'No worker'],
    ['its zone has none, and it no address', { hasWorker: () => false }, AUTO, 'zone-without-worker', 'No worker'],
  ])('is told so when %s', (_what, more, spec, reason, detail) => {
    expect(unreachedBecause(host, spec, fleet(more))).toEqual({ reason, detail: expect.stringContaining(detail) });
  });
});

describe('a host to which there can be no way', () => {
  const fleet = (done: number, obstacle: SshObstacle | undefined): Parameters<typeof neverReached>[2] => ({
    sshObstacle: () => obstacle,
    accessLooks: () => ({ begun: done, done }),
  });

  it('is one without an address, over SSH alone, as soon as addresses were read after the run was made', () => {
    expect(neverReached(host, { via: 'ssh' }, fleet(3, 'no-address'), 3)).toBe('unsure');
    expect(neverReached(host, { via: 'ssh' }, fleet(4, 'no-address'), 3)).toMatchObject({
      reason: 'host-without-address',
    });
  });

  it.each<[string, Parameters<typeof neverReached>[1], SshObstacle | undefined]>([
    ['its agent may come', AUTO, 'no-address'],
    ['its agent is asked for', { via: 'agent' }, 'no-address'],
    ['a worker may come', { via: 'ssh' }, 'no-worker'],
    ['another worker may come', { via: 'ssh' }, 'drained'],
    ['there is one', { via: 'ssh' }, undefined],
  ])('is none when %s', (_what, placement, obstacle) =>
    expect(neverReached(host, placement, fleet(4, obstacle), 3)).toBeUndefined(),
  );
});
