/**
 * What agents say of their load, on its way to the servers: the last word of each agent since the last time, all
 * together in few frames. Nothing is kept once it is sent; a server that links later hears of every agent within a
 * minute.
 */
import { given } from '../base/given.ts';
import type { AgentLoad } from '../protocol/link/agent-v1.ts';
import type { AgentLoadFigures, WorkerAgentLoads } from '../protocol/link/worker-v1.ts';

/** Of some 80 bytes each. */
const LOADS_PER_FRAME_MAX = 5_000;

export class AgentLoads {
  #waiting = new Map<string, AgentLoadFigures>();

  /** `nowMs` is the worker's clock: an agent that sends its own is told how far it is off. */
  heard(hostId: string, load: AgentLoad, nowMs: number): void {
    const {
      running,
      unreported,
      rssBytes,
      loadAverage,
      lagMs,
      freeSpoolBytes,
      freeMemoryBytes,
      nowMs: theirNowMs,
    } = load;
    this.#waiting.set(hostId, {
      h: hostId,
      running,
      unreported,
      rssBytes,
      loadAverage,
      lagMs,
      freeSpoolBytes,
      ...given({ freeMemoryBytes, skewMs: theirNowMs === undefined ? undefined : theirNowMs - nowMs }),
    });
  }

  gone(hostId: string): void {
    this.#waiting.delete(hostId);
  }

  /** Frames for every server; afterwards nothing waits. */
  take(): WorkerAgentLoads[] {
    const loads = [...this.#waiting.values()];
    this.#waiting = new Map();
    return Array.from({ length: Math.ceil(loads.length / LOADS_PER_FRAME_MAX) }, (_, i) => ({
      t: 'agent-loads',
      loads: loads.slice(i * LOADS_PER_FRAME_MAX, (i + 1) * LOADS_PER_FRAME_MAX),
    }));
  }
}
