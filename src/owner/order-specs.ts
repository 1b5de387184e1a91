/**
 * What the executors of a task are given: its work, with the secrets in clear. It may be megabytes, and a run may wait for days; so a run
 * holds it itself where it is small, and of the large ones a few that were used last are kept, bounded in bytes. Others are read from the
 * store when an order is made.
 */
import type { Sealer } from '../app/context.ts';
import { given } from '../base/given.ts';
import type { RunId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { RunSpec } from '../domain/run/spec.ts';
import { workBytes, type Work } from '../domain/work/work.ts';
import type { Store } from '../store/contract/store.ts';
import { executionSpecOf, type SpecOf } from './attempt-report.ts';

/** Reads of runs at once: each may be of megabytes, and commits go over the same connections. */
const READS_MAX = 2;
/** Tasks of a run of which it holds what is small. */
const OWN_TASKS_MAX = 8;

export interface OrderSpecsOptions {
  readonly store: Pick<Store, 'taskSpec'>;
  readonly sealer: Sealer;
  /** A run holds no more than this itself, and all large ones together have `keptBytesMax`: for tests, other than by the limits. */
  readonly ownBytesMax?: number;
  readonly keptBytesMax?: number;
}

/** `name`: that of the run. */
interface Named {
  readonly id: RunId;
  readonly task: number;
  readonly name: string;
  readonly fill?: FillWork;
}
/** Puts into the work of a task what steps before it have told: each time anew, for they may tell something else in a new round. */
export type FillWork = (work: Work) => Work;
type Key = `${RunId}/${number}`;
function keyOf({ id, task }: Pick<Named, 'id' | 'task'>): Key {
  return `${id}/${task}`;
}

type Source = Pick<RunSpec, 'work' | 'policy' | 'placement'> & { readonly sealedSecrets?: Uint8Array };

/** Of one task; what is in it goes with its run. */
export interface OrderSpec {
  /** Undefined where it has to be read. Throws what the sealer says. */
  atHand(): SpecOf | undefined;
  /** Rejects where the store cannot be read; undefined where there is no such run any more. */
  read(): Promise<SpecOf | undefined>;
}

export interface RunOrderSpecs {
  of(task: number): OrderSpec;
}

interface Kept {
  readonly bytes: number;
  readonly make: (fill: FillWork | undefined) => SpecOf;
}

export class OrderSpecs {
  readonly #options: OrderSpecsOptions;
  /** Of large ones, the last used last. */
  readonly #kept = new Map<Key, Kept>();
  #keptBytes = 0;
  readonly #reads = new Map<Key, Promise<SpecOf | undefined>>();
  readonly #waiting: (() => void)[] = [];
  #reading = 0;

  constructor(options: OrderSpecsOptions) {
    this.#options = options;
  }

  /** Of all that are held by none of their runs. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  of(run: Named, source: Source): OrderSpec {
    const bytes = workBytes(source.work) + (source.sealedSecrets?.length ?? 0);
    const make = this.#maker(run, source);
    if (bytes <= (this.#options.ownBytesMax ?? limits.orderSpecOwnBytesMax))
      return { atHand: () => make(run.fill), read: async () => make(run.fill) };
    this.#keep(keyOf(run), { bytes, make });
    return this.#ofLarge(run);
  }

  /**
   * Of all tasks of a run. Of a job that is what is at hand of the first few of them: what its other steps are given, of which there may
   * be thousands, is read when their turn has come.
   */
  ofRun(
    run: Omit<Named, 'task' | 'fill'>,
    tasks: readonly { readonly task: number; readonly source: Source }[],
    fills: ReadonlyMap<number, FillWork> = new Map(),
  ): RunOrderSpecs {
    const own = tasks
      .slice(0, OWN_TASKS_MAX)
      .map(
        ({ task, source }) => [task, this.of({ ...run, task, ...given({ fill: fills.get(task) }) }, source)] as const,
      );
    return this.#found({ id: run.id, name: run.name }, new Map(own), fills);
  }

  #found(
    run: Omit<Named, 'task' | 'fill'>,
    own: ReadonlyMap<number, OrderSpec>,
    fills: ReadonlyMap<number, FillWork>,
  ): RunOrderSpecs {
    return { of: (task) => own.get(task) ?? this.#ofLarge({ ...run, task, ...given({ fill: fills.get(task) }) }) };
  }

  /** In a scope of its own, which holds nothing of the work. */
  #ofLarge(run: Named): OrderSpec {
    const key = keyOf(run);
    return { atHand: () => this.#use(key, run.fill), read: async () => this.#use(key, run.fill) ?? this.#read(run) };
  }

  /** Made when the first needs it, the same for all. */
  #maker({ id, name }: Named, source: Source): Kept['make'] {
    let from: Source | undefined = source;
    let made: SpecOf | undefined;
    return (fill) => {
      if (fill) {
        const { work, sealedSecrets } = from!;
        return executionSpecOf({ id, name }, { ...from!, work: fill(work) }, sealedSecrets, this.#options.sealer);
      }
      made ??= executionSpecOf({ id, name }, from!, from!.sealedSecrets, this.#options.sealer);
      from = undefined;
      return made;
    };
  }

  #use(key: Key, fill: FillWork | undefined): SpecOf | undefined {
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept.make(fill);
  }

  #keep(key: Key, kept: Kept): void {
    this.#keptBytes += kept.bytes - (this.#kept.get(key)?.bytes ?? 0);
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#keptBytes <= (this.#options.keptBytesMax ?? limits.orderSpecsKeptBytesMax)) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= bytes;
    }
  }

  /** Once, however many orders wait for it. */
  #read(run: Named): Promise<SpecOf | undefined> {
    const key = keyOf(run);
    const reading = this.#reads.get(key) ?? this.#inTurn(run).finally(() => this.#reads.delete(key));
    this.#reads.set(key, reading);
    return reading;
  }

  async #inTurn(run: Named): Promise<SpecOf | undefined> {
    while (this.#reading >= READS_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#reading++;
    try {
      const source = await this.#options.store.taskSpec(run.id, run.task);
      if (!source) return undefined;
      const make = this.#maker(run, source);
      this.#keep(keyOf(run), { bytes: workBytes(source.work) + (source.sealedSecrets?.length ?? 0), make });
      return make(run.fill);
    } finally {
      this.#reading--;
      this.#waiting.shift()?.();
    }
  }
}
