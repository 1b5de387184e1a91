/**
 * How agents are: what they last said of their load, how often they linked of late, and what is wrong with whom. Soft
 * and bounded: loads live as long as the link, links are remembered for ten minutes. Every server hears all of it, so
 * each answers for the whole fleet.
 */
import type { Clock } from '../base/clock.ts';
import type { HostId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { AgentLoadFigures } from '../protocol/link/worker-v1.ts';

/**
 * `flapping`: linked again and again. `lagging`: its event loop is late. `skewed`: its clock is off. `spool-low`:
 * little space for output. `copied`: two starts of it show themselves.
 */
const AGENT_PROBLEMS = ['flapping', 'lagging', 'skewed', 'spool-low', 'copied'] as const;
export type AgentProblem = (typeof AGENT_PROBLEMS)[number];

export interface AgentHealthRecord extends Omit<AgentLoadFigures, 'h'> {
  readonly atMs: number;
}
export interface AgentHealthTotals {
  readonly reporting: number;
  readonly running: number;
  readonly unreported: number;
  readonly rssBytes: number;
  readonly lagMsMax: number;
  readonly problems: Readonly<Record<AgentProblem, number>>;
}

const FORGET_EVERY_MS = 60_000;

export class AgentHealth {
  readonly #clock: Clock;
  readonly #loads = new Map<HostId, AgentHealthRecord>();
  /** Instants of links within the window, only so many of each, and which was the last. */
  readonly #links = new Map<HostId, { last: string; at: number[] }>();
  readonly #skews = new Map<HostId, number>();
  readonly #copied = new Set<HostId>();
  #forgetAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * One start of its agent counts (again). `link` names the link among all links of the host: one that is shown again,
   * because its worker has linked anew, is no new one.
   */
  linked(hostId: HostId, link: string): void {
    this.#copied.delete(hostId);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#forgetAtMs) this.#forget(nowMs);
    const links = this.#links.get(hostId);
    if (links?.last === link) return;
    if (links) {
      links.last = link;
      links.at.push(nowMs);
      if (links.at.length > limits.agentFlapLinks) links.at.shift();
    } else if (this.#links.size < limits.agentsPerWorkerMax * 4) this.#links.set(hostId, { last: link, at: [nowMs] });
  }

  /** The host's clock less the server's. */
  skewed(hostId: HostId, skewMs: number): void {
    if (Math.abs(skewMs) > limits.clockSkewMsMax) this.#skews.set(hostId, skewMs);
    else this.#skews.delete(hostId);
  }

  unlinked(hostId: HostId): void {
    this.#loads.delete(hostId);
    this.#skews.delete(hostId);
  }

  heard({ h, ...load }: AgentLoadFigures): void {
    this.#loads.set(h as HostId, { ...load, atMs: this.#clock.nowMs() });
    if (load.skewMs !== undefined) this.skewed(h as HostId, load.skewMs);
  }

  copied(hostId: HostId): void {
    this.#copied.add(hostId);
  }

  isCopied(hostId: HostId): boolean {
    return this.#copied.has(hostId);
  }

  loadOf(hostId: HostId): AgentHealthRecord | undefined {
    return this.#loads.get(hostId);
  }

  /** How often it linked within the window; counted up to what is called flapping. */
  linksOf(hostId: HostId): number {
    const from = this.#clock.monotonicMs() - limits.agentFlapWindowMs;
    return (this.#links.get(hostId)?.at ?? []).filter((at) => at >= from).length;
  }

  problemsOf(hostId: HostId): AgentProblem[] {
    const load = this.#loads.get(hostId);
    const problems: AgentProblem[] = [];
    if (this.linksOf(hostId) >= limits.agentFlapLinks) problems.push('flapping');
    if (load && load.lagMs >= limits.agentLagMsMax) problems.push('lagging');
    if (this.#skews.has(hostId)) problems.push('skewed');
    if (load && load.freeSpoolBytes < limits.spoolFreeBytesMin) problems.push('spool-low');
    if (this.#copied.has(hostId)) problems.push('copied');
    return problems;
  }

  /** Every host with a problem, in no order. */
  troubled(): { hostId: HostId; problems: AgentProblem[] }[] {
    const found = new Set<HostId>([
      ...this.#links.keys(),
      ...this.#loads.keys(),
      ...this.#skews.keys(),
      ...this.#copied,
    ]);
    return [...found]
      .map((hostId) => ({ hostId, problems: this.problemsOf(hostId) }))
      .filter(({ problems }) => problems.length > 0);
  }

  totals(): AgentHealthTotals {
    const sum = { reporting: this.#loads.size, running: 0, unreported: 0, rssBytes: 0, lagMsMax: 0 };
    for (const load of this.#loads.values()) {
      sum.running += load.running;
      sum.unreported += load.unreported;
      sum.rssBytes += load.rssBytes;
      sum.lagMsMax = Math.max(sum.lagMsMax, load.lagMs);
    }
    const problems = Object.fromEntries(AGENT_PROBLEMS.map((problem) => [problem, 0])) as Record<AgentProblem, number>;
    for (const { problems: theirs } of this.troubled()) for (const problem of theirs) problems[problem]++;
    return { ...sum, problems };
  }

  #forget(nowMs: number): void {
    this.#forgetAtMs = nowMs + FORGET_EVERY_MS;
    for (const [hostId, { at }] of this.#links)
      if (at.at(-1)! < nowMs - limits.agentFlapWindowMs) this.#links.delete(hostId);
  }
}
