/** A host: its clock, its disk, and the scripts that run on it, which outlive the agent and die with the machine. What runs here has had its effect. */
import { createHash } from 'node:crypto';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import type { StreamReport } from '../../src/protocol/link/agent-v1.ts';
import { SimDisk } from './disk.ts';
import type { Simulation } from './simulation.ts';

export interface Script {
  readonly attempt: string;
  readonly startedAtMs: number;
  readonly exitCode: number;
  readonly output: Buffer;
  /** What it tells through DROVER_OUTPUT; of half of them nothing. */
  readonly values: Readonly<Record<string, string>> | undefined;
  state: 'running' | 'ended';
  killedFor: 'cancelled' | 'timed_out' | 'power' | undefined;
  onEnd: () => void;
}

export class SimMachine {
  readonly name: string;
  readonly wall = { aheadMs: 0 };
  bootId: string;
  disk: SimDisk;
  readonly scripts = new Map<string, Script>();
  readonly #sim: Simulation;
  /** Told of every effect, before it happens. */
  readonly #onEffect: (attempt: string) => void;

  constructor(sim: Simulation, name: string, onEffect: (attempt: string) => void) {
    this.#sim = sim;
    this.name = name;
    this.bootId = sim.newId();
    this.disk = new SimDisk(sim);
    this.#onEffect = onEffect;
  }

  run(attempt: string): Script {
    const sim = this.#sim;
    this.#onEffect(attempt);
    const script: Script = {
      attempt,
      startedAtMs: sim.nowMs,
      exitCode: sim.chance(0.75) ? 0 : sim.pick([1, 1, 3, 137]),
      output: outputOf(sim, attempt),
      values: valuesOf(attempt),
      state: 'running',
      killedFor: undefined,
      onEnd: () => undefined,
    };
    this.scripts.set(attempt, script);
    const takesMs = sim.chance(0.85) ? sim.between(5, 6_000) : sim.between(6_000, 90_000);
    sim.after(takesMs, () => this.#end(script));
    return script;
  }

  kill(script: Script, why: 'cancelled' | 'timed_out'): void {
    const sim = this.#sim;
    sim.after(sim.between(1, 400), () => {
      if (script.state === 'running') script.killedFor = why;
      this.#end(script);
    });
  }

  #end(script: Script): void {
    if (script.state === 'ended') return;
    script.state = 'ended';
    this.#sim.note(`${this.name} ends ${script.attempt} ${script.killedFor ?? script.exitCode}`);
    script.onEnd();
  }

  /** Another machine with what is on the disk of this one: what runs here does not run there. */
  copyTo(other: SimMachine): void {
    other.disk = this.disk.copy();
    for (const [attempt, script] of this.scripts)
      other.scripts.set(attempt, { ...script, state: 'ended', onEnd: () => undefined });
  }

  /** Everything on it is over at once. The agent is whoever's concern started it. */
  powerLoss(): void {
    this.disk.powerLoss();
    this.bootId = this.#sim.newId();
    for (const script of this.scripts.values()) {
      if (script.state === 'running') script.killedFor = 'power';
      script.state = 'ended';
      script.onEnd = () => undefined;
    }
  }

  describe(attempt: string, stream: 1 | 2): StreamReport {
    const bytes = stream === 1 ? this.scripts.get(attempt)?.output : undefined;
    if (!bytes || bytes.length === 0) return { size: 0, head: 0, tail: 0 };
    return {
      size: bytes.length,
      head: bytes.length,
      tail: 0,
      digest: createHash('sha256').update(bytes).update(Buffer.alloc(8)).digest(),
      ...given({ inline: bytes.length <= limits.outputInlineBytesMax ? bytes : undefined }),
    };
  }
}

/** By its name, so that no chance is drawn for it. */
function valuesOf(attempt: string): Script['values'] {
  const sum = [...attempt].reduce((all, one) => all + one.charCodeAt(0), 0);
  return sum % 2 === 0 ? { attempt, sum: String(sum) } : undefined;
}

function outputOf(sim: Simulation, attempt: string): Buffer {
  if (sim.chance(0.5)) return Buffer.alloc(0);
  const line = Buffer.from(`the output of ${attempt}\n`);
  return sim.chance(0.1) ? Buffer.alloc(limits.outputInlineBytesMax + 1 + sim.below(200_000), line) : line;
}
