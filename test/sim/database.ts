/** The database as its servers see it: one store in memory, over a network that is slow, loses requests and loses answers, and with hints that are lost. */
import { DroverError } from '../../src/base/errors.ts';
import { DatabaseClock } from '../../src/store/postgres/database-clock.ts';
import type { HintTopic } from '../../src/store/contract/hint.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { createMemoryStore, type SimulableStore } from '../support/memory-store/memory-store.ts';
import { MemoryTables } from '../support/memory-store/rows.ts';
import { trueTime, type SimProcess, type Simulation } from './simulation.ts';

interface Listener {
  readonly process: SimProcess;
  readonly topic: HintTopic;
  readonly onHint: (payload: string) => void;
}

export class SimDatabase {
  readonly tables = new MemoryTables();
  readonly #sim: Simulation;
  readonly #listeners = new Set<Listener>();
  readonly #clocks = new Map<Store, DatabaseClock>();
  /** Probabilities: of each call that it is not carried out, and that it is and nobody hears of it; of each hint that it is lost. */
  lostBefore = 0;
  lostAfter = 0;
  hintsLost = 0;
  slowMs = 0;
  /** Of each call that it is carried out long after it was sent, while others are not; of these, some when who asked has long given up. */
  late = 0;

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  /** A call carried out goes on when who asked dies; a caller that lives hears of it, or does not. */
  async call<T>(process: SimProcess, work: () => T | Promise<T>, what = 'lease'): Promise<T> {
    const sim = this.#sim;
    const delay = (): number => sim.between(0.2, 2) + (this.slowMs > 0 ? sim.between(0, this.slowMs) : 0);
    const isLate = sim.chance(this.late);
    if (isLate) sim.fault('call-late', `${process.name} ${what}`);
    const sentMs = delay() + (isLate ? sim.between(1_000, 20_000) : 0);
    if (isLate && sim.chance(0.4)) {
      sim.fault('given-up', `${process.name} ${what}`);
      sim.after(
        sentMs,
        () =>
          void Promise.resolve()
            .then(work)
            .catch(() => undefined),
      );
      await process.later(delay(), () => undefined);
      throw unavailable();
    }
    await new Promise<void>((resolve) => sim.after(sentMs, resolve));
    if (sim.chance(this.lostBefore)) {
      sim.fault('call-lost', `${process.name} ${what}`);
      await process.later(delay(), () => undefined);
      throw unavailable();
    }
    const answer = await work();
    if (sim.chance(this.lostAfter)) {
      sim.fault('answer-lost', `${process.name} ${what}`);
      await process.later(delay(), () => undefined);
      throw unavailable();
    }
    return process.later(delay(), () => answer);
  }

  /** What the simulated parts of the product ask of a store; they ask for no more than there is. */
  storeFor(process: SimProcess): Store {
    const sim = this.#sim;
    const hints = {
      notify: (topic: HintTopic, payload: string): void => {
        for (const listener of this.#listeners) if (listener.topic === topic) this.#hint(listener, payload);
      },
      listen: (topic: HintTopic, onHint: (payload: string) => void): (() => void) => {
        const listener = { process, topic, onHint };
        this.#listeners.add(listener);
        return () => void this.#listeners.delete(listener);
      },
    };
    const clock = new DatabaseClock(process.clock, {
      query: async () => this.call(process, () => ({ rows: [{ now_ms: trueTime(sim) }], rowCount: 1 }), 'clock'),
    } as unknown as ConstructorParameters<typeof DatabaseClock>[1]);
    const inner = createMemoryStore(this.tables, { ...process.clock, nowMs: () => trueTime(sim) }, hints);
    const store: Record<string, unknown> = { clock: () => clock, notify: inner.notify, listen: inner.listen };
    for (const name of Object.keys(inner) as (keyof SimulableStore)[])
      store[name] ??= (...given: readonly unknown[]) =>
        this.call(
          process,
          () => {
            if (name !== 'ownerLook' && name !== 'fleetLook' && name !== 'workerList')
              sim.note(`${process.name} store.${name} ${typeof given[0] === 'string' ? given[0] : ''}`);
            return (inner[name] as (...args: readonly unknown[]) => Promise<unknown>)(...given);
          },
          name,
        );
    this.#clocks.set(store as unknown as Store, clock);
    return store as unknown as Store;
  }

  startClock(store: Store): Promise<void> {
    return this.#clocks.get(store)!.start();
  }

  #hint(listener: Listener, payload: string): void {
    const sim = this.#sim;
    if (sim.chance(this.hintsLost)) return sim.fault('hint-lost', `${listener.process.name} ${listener.topic}`);
    sim.after(sim.between(0.5, 30), () => this.#listeners.has(listener) && listener.onHint(payload), listener.process);
  }

  died(process: SimProcess): void {
    for (const listener of this.#listeners) if (listener.process === process) this.#listeners.delete(listener);
  }
}

function unavailable(): DroverError {
  return new DroverError('database-unavailable', { detail: 'The database does not answer.' });
}
