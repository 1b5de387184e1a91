import { expect, it } from 'vitest';
import {
  AGENT_UPGRADE_TRANSITIONS,
  agentUpgradeEnd,
  type AgentUpgradeState,
  type AgentUpgradeWord,
} from './upgrade-machine.ts';

it.each<[AgentUpgradeWord, string | undefined, AgentUpgradeState | undefined]>([
  ['fetching', undefined, undefined],
  ['switching', undefined, undefined],
  ['trying', 'upgrade-unsupported', undefined],
  ['succeeded', undefined, 'succeeded'],
  ['rolled_back', 'upgrade-rolled-back', 'rolled_back'],
  ['failed', undefined, 'failed'],
  ['failed', 'package-unusable', 'failed'],
  // No package: nobody but who installed it could.
  ['failed', 'upgrade-unsupported', 'skipped'],
])('an agent that says %s (%s) is %s', (said, code, end) => {
  expect(agentUpgradeEnd(said, code)).toBe(end);
  if (end) expect(AGENT_UPGRADE_TRANSITIONS.ordered).toContain(end);
});
