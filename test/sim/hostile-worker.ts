/**
 * A worker that was taken over, as an agent meets it: it keeps back what is signed (starts for the agent, words of the agent), passes on what
 * it likes, and plays what it has kept later, in any order, as often as it likes, over whatever link the agent has then. Alter it cannot.
 */
import { decodeFrame } from '../../src/link/codec.ts';
import type { FrameShapes } from '../../src/protocol/link/shape.ts';
import type { Simulation } from './simulation.ts';

/** One end of a link, as far as it is needed here. */
export interface HostileEnd {
  readonly process: { readonly name: string; readonly machine: string };
  readonly other: HostileEnd;
  readonly shapes: FrameShapes;
  /** As if it had been sent from here. */
  transmit(bytes: Uint8Array): void;
}
interface Kept {
  readonly toAgent: boolean;
  readonly bytes: Uint8Array;
}

/** What is signed. */
export type SignedKind = 'start' | 'said';
const KEPT_MAX = 80;

export class HostileWorker {
  readonly #sim: Simulation;
  /** By the agent's machine. `passes`: the probability of each of these frames that it goes on all the same. */
  readonly #over = new Map<string, { readonly kinds: readonly SignedKind[]; readonly passes: number }>();
  readonly #kept = new Map<string, Kept[]>();

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  takeOver(machine: string, kinds: readonly SignedKind[], passes: number): void {
    this.#over.set(machine, { kinds, passes });
  }

  giveBack(machine: string): void {
    this.#over.delete(machine);
  }

  end(): void {
    this.#over.clear();
    this.#kept.clear();
  }

  /** False for what does not go on now. */
  passes(from: HostileEnd, bytes: Uint8Array): boolean {
    if (this.#over.size === 0) return true;
    const toAgent = this.#over.has(from.other.process.machine);
    const machine = toAgent ? from.other.process.machine : from.process.machine;
    const over = this.#over.get(machine);
    const frame = over && decodeFrame(bytes, from.other.shapes);
    if (!over || !frame || !over.kinds.includes(frame.t as SignedKind)) return true;
    const kept = this.#kept.get(machine) ?? [];
    kept.push({ toAgent, bytes });
    if (kept.length > KEPT_MAX) kept.shift();
    this.#kept.set(machine, kept);
    const goesOn = this.#sim.chance(over.passes);
    if (!goesOn) this.#sim.fault('kept-back', `${from.process.name} → ${from.other.process.name} ${frame.t}`);
    return goesOn;
  }

  /** Over the link that the agent has now: all that was kept, or a few of it, as chance will have it. */
  play(machine: string, agentEnd: HostileEnd): void {
    const kept = this.#kept.get(machine) ?? [];
    const sim = this.#sim;
    const some = (): Kept[] => Array.from({ length: Math.min(kept.length, 1 + sim.below(8)) }, () => sim.pick(kept));
    for (const { toAgent, bytes } of sim.chance(0.5) ? kept : some()) {
      sim.fault('played', `${toAgent ? 'to' : 'of'} ${agentEnd.process.name}`);
      (toAgent ? agentEnd.other : agentEnd).transmit(bytes);
    }
  }

  *machines(): Generator<string> {
    for (const [machine, kept] of this.#kept) if (kept.length > 0) yield machine;
  }
}
