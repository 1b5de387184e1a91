import { expect, it } from 'vitest';
import { newRunSpec } from '../../test/sim/load.ts';
import { Simulation } from '../../test/sim/simulation.ts';
import { createMemoryStore, type SimulableStore } from '../../test/support/memory-store/memory-store.ts';
import { MemoryTables } from '../../test/support/memory-store/rows.ts';
import { until } from '../../test/support/until.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { newId, type AgentId, type AttemptId, type HostId, type RunId, type WorkerId } from '../base/ids.ts';
import { hostSubject } from '../domain/run/subject.ts';
import { partitionOf, PARTITION_COUNT } from '../domain/run/partition.ts';
import { silentLog } from '../base/log.ts';
import type { AgentLocation, Assignment, Fleet, HeardEvent } from '../fleet/fleet.ts';
import { oneTask } from '../domain/run/new-task.ts';
import { Run } from '../domain/run/run.ts';
import type { NewRun } from '../store/contract/run.ts';
import { createMasterKey } from '../pki/sealer.ts';
import type { Store } from '../store/contract/store.ts';
import { FAULTS_TOLD } from './faulty-runs.ts';
import type { RunOwnerOptions } from './options.ts';
import { RunOwner } from './run-owner.ts';

interface Played {
  readonly owner: RunOwner;
  readonly store: SimulableStore;
  readonly terms: () => number[];
  /** All timers are due. */
  readonly pass: () => boolean;
  isTrusted: boolean;
  /** Where agents are linked, by host. */
  readonly links: Map<HostId, AgentLocation>;
  /** Attempts that were acknowledged. */
  readonly acked: AttemptId[];
}

async function play(
  storeFor: (store: SimulableStore) => Partial<SimulableStore> = () => ({}),
  options: Partial<Pick<RunOwnerOptions, 'onUndecided' | 'specs'>> & {
    readonly onAssign?: (assignment: Assignment) => void;
  } = {},
): Promise<Played> {
  let timers: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    after(_delayMs, callback) {
      timers.push(callback);
      return () => void (timers = timers.filter((one) => one !== callback));
    },
  };
  const store = createMemoryStore(new MemoryTables(), clock);
  const serverId = newId<'server'>();
  await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: '1', leaseMs: 60_000 });
  const links = new Map<HostId, AgentLocation>();
  const acked: AttemptId[] = [];
  const played = { isTrusted: true, links, acked } as unknown as Played;
  let orders = 0;
  const owner = new RunOwner({
    serverId,
    store: { ...store, ...storeFor(store) } as unknown as Store,
    fleet: {
      announceOwned() {},
      locate: (hostId: HostId) => links.get(hostId),
      takesWork: () => true,
      nextOrder: () => ++orders,
      assign: (assignment: Assignment) => {
        options.onAssign?.(assignment);
        return true;
      },
      cancel: () => true,
      query: () => true,
      ack: (_workerId: WorkerId, attempts: readonly { attempt: AttemptId }[]) =>
        void acked.push(...attempts.map(({ attempt }) => attempt)),
      sshRoute: () => undefined,
      sshObstacle: () => 'no-address',
      accessLooks: () => ({ begun: 0, done: 0 }),
      hasWorker: () => true,
      hasCopies: () => false,
    } as unknown as Fleet,
    sealer: createMasterKey(Buffer.alloc(32, 7)),
    clock,
    log: silentLog,
    isLeaseTrusted: () => played.isTrusted,
    ...given({ specs: options.specs, onUndecided: options.onUndecided }),
  });
  await owner.start();
  return Object.assign(played, {
    owner,
    store,
    terms: () => owner.owned().map(({ term }) => term),
    pass: () => {
      for (const due of timers.splice(0)) due();
      return true;
    },
  });
}

function endOfAttempt(id: RunId, { executor }: AgentLocation): HeardEvent {
  return {
    k: 'report',
    executor,
    report: {
      t: 'report',
      a: `${id}.0.0.1` as AttemptId,
      outcome: { kind: 'exited', code: 0 },
      finishedAtMs: 1,
      stdout: { size: 0, head: 0, tail: 0 },
      stderr: { size: 0, head: 0, tail: 0 },
    },
  };
}

const stateIn = async (store: SimulableStore, runId: RunId): Promise<string | undefined> =>
  (await store.executionFetch({ runId, task: 0, ordinal: 0 }))?.state;

it('takes a partition that it gave up again under another term only: a write of before may still be under way', async () => {
  const played = await play();
  const { owner, terms, pass } = played;
  expect(terms()).toEqual(Array<number>(PARTITION_COUNT).fill(1));
  played.isTrusted = false;
  pass();
  await until('all to be given up', () => owner.runCount === 0 && terms().length === 0);
  played.isTrusted = true;
  await until('all to be taken again', () => pass() && terms().length === PARTITION_COUNT);
  expect(terms()).toEqual(Array<number>(PARTITION_COUNT).fill(2));
  await owner.stop();
});

it('takes a partition under another term after a commit of which nobody knows whether it landed: it may land yet', async () => {
  let late: (() => ReturnType<SimulableStore['ownerCommit']>) | undefined;
  const terms: number[] = [];
  const { owner, store, pass } = await play((inner) => ({
    async ownerCommit(commit) {
      terms.push(commit.fence.term);
      if (terms.length > 1) return inner.ownerCommit(commit);
      late = () => inner.ownerCommit(commit);
      throw new DroverError('database-unavailable', { detail: 'The answer is lost.' });
    },
  }));
  const actor = { kind: 'token', id: 'a', name: 'a' } as const;
  const audit = { actor, action: 'a', target: 'a', detail: {} };
  const id = newId<'run'>();
  const hostId = newId<'host'>();
  await store.runCreate(
    {
      id,
      partition: partitionOf(id),
      name: 'a',
      reason: '',
      createdBy: actor,
      targetExpression: '*',
      ...oneTask(newRunSpec(new Simulation(1), true), [hostSubject(hostId, 'a')]),
    },
    audit,
  );
  await store.runCancelRequest(id, actor, audit);
  owner.wake(id);
  await until(
    'the run to be cancelled',
    async () => pass() && (await store.runFetch(id, 'own'))?.state === 'cancelled',
  );
  expect(terms).toEqual([1, 2]);
  expect(await late!()).toEqual({ kind: 'fenced' });
  await owner.stop();
});

const actor = { kind: 'token', id: 'a', name: 'a' } as const;
const audit = { actor, action: 'a', target: 'a', detail: {} };
function newRun(id: RunId, hostId: HostId): NewRun {
  return {
    id,
    partition: partitionOf(id),
    name: 'a',
    reason: '',
    createdBy: actor,
    targetExpression: '*',
    ...oneTask(newRunSpec(new Simulation(1), true), [hostSubject(hostId, 'a')]),
  };
}
function newLocation(): AgentLocation {
  return {
    workerId: newId<'worker'>() as WorkerId,
    executor: { kind: 'agent', id: newId<'agent'>() as AgentId },
    instance: newId(),
    link: 1,
  };
}

it('gives work to a host that linked while its run was being written', async () => {
  const hostId = newId<'host'>();
  const location = newLocation();
  const { owner, store, links, pass }: Played = await play((inner) => ({
    async runCreate(run, entry) {
      links.set(hostId, location);
      owner.onLinked(hostId);
      return inner.runCreate(run, entry);
    },
  }));
  const id = newId<'run'>();
  await owner.create(newRun(id, hostId), audit, () => undefined);
  const stateOf = async (): Promise<string | undefined> =>
    (await store.executionFetch({ runId: id, task: 0, ordinal: 0 }))?.state;
  // No timer is due: the deadline by which it would be looked at again is a minute away.
  await until('it to be sent', async () => (await stateOf()) === 'dispatched');
  expect(pass()).toBe(true);
  await owner.stop();
});

it('lets a run go whose end was told again while it was being written', async () => {
  const hostId = newId<'host'>();
  const location = newLocation();
  let again: (() => void) | undefined;
  const { owner, links, acked, pass }: Played = await play((inner) => ({
    async ownerCommit(commit) {
      again?.();
      return inner.ownerCommit(commit);
    },
  }));
  links.set(hostId, location);
  const id = newId<'run'>();
  await owner.create(newRun(id, hostId), audit, () => undefined);
  const attempt = `${id}.0.0.1` as AttemptId;
  const tell = (): void => owner.onEvents(location.workerId, [endOfAttempt(id, location)]);
  again = tell;
  tell();
  await until('the end to be acknowledged', () => acked.includes(attempt));
  await until('the run to be let go', () => pass() && owner.runCount === 0);
  await owner.stop();
});

it('lets a run go that it cannot decide on, reads it anew, and goes on with the others', async () => {
  const [broken, good] = [newId<'run'>(), newId<'run'>()];
  const [hostOfBroken, hostOfGood] = [newId<'host'>(), newId<'host'>()];
  const location = newLocation();
  let faults = 0;
  const { owner, store, links, pass }: Played = await play();
  links.set(hostOfGood, location);
  // Two faults: of a first decision, and of one by time.
  Object.defineProperty(links, 'get', {
    value: (hostId: HostId) => {
      if (hostId === hostOfBroken && faults++ < 2) throw new Error('a fault of ours');
      return Map.prototype.get.call(links, hostId);
    },
  });
  await store.runCreate(newRun(broken, hostOfBroken), audit);
  await store.runCreate(newRun(good, hostOfGood), audit);
  owner.wake(broken);
  owner.wake(good);
  const stateOf = async (id: RunId): Promise<string | undefined> =>
    (await store.executionFetch({ runId: id, task: 0, ordinal: 0 }))?.state;
  await until('the other to be sent', async () => pass() && (await stateOf(good)) === 'dispatched');
  await until('it to be read anew', () => pass() && faults > 2);
  links.set(hostOfBroken, location);
  owner.onLinked(hostOfBroken);
  await until('it to be sent', async () => pass() && (await stateOf(broken)) === 'dispatched');
  await owner.stop();
});

it.each(['write', 'landed'] as const)(
  'lets a run go whose %s throws, and goes on with the others of its partition',
  async (what) => {
    const [broken, other] = [newId<'run'>(), newId<'run'>()];
    const beside = `${other.slice(0, -2)}${broken.slice(-2)}` as RunId;
    const [hostOfBroken, hostOfGood] = [newId<'host'>(), newId<'host'>()];
    const location = newLocation();
    const { owner, store, links, acked, pass }: Played = await play();
    links.set(hostOfBroken, location);
    links.set(hostOfGood, location);
    const terms = owner.owned().map(({ term }) => term);
    let isFaulty = true;
    const own = Run.prototype[what] as (...args: unknown[]) => unknown;
    Object.assign(Run.prototype, {
      [what](this: Run, ...args: unknown[]) {
        if (this.id === broken && isFaulty) throw new Error('a fault of ours');
        return own.apply(this, args);
      },
    });
    const endOf = async (id: RunId): Promise<boolean> => {
      pass();
      owner.onEvents(location.workerId, [endOfAttempt(id, location)]);
      return acked.includes(`${id}.0.0.1` as AttemptId);
    };
    try {
      await store.runCreate(newRun(broken, hostOfBroken), audit);
      await store.runCreate(newRun(beside, hostOfGood), audit);
      owner.wake(broken);
      owner.wake(beside);
      await until('the other to end', () => endOf(beside));
      expect(acked).not.toContain(`${broken}.0.0.1`);
      isFaulty = false;
      await until('it to be read anew, and to end', () => endOf(broken));
      // No partition was given up for it.
      expect(owner.owned().map(({ term }) => term)).toEqual(terms);
    } finally {
      Object.assign(Run.prototype, { [what]: own });
    }
    await owner.stop();
  },
);

it('tells once on the timeline that a run cannot be decided on, and decides on it when somebody asks', async () => {
  const [id, hostId, location] = [newId<'run'>(), newId<'host'>(), newLocation()];
  let faults = 0;
  let isFaulty = true;
  const { owner, store, links, pass }: Played = await play(undefined, { onUndecided: () => void faults++ });
  links.set(hostId, location);
  const own = Reflect.get(Run.prototype, 'orders') as Run['orders'];
  Object.assign(Run.prototype, {
    orders(this: Run, ...args: Parameters<Run['orders']>) {
      if (this.id === id && isFaulty) throw new Error('a fault of ours');
      return own.apply(this, args);
    },
  });
  const told = async (): Promise<unknown[]> =>
    (await store.timelineList(id, { limit: 100 }))
      .filter(({ kind }) => kind === 'undecided')
      .map(({ detail }) => detail);
  try {
    await store.runCreate(newRun(id, hostId), audit);
    await until('it to be told', async () => pass() && (await told()).length > 0);
    const before = faults;
    expect(before).toBeGreaterThanOrEqual(FAULTS_TOLD);
    // It is looked at no more for a while.
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(() => resolve(pass())));
    expect(faults).toBe(before);
    owner.wake(id);
    await until('it to be read all the same', () => faults > before);
    expect(await told()).toEqual([{ faults: FAULTS_TOLD }]);
    isFaulty = false;
    owner.wake(id);
    await until('it to be sent', async () => pass() && (await stateIn(store, id)) === 'dispatched');
  } finally {
    Object.assign(Run.prototype, { orders: own });
  }
  await owner.stop();
});

it('does not ask again at once where partitions cannot be given back', async () => {
  let looks = 0;
  const played: Played = await play((inner) => ({
    async ownerLook(serverId) {
      looks++;
      return inner.ownerLook(serverId);
    },
    async partitionRelease() {
      throw new DroverError('database-unavailable', { detail: 'It is away.' });
    },
  }));
  const { owner, terms, pass } = played;
  played.isTrusted = false;
  pass();
  await until('all to be given up', () => terms().length === 0);
  played.isTrusted = true;
  const before = looks;
  pass();
  await until('it to be looked for', () => looks > before);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(looks - before).toBe(1);
  await owner.stop();
});

it('reads a large script anew when its host is there, and again where that fails', async () => {
  const [hostId, location] = [newId<'host'>(), newLocation()];
  const assigned: Assignment[] = [];
  let reads = 0;
  const { owner, links, pass }: Played = await play(
    (inner) => ({
      async taskSpec(id, task) {
        if (++reads === 1) throw new DroverError('database-unavailable', { detail: 'It is away.' });
        return inner.taskSpec(id, task);
      },
    }),
    { specs: { ownBytesMax: 0, keptBytesMax: 0 }, onAssign: (assignment) => void assigned.push(assignment) },
  );
  const id = newId<'run'>();
  await owner.create(newRun(id, hostId), audit, () => undefined);
  links.set(hostId, location);
  owner.onLinked(hostId);
  await until('it to be sent', () => pass() && assigned.length > 0);
  expect(reads).toBe(2);
  expect(assigned[0]).toMatchObject({
    runId: id,
    workerId: location.workerId,
    targets: [{ hostId, hostName: 'a', attempt: 1 }],
  });
  expect(Buffer.from(assigned[0]!.spec).includes(id)).toBe(true);
  await owner.stop();
});

it('sends nothing of what is over by the time that its script is read', async () => {
  const [hostId, location] = [newId<'host'>(), newLocation()];
  const assigned: Assignment[] = [];
  let goOn = (): void => undefined;
  const { owner, store, links, pass }: Played = await play(
    (inner) => ({
      async taskSpec(id, task) {
        await new Promise<void>((resolve) => (goOn = resolve));
        return inner.taskSpec(id, task);
      },
    }),
    { specs: { ownBytesMax: 0, keptBytesMax: 0 }, onAssign: (assignment) => void assigned.push(assignment) },
  );
  links.set(hostId, location);
  const idle = goOn;
  const id = newId<'run'>();
  await owner.create(newRun(id, hostId), audit, () => undefined);
  await until('it to be read', () => pass() && goOn !== idle);
  owner.onEvents(location.workerId, [
    {
      k: 'report',
      executor: location.executor,
      report: {
        t: 'report',
        a: `${id}.0.0.1` as AttemptId,
        outcome: { kind: 'exited', code: 0 },
        finishedAtMs: 1,
        stdout: { size: 0, head: 0, tail: 0 },
        stderr: { size: 0, head: 0, tail: 0 },
      },
    },
  ]);
  await until('it to be over', async () => pass() && (await store.runFetch(id, 'own'))?.state === 'succeeded');
  goOn();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(assigned).toEqual([]);
  await owner.stop();
});
