/** States of an upgrade, and of the share of one host in it. An upgrade follows from its agents; see docs/STATES.md. */
export const UPGRADE_STATES = ['running', 'stopping', 'succeeded', 'failed', 'cancelled'] as const;
export type UpgradeState = (typeof UPGRADE_STATES)[number];

export const UPGRADE_TRANSITIONS = {
  running: ['stopping', 'succeeded', 'failed', 'cancelled'],
  stopping: ['failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<UpgradeState, readonly UpgradeState[]>;
export const TERMINAL_UPGRADE_STATES = ['succeeded', 'failed', 'cancelled'] as const satisfies readonly UpgradeState[];

export const AGENT_UPGRADE_STATES = [
  'waiting',
  'ordered',
  'succeeded',
  'failed',
  'rolled_back',
  'unanswered',
  'skipped',
] as const;
export type AgentUpgradeState = (typeof AGENT_UPGRADE_STATES)[number];

export const AGENT_UPGRADE_TRANSITIONS = {
  waiting: ['ordered', 'skipped'],
  ordered: ['succeeded', 'failed', 'rolled_back', 'unanswered', 'skipped'],
  succeeded: [],
  failed: [],
  rolled_back: [],
  unanswered: [],
  skipped: [],
} as const satisfies Record<AgentUpgradeState, readonly AgentUpgradeState[]>;
export const TERMINAL_AGENT_UPGRADE_STATES = [
  'succeeded',
  'failed',
  'rolled_back',
  'unanswered',
  'skipped',
] as const satisfies readonly AgentUpgradeState[];

/** What an agent may say of its share; ends among them are final. */
export type AgentUpgradeWord = 'fetching' | 'switching' | 'trying' | 'succeeded' | 'failed' | 'rolled_back';

/**
 * What an agent's word makes of its share; undefined while it goes on. One that is no package cannot be upgraded by anybody but who
 * installed it: it is passed over, as a host without an agent is, and nothing has failed.
 */
export function agentUpgradeEnd(said: AgentUpgradeWord, code: string | undefined): AgentUpgradeState | undefined {
  if (said === 'failed') return code === 'upgrade-unsupported' ? 'skipped' : 'failed';
  return said === 'succeeded' || said === 'rolled_back' ? said : undefined;
}

export type AgentUpgradeCounts = Readonly<Record<AgentUpgradeState, number>>;

export function emptyAgentUpgradeCounts(): AgentUpgradeCounts {
  return { waiting: 0, ordered: 0, succeeded: 0, failed: 0, rolled_back: 0, unanswered: 0, skipped: 0 };
}

export function isTerminalUpgrade(state: UpgradeState): boolean {
  return (TERMINAL_UPGRADE_STATES as readonly UpgradeState[]).includes(state);
}
