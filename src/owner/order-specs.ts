/**
 * What the executors of a run are given: its work, with the secrets in clear. It may be megabytes, and a run may wait for days; so a run
 * holds it itself where it is small, and of the large ones a few that were used last are kept, bounded in bytes. Others are read from the
 * store when an order is made.
 */
import type { Sealer } from '../app/context.ts';
import type { RunId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { RunSpec } from '../domain/run/spec.ts';
import { workBytes } from '../domain/work/work.ts';
import type { Store } from '../store/contract/store.ts';
import { executionSpecOf } from './attempt-report.ts';

/** Reads of runs at once: each may be of megabytes, and commits go over the same connections. */
const READS_MAX = 2;

export interface OrderSpecsOptions {
  readonly store: Pick<Store, 'runSpec'>;
  readonly sealer: Sealer;
  /** A run holds no more than this itself, and all large ones together have `keptBytesMax`: for tests, other than by the limits. */
  readonly ownBytesMax?: number;
  readonly keptBytesMax?: number;
}

interface Named {
  readonly id: RunId;
  readonly name: string;
}
type Source = Pick<RunSpec, 'work' | 'policy' | 'placement'> & { readonly sealedSecrets?: Uint8Array };

/** Of one run; what is in it goes with it. */
export interface OrderSpec {
  /** Undefined where it has to be read. Throws what the sealer says. */
  atHand(): Uint8Array | undefined;
  /** Rejects where the store cannot be read; undefined where there is no such run any more. */
  read(): Promise<Uint8Array | undefined>;
}

interface Kept {
  readonly bytes: number;
  readonly make: () => Uint8Array;
}

export class OrderSpecs {
  readonly #options: OrderSpecsOptions;
  /** Of large ones, the last used last. */
  readonly #kept = new Map<RunId, Kept>();
  #keptBytes = 0;
  readonly #reads = new Map<RunId, Promise<Uint8Array | undefined>>();
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
      return { atHand: make, read: async () => make() };
    this.#keep(run.id, { bytes, make });
    return this.#ofLarge(run);
  }

  /** In a scope of its own, which holds nothing of the work. */
  #ofLarge(run: Named): OrderSpec {
    return { atHand: () => this.#use(run.id), read: async () => this.#use(run.id) ?? this.#read(run) };
  }

  /** Made when the first needs it, the same for all. */
  #maker({ id, name }: Named, source: Source): () => Uint8Array {
    let from: Source | undefined = source;
    let bytes: Uint8Array | undefined;
    return () => {
      if (!bytes) bytes = executionSpecOf({ id, name }, from!, from!.sealedSecrets, this.#options.sealer);
      from = undefined;
      return bytes;
    };
  }

  #use(id: RunId): Uint8Array | undefined {
    const kept = this.#kept.get(id);
    if (!kept) return undefined;
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    return kept.make();
  }

  #keep(id: RunId, kept: Kept): void {
    this.#keptBytes += kept.bytes - (this.#kept.get(id)?.bytes ?? 0);
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#keptBytes <= (this.#options.keptBytesMax ?? limits.orderSpecsKeptBytesMax)) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= bytes;
    }
  }

  /** Once, however many orders wait for it. */
  #read(run: Named): Promise<Uint8Array | undefined> {
    const reading = this.#reads.get(run.id) ?? this.#inTurn(run).finally(() => this.#reads.delete(run.id));
    this.#reads.set(run.id, reading);
    return reading;
  }

  async #inTurn(run: Named): Promise<Uint8Array | undefined> {
    while (this.#reading >= READS_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#reading++;
    try {
      const source = await this.#options.store.runSpec(run.id);
      if (!source) return undefined;
      const make = this.#maker(run, source);
      this.#keep(run.id, { bytes: workBytes(source.work) + (source.sealedSecrets?.length ?? 0), make });
      return make();
    } finally {
      this.#reading--;
      this.#waiting.shift()?.();
    }
  }
}
