/**
 * Which agents a worker holds, as it tells when it has linked: in several frames, of which the last says that it is.
 * Only what agents have proved counts, and each proof is looked up on its own, so the whole is there somewhat after its
 * last frame.
 */
import { limits } from '../base/limits.ts';

interface ToldAgent {
  readonly hostId: string;
}

export class AgentSnapshot {
  #hosts: Set<string> | undefined = new Set();
  #decisions: Promise<void>[] = [];
  #toldCount = 0;

  /** `show`: undefined for what no agent has proved. @returns false where it is more than any worker holds. */
  take<A extends ToldAgent>(agents: readonly A[], show: (agent: A) => Promise<void> | undefined): boolean {
    this.#toldCount += agents.length;
    if (this.#toldCount > limits.agentsPerWorkerMax) return false;
    this.#hosts ??= new Set();
    for (const agent of agents) {
      const decided = show(agent);
      if (!decided) continue;
      this.#decisions.push(decided);
      this.#hosts.add(agent.hostId);
    }
    return true;
  }

  /**
   * A host whose agent has linked while the snapshot is still looked up: that was told before, and does not say that
   * the host is not held.
   */
  add(hostId: string): void {
    this.#hosts?.add(hostId);
  }

  /** After the last frame: resolves when all of it is decided. */
  async decided(): Promise<void> {
    this.#toldCount = 0;
    await Promise.all(this.#decisions.splice(0));
  }

  /** Hosts that it has told of, once; none where it has told of nothing. */
  end(): ReadonlySet<string> {
    const hosts = this.#hosts ?? new Set<string>();
    this.#hosts = undefined;
    return hosts;
  }
}
