/** What an upgrade does next, decided from how it stands. Pure: the loop carries it out in the transaction that read the figures. */
import { isTerminalUpgrade, type AgentUpgradeCounts, type UpgradeState } from './upgrade-machine.ts';

export interface UpgradeStanding {
  readonly state: UpgradeState;
  readonly cancelRequested: boolean;
  /** Agents that are upgraded at once. */
  readonly batch: number;
  /** More than so many agents that fail end it. */
  readonly maxFailed: number;
  /** Longest that one agent may take from its order to its end. */
  readonly waitMs: number;
  readonly counts: AgentUpgradeCounts;
  /** When the agents that are in hand were ordered. */
  readonly ordered: readonly {
    readonly ordinal: number;
    readonly orderedAtMs: number;
    /** It has told nothing, and cannot tell anything now: its agent is not linked. */
    readonly isSilent: boolean;
  }[];
}

export interface UpgradeStep {
  /** So many of those that wait, in their order. */
  readonly order: number;
  /** Ordinals that took too long. */
  readonly unanswered: readonly number[];
  /** Ordinals that a cancelled upgrade does not wait for: they were silent for all of `SILENT_MS`. */
  readonly skipSilent: readonly number[];
  readonly skipWaiting: boolean;
  readonly state: UpgradeState;
}

/** An agent that is linked answers its order within moments; a server that started just now knows of all links by then. */
const SILENT_MS = 15_000;

export function planUpgrade(standing: UpgradeStanding, nowMs: number): UpgradeStep {
  const { counts, state } = standing;
  if (isTerminalUpgrade(state)) return { order: 0, unanswered: [], skipSilent: [], skipWaiting: false, state };
  const unanswered = standing.ordered
    .filter(({ orderedAtMs }) => nowMs - orderedAtMs >= standing.waitMs)
    .map(({ ordinal }) => ordinal);
  const skipSilent = standing.cancelRequested
    ? standing.ordered
        .filter(({ orderedAtMs, isSilent }) => isSilent && nowMs - orderedAtMs >= SILENT_MS)
        .map(({ ordinal }) => ordinal)
        .filter((ordinal) => !unanswered.includes(ordinal))
    : [];
  const inHand = counts.ordered - unanswered.length - skipSilent.length;
  // Who cancels waits for no answer: an agent that gives none is no failure of the upgrade any more.
  const silent = standing.cancelRequested ? 0 : counts.unanswered + unanswered.length;
  const failed = counts.failed + counts.rolled_back + silent;
  const tooMany = failed > standing.maxFailed;
  if (tooMany || standing.cancelRequested || state === 'stopping') {
    if (inHand > 0) return { order: 0, unanswered, skipSilent, skipWaiting: true, state: 'stopping' };
    return { order: 0, unanswered, skipSilent, skipWaiting: true, state: tooMany ? 'failed' : 'cancelled' };
  }
  // The gate: a batch begins when the former has ended, and has not failed too often.
  if (inHand > 0) return { order: 0, unanswered, skipSilent, skipWaiting: false, state };
  if (counts.waiting > 0)
    return { order: Math.min(standing.batch, counts.waiting), unanswered, skipSilent, skipWaiting: false, state };
  return { order: 0, unanswered, skipSilent, skipWaiting: false, state: 'succeeded' };
}
