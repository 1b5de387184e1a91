/**
 * `true` on N hosts over SSH: the ledger with its journal, raw `ssh2`, and the peers that are installed, cold and warm,
 * in turns in one session against one sshd on this machine. The hosts are names for sixteen addresses of it. `--memory
 * N` holds N warm connections in a process of their own and tells what it takes.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import ssh2, { type Client } from 'ssh2';
import { systemClock } from '../src/base/clock.ts';
import { attemptId, newRunId, type AttemptId } from '../src/base/ids.ts';
import { silentLog } from '../src/base/log.ts';
import { systemRandom } from '../src/base/random.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import { createSshLedger } from '../src/engines/ssh/ssh-ledger.ts';
import type { SshHop } from '../src/protocol/link/ssh-access.ts';
import { specOf } from '../test/support/execution-spec.ts';
import { accessOf, SshWorld } from '../test/support/sshd.ts';
import { lackOf } from '../tools/test-needs.ts';
import { emit, median, rounded } from './support/figures.ts';
import type { HolderFigures, HolderSetup } from './support/ssh-holder.ts';
import { installedPeers } from './support/ssh-peers.ts';

const CONCURRENCY = 64;
/** As many as one sshd listens on. */
const ADDRESSES = 16;
if (lackOf(['sshd'])) throw new Error('this needs an OpenSSH server: apt-get install openssh-server (it need not run)');
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '3' },
    memory: { type: 'string', default: '1000' },
  },
});
const hosts = Number(values.hosts);
const runId = newRunId(systemClock.nowMs());
const spec = specOf('true', { runId, runName: 'bench', timeoutMs: 60_000, killAfterMs: 1_000 });
let ordinal = 0;

async function perSecond(count: number, one: (index: number) => Promise<void>): Promise<number> {
  const began = systemClock.monotonicMs();
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(CONCURRENCY, count) }, async () => {
      while (next < count) await one(next++);
    }),
  );
  return count / ((systemClock.monotonicMs() - began) / 1_000);
}

const world = new SshWorld();
const addressOf = (index: number): string => `127.0.0.${(index % ADDRESSES) + 1}`;
const { port } = await world.start({
  lines: Array.from({ length: ADDRESSES - 1 }, (_, i) => `ListenAddress ${addressOf(i + 1)}:PORT`),
});
const hop = (index: number): SshHop => world.hop({ address: addressOf(index), port }, { hostId: String(index) });

// — raw ssh2 —

function rawConnect(index: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client
      .once('ready', () => resolve(client))
      .once('error', reject)
      .connect({ host: addressOf(index), port, username: world.user, privateKey: world.userKey.text });
  });
}

function rawExec(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.exec('true', (error, stream) => {
      if (error) return reject(error);
      stream.once('close', () => resolve());
      stream.resume().stderr.resume();
    });
  });
}

async function rawRound(): Promise<{ cold: number; warm: number }> {
  const clients: Client[] = [];
  const cold = await perSecond(hosts, async (i) => rawExec((clients[i] = await rawConnect(i))));
  const warm = await perSecond(hosts, (i) => rawExec(clients[i]!));
  await Promise.all(
    clients.map((client) => new Promise<void>((resolve) => void client.once('close', () => resolve()).end())),
  );
  return { cold, warm };
}

// — ours —

function runner(ledger: Ledger, waiting: Map<AttemptId, () => void>): (index: number) => Promise<void> {
  return async (index) => {
    const attempt = attemptId({ runId, task: 0, ordinal: ordinal++, attempt: 1 });
    const finished = new Promise<void>((resolve) => waiting.set(attempt, resolve));
    await ledger.startAttempt(attempt, spec, { hostId: String(index), hostName: `bench-${index}` });
    await finished;
    waiting.delete(attempt);
    const report = await ledger.report(attempt);
    if (!isDeepStrictEqual(report?.outcome, { kind: 'exited', code: 0 }))
      throw new Error(`host ${index}: ${JSON.stringify(report)}`);
    // As the server's acknowledgement would: not waited for.
    void ledger.forget([attempt]);
  };
}

async function droverRound(): Promise<{ cold: number; warm: number; cpuMs: number }> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-bench-'));
  const { ledger } = createSshLedger({
    dir,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    access: async ({ hostId }) => accessOf(hop(Number(hostId))),
    recordHostKey: async () => 'recorded',
    secretsOf: async () => [],
  });
  const waiting = new Map<AttemptId, () => void>();
  await ledger.start({ started() {}, output() {}, finished: (attempt) => waiting.get(attempt)?.() });
  const one = runner(ledger, waiting);
  const before = process.cpuUsage();
  const cold = await perSecond(hosts, one);
  const used = process.cpuUsage(before);
  const warm = await perSecond(hosts, one);
  await ledger.stop();
  rmSync(dir, { recursive: true, force: true });
  return { cold, warm, cpuMs: (used.user + used.system) / 1_000 / hosts };
}

async function warmMemory(count: number): Promise<number> {
  // As workers run.
  const child = fork(new URL('./support/ssh-holder.ts', import.meta.url), {
    serialization: 'advanced',
    execArgv: [...process.execArgv, '--max-semi-space-size=4'],
  });
  const setup: HolderSetup = { hops: Array.from({ length: count }, (_, i) => hop(i)) };
  child.send(setup);
  const figures = await new Promise<HolderFigures>((resolve, reject) => {
    child.once('message', (message) => resolve(message as HolderFigures));
    child.once('exit', (code) => reject(new Error(`the holder of connections ended with ${code}`)));
  });
  child.disconnect();
  return figures.rssMib;
}

const names = Array.from({ length: hosts }, (_, i) => `n${String(i).padStart(4, '0')}`);
const peers = installedPeers({
  folder: world.folder,
  names,
  addressOf,
  port,
  user: world.user,
  keyPath: world.userKey.path,
  concurrent: CONCURRENCY,
});
const figures = new Map<string, number[]>();
const note = (name: string, value: number): void => void figures.set(name, [...(figures.get(name) ?? []), value]);
try {
  for (const peer of peers) if (peer.warm) await peer.run();
  for (let round = 0; round < Number(values.rounds); round++) {
    const raw = await rawRound();
    note('raw cold', raw.cold);
    note('raw warm', raw.warm);
    const drover = await droverRound();
    note('drover cold', drover.cold);
    note('drover warm', drover.warm);
    note('cpu', drover.cpuMs);
    note('cold ratio', drover.cold / raw.cold);
    note('warm ratio', drover.warm / raw.warm);
    for (const peer of peers) note(peer.name, hosts / ((await peer.run()) / 1_000));
    const last = Object.fromEntries([...figures].map(([name, list]) => [name, rounded(list.at(-1)!, 2)]));
    emit({ bench: 'ssh-round', hosts, per_s: last });
  }
  const memory = Number(values.memory) > 0 ? await warmMemory(Number(values.memory)) : Number.NaN;
  const best = Math.max(...peers.filter((peer) => !peer.warm).map((peer) => median(figures.get(peer.name)!)));
  const of = (name: string): number => rounded(median(figures.get(name)!));
  emit({
    bench: 'ssh',
    hosts,
    concurrency: CONCURRENCY,
    cold_ratio: of('cold ratio'),
    warm_ratio: of('warm ratio'),
    best_peer_ratio: rounded(of('drover cold') / best),
    cpu_ms_per_host: of('cpu'),
    [`mib_${values.memory}_warm`]: Math.round(memory),
    per_s: Object.fromEntries(
      [...figures.keys()].filter((name) => !/cpu|ratio/.test(name)).map((name) => [name, Math.round(of(name))]),
    ),
  });
} finally {
  for (const peer of peers) await peer.end().catch(() => undefined);
  await world.end();
}
