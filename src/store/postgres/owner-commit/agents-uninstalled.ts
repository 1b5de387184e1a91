/**
 * What a run that takes agents off has done is written with the ends of its executions: these hosts have no agent any more. Who and
 * what the agent is stays on record, so that it goes on as the same when it is installed again; its link takes the mark away
 * (`hostPresenceWrite`).
 */
import type { ExecutionChange } from '../../contract/owner-commit.ts';
import { type Day, isOfDay } from '../day.ts';
import type { Executor } from '../pool.ts';
import { KEY_ROWS, keysOf } from './execution-keys.ts';

/** One that has linked since its attempt was dispatched is another that was installed meanwhile. */
const WRITE = `INSERT INTO host_presence (host_id, agent_id, linked, changed_at_ms, uninstalled_at_ms)
  SELECT host.id, host.agent_id, false, coalesce(e.dispatched_at_ms, e.finished_at_ms), e.finished_at_ms
  FROM ${KEY_ROWS}
  JOIN execution e ON ${isOfDay('e.run_id')} AND e.run_id = k.run_id AND e.task = k.task AND e.ordinal = k.ordinal
  JOIN host ON host.id = e.host_id
  WHERE host.agent_id IS NOT NULL
  ORDER BY host.id
  ON CONFLICT (host_id) DO UPDATE SET uninstalled_at_ms = excluded.uninstalled_at_ms
  WHERE NOT host_presence.linked OR host_presence.changed_at_ms <= excluded.changed_at_ms`;

/** Of executions that have succeeded, by the changes that say so. */
export async function agentsUninstalled(tx: Executor, day: Day, changes: readonly ExecutionChange[]): Promise<void> {
  if (changes.length > 0) await tx.query({ name: 'agents-uninstalled', text: WRITE, values: keysOf(day, changes) });
}
