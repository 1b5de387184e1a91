/**
 * Does to processes what machines do to them, in an order that a seed decides: kill -9, or SIGSTOP for up to longer than a lease and
 * then SIGCONT; servers, workers, agents and PostgreSQL alike. At most a few at a time, or nothing would ever work in between.
 */
import { pause, systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import type { Random } from '../../src/base/random.ts';
import type { Cluster, ManagedProcess } from '../support/cluster.ts';

export interface Deed {
  readonly atMs: number;
  readonly what: 'kill' | 'stop';
  readonly whom: string;
  readonly forMs: number;
}

const AFFLICTED_MAX = 3;

export class Monkey {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #tell: (deed: Deed) => void;
  readonly #afflicted = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  readonly counts: Record<string, number> = {};

  constructor(cluster: Cluster, random: Random, tell: (deed: Deed) => void) {
    this.#cluster = cluster;
    this.#random = random;
    this.#tell = tell;
  }

  /** Until the signal; resolves when everybody is up again. */
  async run(signal: AbortSignal): Promise<void> {
    const beganMs = systemClock.monotonicMs();
    while (await pause(systemClock, this.#between(300, 2_000), signal)) {
      const victims = [...this.#cluster.servers, ...this.#cluster.workers, ...this.#cluster.agents].filter(
        (process) => !this.#afflicted.has(process.name),
      );
      // Drawn before it is known whether there is room, so that the same seed makes the same choices.
      const draw = this.#random.next();
      const kill = this.#random.next() < 0.6;
      const forMs = kill ? this.#between(0, 2_500) : this.#between(500, limits.serverLeaseMs * 2);
      if (this.#afflicted.size >= AFFLICTED_MAX) continue;
      const whom = draw < 0.1 ? 'postgres' : victims[Math.floor(((draw - 0.1) / 0.9) * victims.length)]!;
      const name = whom === 'postgres' ? whom : whom.name;
      if (this.#afflicted.has(name)) continue;
      this.#afflict(name, whom, kill || whom === 'postgres', forMs, systemClock.monotonicMs() - beganMs);
    }
    await Promise.all(this.#underWay);
  }

  #afflict(name: string, whom: ManagedProcess | 'postgres', kill: boolean, forMs: number, atMs: number): void {
    const what = kill ? 'kill' : 'stop';
    const kind = `${what} ${name.replace(/-\d+$/, '')}`;
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this.#tell({ atMs: Math.round(atMs), what, whom: name, forMs });
    this.#afflicted.add(name);
    const deed = (
      whom === 'postgres' ? this.#killPostgres() : kill ? killAndRestart(whom, forMs) : stopAndContinue(whom, forMs)
    ).finally(() => {
      this.#afflicted.delete(name);
      this.#underWay.delete(deed);
    });
    this.#underWay.add(deed);
  }

  /** The postmaster; its service starts it again by itself. */
  async #killPostgres(): Promise<void> {
    const { pid } = this.#cluster.postgres;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    await pause(systemClock, 2_000);
  }

  #between(leastMs: number, mostMs: number): number {
    return Math.floor(leastMs + this.#random.next() * (mostMs - leastMs));
  }
}

async function killAndRestart(process: ManagedProcess, downMs: number): Promise<void> {
  await process.kill();
  await pause(systemClock, downMs);
  process.start();
}

async function stopAndContinue(process: ManagedProcess, forMs: number): Promise<void> {
  process.signal('SIGSTOP');
  await pause(systemClock, forMs);
  process.signal('SIGCONT');
}
