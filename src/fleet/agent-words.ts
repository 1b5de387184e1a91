/** What agents say, once it is known that they have said it: as the events and the news that the rest of the server deals in. */
import { isErrorCode } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { isUuid } from '../base/ids.ts';
import { agentExecutor } from '../domain/run/executor.ts';
import type { AgentFrame } from '../protocol/link/agent-v1.ts';
import type { OrderMark } from '../protocol/link/session.ts';
import type { AgentUpgradeState } from '../protocol/link/upgrade-order.ts';
import type { AgentSession } from './agent-sessions.ts';
import type { AgentUpgradeHeard, HeardEvent } from './fleet.ts';

/** Undefined for what is nothing about an attempt, or answers no order where it must. */
export function attemptEventOf(frame: AgentFrame, { agentId, instance }: AgentSession): HeardEvent | undefined {
  const executor = agentExecutor(agentId);
  switch (frame.t) {
    case 'accepted':
      return { k: 'accepted', a: frame.a, executor };
    case 'started':
      return { k: 'started', a: frame.a, executor, atMs: frame.atMs, pid: frame.pid };
    case 'report':
      return { k: 'report', executor, report: frame };
    case 'unknown':
      return answered(frame, { k: 'unknown', a: frame.a, executor, instance });
    case 'busy':
      return answered(frame, { k: 'undelivered', a: frame.a, code: 'agent-busy', executor, instance });
    default:
      return undefined;
  }
}

/** A count of orders means something only with the server that counts: another's may have reached the same number. */
function answered<E extends HeardEvent>({ server, order }: Partial<OrderMark>, event: E): E | undefined {
  return server === undefined || order === undefined ? undefined : { ...event, server, order };
}

const UPGRADE_STATES: ReadonlySet<string> = new Set<AgentUpgradeState['state']>([
  'fetching',
  'switching',
  'trying',
  'succeeded',
  'failed',
  'rolled_back',
]);
const UPGRADE_DETAIL_MAX = 1_000;

export function upgradeHeard(
  { hostId, agentId }: AgentSession,
  { id, state, code, detail }: AgentUpgradeState,
): AgentUpgradeHeard | undefined {
  if (!isUuid(id) || !UPGRADE_STATES.has(state)) return undefined;
  const clean = (text: string): string => text.replaceAll('\0', '').toWellFormed().slice(0, UPGRADE_DETAIL_MAX);
  return {
    id,
    hostId,
    agentId,
    state,
    ...given({
      code: code === undefined ? undefined : isErrorCode(code) ? code : 'internal',
      detail: detail === undefined ? undefined : clean(detail),
    }),
  };
}
