import { expect, it } from 'vitest';
import type { AgentId, WorkerId } from '../../base/ids.ts';
import { agentExecutor, workerExecutor } from '../run/executor.ts';
import type { ExecutionState } from './execution-machine.ts';
import { sshContactOf } from './ssh-contact.ts';

const bySsh = { executor: workerExecutor('w' as WorkerId, 'ssh') };
const byAgent = { executor: agentExecutor('a' as AgentId) };

it.each<[ExecutionState, string | undefined, { code?: string } | undefined]>([
  ['running', undefined, {}],
  ['succeeded', undefined, {}],
  ['failed', undefined, {}],
  ['failed', 'output-limit', {}],
  ['timed_out', undefined, {}],
  ['not_started', 'ssh-refused', { code: 'ssh-refused' }],
  ['not_started', 'ssh-auth-failed', { code: 'ssh-auth-failed' }],
  ['not_started', 'user-unknown', {}],
  ['not_started', 'become-not-allowed', {}],
  ['not_started', 'account-missing', undefined],
  ['not_started', 'start-deadline', undefined],
  ['lost', 'ssh-lost', { code: 'ssh-lost' }],
  ['lost', 'link-lost', undefined],
  ['cancelled', 'cancelled-by-user', undefined],
  ['dispatched', undefined, undefined],
  ['waiting', undefined, undefined],
])('%s with %s says %o of the way over SSH, and nothing of an agent', (to, reason, contact) => {
  const result = reason === undefined ? undefined : { reason };
  expect(sshContactOf(to, bySsh, result)).toEqual(contact);
  expect(sshContactOf(to, byAgent, result)).toBeUndefined();
  expect(sshContactOf(to, undefined, result)).toBeUndefined();
});
