/** The fleet over a link that a test holds the other end of: what hosts say of themselves is kept, and nobody's nonsense keeps out others. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sshDesk } from '../../src/app/ssh-access.ts';
import { AgentSession } from '../../src/agent/session.ts';
import { systemClock } from '../../src/base/clock.ts';
import {
  attemptId,
  newId,
  newRunId,
  type AgentId,
  type HostId,
  type ServerId,
  type TokenId,
  type WorkerId,
} from '../../src/base/ids.ts';
import { agentExecutor } from '../../src/domain/run/executor.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import type { FleetListener, UpgradeListener } from '../../src/fleet/fleet.ts';
import { LinkFleet } from '../../src/fleet/link-fleet.ts';
import { decodeFrame, encodeFrame } from '../../src/link/codec.ts';
import { SERVER_FRAMES } from '../../src/protocol/link/worker-frames.ts';
import type { Link, LinkListener, OnLink } from '../../src/link/link.ts';
import { hashSecret, newSecret } from '../../src/pki/join-token.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { HostFacts } from '../../src/protocol/link/agent-v1.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../../src/protocol/link/worker-v1.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { systemRandom } from '../../src/base/random.ts';

const audit: AuditEntry = {
  actor: { kind: 'system', id: 'test', name: 'test' },
  action: 'test',
  target: 'test',
  detail: {},
};
const AGENT = newId<'agent'>() as AgentId;
const masterKey = createMasterKey(Buffer.alloc(32, 1));
const NO_PROOF = { body: Buffer.alloc(0), mac: Buffer.alloc(32) };

/** Takes nothing of what is told. */
const NOBODY: FleetListener & UpgradeListener = {
  onEvents() {},
  onChunk() {},
  onLinked() {},
  onUnlinked() {},
  onRoutesChanged() {},
  onUpgradeState() {},
};

describe('the fleet', () => {
  let api: TestApi;
  let fleet: LinkFleet;
  let onLink: OnLink<WorkerToServerFrame, ServerToWorkerFrame>;
  let say: (frame: WorkerToServerFrame) => void;
  let workerId: WorkerId;
  const sent: ServerToWorkerFrame[] = [];
  const reading: string[] = [];

  beforeAll(async () => {
    api = await testApi();
    const listener: LinkListener<WorkerToServerFrame, ServerToWorkerFrame> = {
      name: 'in-memory',
      start: async (hears) => void (onLink = hears),
      stop: async () => undefined,
    };
    const enrolment = { store: api.store, clock: systemClock, ca: api.ca, masterKey, workers: () => [] };
    fleet = new LinkFleet({
      serverId: newId<'server'>() as ServerId,
      listener,
      store: api.store,
      enrolment,
      masterKey,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      ssh: sshDesk({ store: api.store, sealer: masterKey }),
    });
    await fleet.start(NOBODY, NOBODY);
    workerId = await joinedWorker();
    say = await link(workerId, 0);
  });
  afterAll(async () => {
    await fleet.stop();
    await api.close();
  });

  async function joinedWorker(): Promise<WorkerId> {
    const secret = newSecret();
    await api.store.joinTokenCreate(
      {
        id: newId<'token'>() as TokenId,
        hash: hashSecret(secret),
        role: 'worker',
        labels: {},
        zone: 'default',
        uses: 1,
        lifetimeMs: 60_000,
      },
      audit,
    );
    const joined = await api.store.workerJoin(
      { tokenHash: hashSecret(secret), name: 'w', version: '0', publicKey: Buffer.alloc(1) },
      audit,
    );
    if (joined.kind !== 'joined') throw new Error(joined.code);
    return joined.workerId;
  }

  async function joinedAgent(name: string): Promise<{ hostId: HostId; agentId: AgentId }> {
    const secret = newSecret();
    await api.store.joinTokenCreate(
      {
        id: newId<'token'>() as TokenId,
        hash: hashSecret(secret),
        role: 'agent',
        labels: {},
        zone: 'default',
        uses: 1,
        lifetimeMs: 60_000,
      },
      audit,
    );
    const joined = await api.store.agentJoin(
      {
        tokenHash: hashSecret(secret),
        name,
        machineId: name,
        labels: {},
        facts: {},
        publicKey: Buffer.alloc(1),
        certificateExpiresAtMs: 1,
      },
      audit,
    );
    if (joined.kind !== 'joined') throw new Error(joined.code);
    return joined;
  }

  /** A worker's link to the fleet, up to its hello. */
  async function link(id: WorkerId, nowMs: number): Promise<((frame: WorkerToServerFrame) => void) & { cut(): void }> {
    let welcomed = false;
    const end: Link<ServerToWorkerFrame> = {
      peer: { role: 'worker', id, address: '' },
      openedAtMs: 0,
      bufferedBytes: 0,
      send: (frame) => ((welcomed ||= frame.t === 'welcome'), sent.push(frame) > 0),
      sendEncoded: () => true,
      pause: () => void reading.push('paused'),
      resume: () => void reading.push('resumed'),
      close() {},
    };
    const { onFrame, onClose } = onLink(end);
    reading.length = 0;
    void onFrame({
      t: 'hello',
      protocol: { min: 1, max: 1 },
      workerId: id,
      version: '0',
      agentAddress: '127.0.0.1:1',
      nowMs,
    });
    // Until its record is read, no more of it is read than what has come already: its frames may be of any size.
    expect(reading).toEqual(['paused']);
    await until('the welcome', () => welcomed);
    expect(reading).toEqual(['paused', 'resumed']);
    return Object.assign((frame: WorkerToServerFrame) => void onFrame(frame), { cut: () => onClose('cut') });
  }

  /** The agent's own side: each time another start of it. */
  function sessionOf({ hostId, agentId }: { hostId: HostId; agentId: AgentId }): AgentSession {
    const start = (starts.get(agentId) ?? 0) + 1;
    starts.set(agentId, start);
    return new AgentSession({
      agentId,
      hostId,
      dispatchKey: masterKey.dispatchKey(agentId),
      start: { instance: newId(), start },
      clock: systemClock,
    });
  }
  const starts = new Map<AgentId, number>();

  /** The agent links through the worker, and says its facts. */
  function linked(host: { hostId: HostId; agentId: AgentId }, facts: Record<string, unknown>): Promise<void> {
    const session = sessionOf(host);
    say({ t: 'linked', ...host, atMs: systemClock.nowMs(), proof: session.proof(workerId) });
    const said = session.seal({
      t: 'facts',
      version: '1',
      bootId: 'b',
      nowMs: systemClock.nowMs(),
      facts: { name: 'x', os: 'linux', ...facts } as HostFacts,
    });
    return until('the link to count', () => fleet.locate(host.hostId)).then(() =>
      say({ t: 'said', agentId: host.agentId, ...said }),
    );
  }

  it.each<[string, Record<string, unknown>]>([
    ['a NUL in a text', { cpuModel: 'fast\0slow' }],
    ['half of a surrogate pair', { cpuModel: '\ud800' }],
    ['a number that JSON has not', { memoryBytes: 2n ** 63n }],
    ['a NUL in a name of a label', { labels: { 'a\0b': 'c' } }],
    ['a megabyte of them', { cpuModel: 'x'.repeat(1 << 20) }],
  ])('keeps the facts of other hosts when one says %s', async (what, facts) => {
    const [odd, good] = [await joinedAgent(`odd ${what}`), await joinedAgent(`good ${what}`)];
    await linked(odd, facts);
    await linked(good, { cpus: 8 });
    await until('the good facts to be kept', async () => (await api.store.hostFetch(good.hostId))?.facts.cpus === 8);
    expect(await until('both hosts to be linked', async () => (await api.store.hostFetch(odd.hostId))?.linked)).toBe(
      true,
    );
  });

  it('sends the largest run there may be in frames that a link takes', () => {
    sent.length = 0;
    const runId = newRunId(systemClock.nowMs());
    const targets = Array.from({ length: limits.targetsPerRunMax }, (_, ordinal) => ({
      ordinal,
      attempt: 1,
      hostId: newId<'host'>() as HostId,
      hostName: '库'.repeat(limits.nameBytesMax / 3),
      executor: agentExecutor(AGENT),
      watch: true,
    }));
    const secretBytes = limits.secretsMax * limits.secretBytesMax;
    expect(
      fleet.assign({
        workerId,
        runId,
        task: 0,
        partition: 0,
        term: 1,
        order: 1,
        priority: 'normal',
        caller: newId(),
        spec: Buffer.alloc(limits.scriptBytesMax + limits.stdinBytesMax + 2 * limits.argumentsBytesMax + secretBytes),
        targets,
      }),
    ).toBe(true);
    // This agent is not here, so none of it is marked; as a rule all are.
    const mac = Buffer.alloc(32);
    const frames = sent
      .filter((frame) => frame.t === 'assign')
      .map((frame) => ({ ...frame, targets: frame.targets.map((target) => ({ ...target, mac })) }));
    for (const frame of frames) expect(decodeFrame(encodeFrame(frame), SERVER_FRAMES)).toMatchObject({ t: 'assign' });
    expect(Math.max(...frames.map((frame) => encodeFrame(frame).length))).toBeLessThan(limits.frameBytesMax);
    expect(frames.flatMap((frame) => frame.targets.map((target) => target.ordinal))).toEqual(
      targets.map((target) => target.ordinal),
    );
  });

  it('keeps a host that links while what its worker held before is looked up', async () => {
    const [held, come, later] = [await joinedAgent('held'), await joinedAgent('come'), await joinedAgent('later')];
    const proofOf = (host: { hostId: HostId; agentId: AgentId }) => sessionOf(host).proof(workerId);
    say({ t: 'agents', agents: [{ ...held, sinceMs: systemClock.nowMs(), proof: proofOf(held) }], last: true });
    say({ t: 'linked', ...come, atMs: systemClock.nowMs(), proof: proofOf(come) });
    await until('what was held to count', () => fleet.locate(held.hostId));
    await linked(later, {});
    expect(fleet.locate(come.hostId)).toMatchObject({ workerId });
  });

  it('passes over a link of nobody, and goes on', async () => {
    const good = await joinedAgent('after nobody');
    say({
      t: 'linked',
      hostId: "'; --",
      agentId: 'x',
      atMs: 1.5,
      proof: NO_PROOF,
    });
    say({
      t: 'agents',
      agents: [{ hostId: 'nobody', agentId: good.agentId, sinceMs: 1, proof: NO_PROOF }],
      last: true,
    });
    await linked(good, {});
    await until('the good host to be linked', async () => (await api.store.hostFetch(good.hostId))?.linked);
    expect(fleet.locate(good.hostId)?.executor.id).toBe(good.agentId);
  });

  it('shows the live output of an attempt as its own agent tells it, to each watcher until that one leaves', async () => {
    const [holder, other] = [await joinedAgent('holds it'), await joinedAgent('holds another')];
    const [own, foreign] = [sessionOf(holder), sessionOf(other)];
    for (const [host, session] of [
      [holder, own],
      [other, foreign],
    ] as const) {
      say({ t: 'linked', ...host, atMs: systemClock.nowMs(), proof: session.proof(workerId) });
      await until('the link to count', () => fleet.locate(host.hostId));
    }
    const attempt = attemptId({ runId: newRunId(systemClock.nowMs()), task: 0, ordinal: 0, attempt: 1 });
    const seen: string[][] = [[], []];
    const [leave] = seen.map((texts) =>
      fleet.watch([{ attempt, hostId: holder.hostId }], ({ bytes }) => texts.push(Buffer.from(bytes).toString())),
    );
    const output = (text: string) =>
      ({ t: 'output', a: attempt, stream: 1, offset: 0, bytes: Buffer.from(text) }) as const;
    // Another agent in its own hand, the worker in clear, and the agent's words with another's name to them.
    say({ t: 'said', agentId: other.agentId, ...foreign.seal(output('forged')) });
    say(output('in clear'));
    say({ t: 'said', agentId: holder.agentId, ...foreign.seal(output('under a wrong name')) });
    say({ t: 'said', agentId: holder.agentId, ...own.seal(output('one')) });
    leave!();
    say({ t: 'said', agentId: holder.agentId, ...own.seal(output('two')) });
    expect(seen).toEqual([['one'], ['one', 'two']]);
    expect(sent.filter((frame) => frame.t === 'watch' && !frame.on)).toEqual([]);
  });

  it('gives a drained worker no new work, tells it, and gives it work again when it is resumed', async () => {
    const drainOrders = (): boolean[] => sent.flatMap((frame) => (frame.t === 'drain' ? [frame.on] : []));
    const hostId = newId<'host'>() as HostId;
    expect(fleet.takesWork(workerId)).toBe(true);
    expect((await api.store.workerDrain(workerId, true, audit))?.drained).toBe(true);
    await until('the worker to hear of it', () => drainOrders().at(-1) === true);
    expect(fleet.takesWork(workerId)).toBe(false);
    expect(fleet.agentWorkers()).toEqual([]);
    expect(fleet.sshRoute(hostId)).toBeUndefined();
    await api.store.workerDrain(workerId, true, audit);
    await api.store.workerDrain(workerId, false, audit);
    await until('the worker to hear of it', () => drainOrders().at(-1) === false);
    expect(drainOrders()).toEqual([true, false]);
    expect(fleet.takesWork(workerId)).toBe(true);
    expect(fleet.isLinked(newId<'worker'>() as WorkerId)).toBe(false);
  });

  it('tells hosts as away that left their worker while no server was there to note it', async () => {
    const [stayed, left, moved] = [await joinedAgent('stayed'), await joinedAgent('left'), await joinedAgent('moved')];
    const [worker, other] = [await joinedWorker(), await joinedWorker()];
    const isLinked = async (host: { hostId: HostId }): Promise<boolean> =>
      (await api.store.hostFetch(host.hostId))?.linked === true;
    // What a server wrote before it was gone.
    await api.store.hostPresenceWrite(
      [stayed, left, moved].map((host) => ({ ...host, workerId: worker, linked: true, atMs: 1_000 })),
    );
    await api.store.hostPresenceWrite([{ ...moved, workerId: other, linked: true, atMs: 1_500 }]);
    const tell = await link(worker, 2_000);
    tell({ t: 'agents', agents: [{ ...stayed, sinceMs: 1_000, proof: sessionOf(stayed).proof(worker) }], last: false });
    tell({ t: 'agents', agents: [], last: true });
    await until('the host that left to be away', async () => !(await isLinked(left)));
    expect([await isLinked(stayed), await isLinked(moved)]).toEqual([true, true]);
  });

  const isThere = async ({ hostId }: { hostId: HostId }, worker: WorkerId): Promise<boolean> => {
    const host = await api.store.hostFetch(hostId);
    return host?.linked === true && host.workerId === worker;
  };

  it('tells a host as there again when its worker is, though the agent has never noticed', async () => {
    const [worker, host] = [await joinedWorker(), await joinedAgent('unmoved')];
    const agents = [{ ...host, sinceMs: systemClock.nowMs() - 60_000, proof: sessionOf(host).proof(worker) }];
    const first = await link(worker, systemClock.nowMs());
    first({ t: 'agents', agents, last: true });
    await until('the host to be there', () => isThere(host, worker));
    first.cut();
    await until('the host to be away', async () => !(await isThere(host, worker)));
    (await link(worker, systemClock.nowMs()))({ t: 'agents', agents, last: true });
    await until('the host to be there again', () => isThere(host, worker));
  });

  it('tells where a host is by its own clock, however far apart those of the workers are', async () => {
    const [ahead, behind] = [await joinedWorker(), await joinedWorker()];
    const host = await joinedAgent('between two clocks');
    const [aheadMs, behindMs] = [systemClock.nowMs() + 7_200_000, systemClock.nowMs() - 7_200_000];
    const [tellAhead, tellBehind] = [await link(ahead, aheadMs), await link(behind, behindMs)];
    tellAhead({ t: 'linked', ...host, atMs: aheadMs, proof: sessionOf(host).proof(ahead) });
    await until('the host to be with the first', () => isThere(host, ahead));
    tellAhead({ t: 'unlinked', ...host, atMs: aheadMs + 1 });
    await until('the host to be away', async () => !(await isThere(host, ahead)));
    tellBehind({ t: 'linked', ...host, atMs: behindMs, proof: sessionOf(host).proof(behind) });
    await until('the host to be with the second', () => isThere(host, behind));
    // What a worker lost before it linked again, by a clock that is behind.
    tellBehind.cut();
    (await link(behind, behindMs))({ t: 'agents', agents: [], last: true });
    await until('the host to be away', async () => (await api.store.hostFetch(host.hostId))?.linked === false);
  });

  it('leaves alone what another server has heard of a worker since', async () => {
    const worker = await joinedWorker();
    const [before, since] = [await joinedAgent('before'), await joinedAgent('since')];
    await api.store.hostPresenceWrite([
      { ...before, workerId: worker, linked: true, atMs: 1_000 },
      { ...since, workerId: worker, linked: true, atMs: 3_000 },
    ]);
    await api.store.hostPresenceReconcile({ workerId: worker, linked: [], atMs: 2_000 });
    expect([
      (await api.store.hostFetch(before.hostId))?.linked,
      (await api.store.hostFetch(since.hostId))?.linked,
    ]).toEqual([false, true]);
  });

  it('forgets what a worker held over a link that its next one has replaced', async () => {
    const worker = await joinedWorker();
    const host = await joinedAgent('between two links');
    const proof = sessionOf(host).proof(worker);
    (await link(worker, 1_000))({ t: 'agents', agents: [{ ...host, sinceMs: 500, proof }], last: true });
    await until('the host to be held', () => fleet.locate(host.hostId));
    (await link(worker, 2_000))({ t: 'agents', agents: [], last: true });
    await until('the host to be away', () => !fleet.locate(host.hostId));
  });

  it('hears of a change though the database was away when it was told, and believes the last of several', async () => {
    const worker = await joinedWorker();
    let failures = 0;
    const store: typeof api.store = {
      ...api.store,
      fleetLook: () => (failures-- > 0 ? Promise.reject(new Error('away')) : api.store.fleetLook()),
    };
    let onLinkThere!: OnLink<WorkerToServerFrame, ServerToWorkerFrame>;
    const quiet: LinkListener<WorkerToServerFrame, ServerToWorkerFrame> = {
      name: 'in-memory',
      start: async (hears) => void (onLinkThere = hears),
      stop: async () => undefined,
    };
    const other = new LinkFleet({
      serverId: newId<'server'>() as ServerId,
      listener: quiet,
      store,
      enrolment: { store, clock: systemClock, ca: api.ca, masterKey, workers: () => [] },
      masterKey,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      ssh: sshDesk({ store, sealer: masterKey }),
    });
    await other.start(NOBODY, NOBODY);
    try {
      const orders: boolean[] = [];
      const held: Link<ServerToWorkerFrame> = {
        peer: { role: 'worker', id: worker, address: '' },
        openedAtMs: 0,
        bufferedBytes: 0,
        send: (frame) => (frame.t === 'drain' ? orders.push(frame.on) > 0 : true),
        sendEncoded: () => true,
        pause() {},
        resume() {},
        close() {},
      };
      void onLinkThere(held).onFrame({
        t: 'hello',
        protocol: { min: 1, max: 1 },
        workerId: worker,
        version: '0',
        agentAddress: '127.0.0.1:1',
        nowMs: 0,
      });
      failures = 2;
      await api.store.workerDrain(worker, true, audit);
      await until('the worker to hear of it', () => orders.at(-1) === true);
      expect(failures).toBeLessThan(0);
      for (const drained of [false, true, false]) await api.store.workerDrain(worker, drained, audit);
      await until('the worker to hear of it', () => orders.at(-1) === false && other.takesWork(worker));
    } finally {
      await other.stop();
    }
  });
});
