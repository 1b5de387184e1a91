/**
 * Carries upgrades of agents out. Every server looks; the store lets one at a time take a step, and keeps what was
 * decided. Orders are sent after their commit and again until the agents have answered, so that a server that dies in
 * between, a link that breaks, or an agent that starts anew costs a moment only. Nothing here is remembered that the
 * store does not know, but when an order was last sent.
 */
import type { AgentPackages } from '../app/agent-packages.ts';
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { SecondCount } from '../base/second-count.ts';
import type { Service } from '../base/service.ts';
import type { AgentLocation, AgentUpgradeHeard, Fleet, UpgradeListener } from '../fleet/fleet.ts';
import { encodeUpgradeOrder } from '../protocol/link/upgrade-order.ts';
import type { Store } from '../store/contract/store.ts';
import type { OrderedAgent } from '../store/contract/upgrade.ts';

export interface UpgradeOwnerOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly packages: AgentPackages;
  /** Where this server serves packages. */
  readonly url: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

const EVERY_MS = 1_000;
/** While nothing is to do. */
const IDLE_EVERY_MS = 5_000;
/** An order is sent again after so long, or as soon as the agent has linked anew. */
const REPEAT_MS = 15_000;

export class UpgradeOwner implements Service, UpgradeListener {
  readonly name = 'upgrade-owner';
  readonly #options: UpgradeOwnerOptions;
  /** By upgrade and host: when it was last told, by our monotonic clock, and over which link. Forgotten with the upgrade. */
  readonly #sent = new Map<string, Map<string, { at: number; link: string }>>();
  readonly #heardOf: SecondCount;
  #cancel = (): void => undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = true;

  constructor(options: UpgradeOwnerOptions) {
    this.#options = options;
    this.#heardOf = new SecondCount(options.clock, limits.upgradeStatesPerSecond);
  }

  async start(): Promise<void> {
    this.#stopped = false;
    this.#schedule(IDLE_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#round;
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(
      delayMs,
      () => {
        this.#round = this.#look().then((busy) => this.#schedule(busy ? EVERY_MS : IDLE_EVERY_MS));
      },
      { unref: true },
    );
  }

  async #look(): Promise<boolean> {
    const { store, fleet, log } = this.#options;
    try {
      const active = await store.upgradeActiveList();
      for (const id of this.#sent.keys()) if (!active.includes(id)) this.#sent.delete(id);
      for (const id of active) {
        const step = await store.upgradeAdvance(id, (host) => fleet.locate(host) !== undefined);
        if (step) this.#order(id, step);
      }
      return active.length > 0;
    } catch (error) {
      log.warn({ err: error }, 'upgrades could not be looked after; they will be in a moment');
      return true;
    }
  }

  #order(
    id: string,
    { version, waitMs, ordered }: { version: string; waitMs: number; ordered: readonly OrderedAgent[] },
  ): void {
    const { clock, fleet, packages, url, log } = this.#options;
    const [nowMs, now] = [clock.nowMs(), clock.monotonicMs()];
    let sent = this.#sent.get(id);
    if (!sent) this.#sent.set(id, (sent = new Map()));
    const due = ordered.filter(({ hostId }) => {
      const location = fleet.locate(hostId);
      const last = sent.get(hostId);
      // Another link than the one it was told over: two machines' clocks are not compared.
      return location !== undefined && (!last || now - last.at >= REPEAT_MS || linkOf(location) !== last.link);
    });
    if (due.length === 0) return;
    const manifest = packages.of(version);
    if (!manifest)
      return log.warn(
        { upgrade: id, version, code: 'package-not-found' },
        'an upgrade waits for its packages, which are not on this server',
      );
    // What is told as unanswered must not be carried out afterwards: the order says when that will be.
    for (const [orderedAtMs, agents] of Map.groupBy(due, (agent) => agent.orderedAtMs)) {
      fleet.upgrade(
        id,
        encodeUpgradeOrder({
          version,
          packages: manifest.packages,
          publicKey: manifest.publicKey,
          urls: [url()],
          trialSeconds: trialSeconds(waitMs),
          validUntilMs: nowMs + limits.dispatchValidMs,
          endsAtMs: orderedAtMs + waitMs,
        }),
        agents,
      );
    }
    for (const { hostId } of due) {
      // A link that broke just now is another when it is back.
      const location = fleet.locate(hostId);
      if (location) sent.set(hostId, { at: now, link: linkOf(location) });
    }
  }

  onUpgradeState(heard: AgentUpgradeHeard): void {
    // The order is repeated, and so is the answer of an agent that means well.
    if (this.#heardOf.take(heard.agentId)) void this.#note(heard);
  }

  async #note(heard: AgentUpgradeHeard): Promise<void> {
    const { store, log } = this.#options;
    try {
      if (await store.agentUpgradeHeard(heard.id, heard))
        log.info(
          { upgrade: heard.id, hostId: heard.hostId, state: heard.state, code: heard.code },
          'an agent told of its upgrade',
        );
    } catch (error) {
      // The order is repeated, and so is the answer.
      log.warn({ err: error, upgrade: heard.id }, 'what an agent told of its upgrade could not be written');
    }
  }
}

function linkOf({ workerId, instance, link }: AgentLocation): string {
  return `${workerId} ${instance} ${link}`;
}

/** Half of the time that a host may take goes to the trial, so that its end is told within it. */
function trialSeconds(waitMs: number): number {
  return (Math.max(limits.upgradeTrialMsMin, Math.min(limits.upgradeTrialMsMax, waitMs / 2)) / 1_000) | 0;
}
