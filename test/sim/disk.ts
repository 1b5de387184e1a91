/**
 * The disk of a machine, as far as a journal uses it: what is written is there until the power fails, what is synced is there for ever.
 * Of what is not synced a power failure leaves nothing, a part, or all of it. It can be full: then it takes a part and no more.
 */
import type { JournalFile, JournalFiles } from '../../src/ledger/journal-files.ts';
import type { SimProcess, Simulation } from './simulation.ts';

interface Node {
  current: Buffer;
  durable: Buffer;
}

export class SimDisk {
  isFull = false;
  /** Of the agent's starts; written whole and synced before anybody hears of it. */
  starts: { readonly start: number; readonly instance: string } | undefined;
  #names = new Map<string, Node>();
  #durableNames = new Map<string, Node>();
  readonly #sim: Simulation;

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  /** As of now, as somebody copies a folder. */
  copy(): SimDisk {
    const disk = new SimDisk(this.#sim);
    disk.starts = this.starts;
    for (const [name, { current }] of this.#names) {
      const node = { current: Buffer.from(current), durable: Buffer.from(current) };
      disk.#names.set(name, node);
      disk.#durableNames.set(name, node);
    }
    return disk;
  }

  /** What would be left of a file if the power failed now, at worst. */
  durable(path: string): Buffer {
    return this.#durableNames.get(path)?.durable ?? Buffer.alloc(0);
  }

  powerLoss(): void {
    const sim = this.#sim;
    this.#names = new Map(sim.chance(0.5) ? this.#names : this.#durableNames);
    for (const node of new Set(this.#names.values())) {
      node.current = this.#left(node);
      node.durable = Buffer.from(node.current);
    }
    this.#durableNames = new Map(this.#names);
  }

  #left({ current, durable }: Node): Buffer {
    const sim = this.#sim;
    if (current.equals(durable) || sim.chance(0.3)) return Buffer.from(durable);
    if (sim.chance(0.3)) return Buffer.from(current);
    const same = commonLength(current, durable);
    // The tail is torn somewhere, and what of it was not yet written may be anything.
    const kept = current.subarray(0, same + sim.below(current.length - same + 1));
    return sim.chance(0.5) ? Buffer.from(kept) : Buffer.concat([kept, Buffer.alloc(sim.below(40), sim.below(256))]);
  }

  /** As a process sees it: each call takes its time. */
  files(process: SimProcess): JournalFiles {
    const sim = this.#sim;
    const soon = <T>(work: () => T, most = 0.5): Promise<T> => process.later(sim.between(0.02, most), work);
    return {
      read: (path) => soon(() => Buffer.from(this.#names.get(path)?.current ?? [])),
      open: (path, flags) =>
        soon(() => {
          const known = flags === 'r+' ? this.#names.get(path) : undefined;
          const node = known ?? { current: Buffer.alloc(0), durable: Buffer.alloc(0) };
          if (!known && this.isFull) throw full();
          this.#names.set(path, node);
          return this.#file(node, soon);
        }),
      rename: (from, to) =>
        soon(() => {
          this.#names.set(to, this.#names.get(from)!);
          this.#names.delete(from);
        }),
      remove: (path) => soon(() => void this.#names.delete(path)),
      syncFolder: () =>
        soon(() => {
          this.#durableNames = new Map(this.#names);
        }, 4),
    };
  }

  #file(node: Node, soon: <T>(work: () => T, most?: number) => Promise<T>): JournalFile {
    const sync = (): Promise<void> =>
      soon(() => {
        node.durable = Buffer.from(node.current);
      }, 4);
    return {
      write: (bytes, offset, length, position) =>
        soon(() => {
          const at = position ?? node.current.length;
          const room = this.isFull ? Math.min(length, this.#sim.below(12)) : length;
          if (room === 0) throw full();
          const grown = Buffer.alloc(Math.max(node.current.length, at + room));
          node.current.copy(grown);
          Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).copy(grown, at, offset, offset + room);
          node.current = grown;
          return { bytesWritten: room };
        }),
      truncate: (length) =>
        soon(() => {
          node.current = Buffer.from(node.current.subarray(0, length));
        }),
      sync,
      datasync: sync,
      close: async () => undefined,
    };
  }
}

function full(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
}

function commonLength(a: Buffer, b: Buffer): number {
  const most = Math.min(a.length, b.length);
  let n = 0;
  while (n < most && a[n] === b[n]) n++;
  return n;
}
