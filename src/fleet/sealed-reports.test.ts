/** What an agent seals of an end is all of it: whoever passes it on can change no part of its outcome. */
import { expect, it } from 'vitest';
import { AgentSession } from '../agent/session.ts';
import { systemClock } from '../base/clock.ts';
import { newId, type WorkerId } from '../base/ids.ts';
import { silentLog } from '../base/log.ts';
import { createMasterKey } from '../pki/sealer.ts';
import type { AgentReport, ReportedOutcome } from '../protocol/link/agent-v1.ts';
import { encodeBody } from '../protocol/link/session.ts';
import { AgentSessions } from './agent-sessions.ts';

const [WORKER, AGENT, HOST] = [newId() as WorkerId, newId(), newId()];
const killed = { kind: 'signalled', signal: 'SIGKILL' } as const;
const OUTCOMES: readonly ReportedOutcome[] = [
  { kind: 'exited', code: 3 },
  { kind: 'exited', code: 0 },
  killed,
  { kind: 'signalled', signal: 'SIGTERM' },
  { ...killed, reason: 'output-limit' },
  { kind: 'timed_out' },
  { kind: 'timed_out', end: killed },
  { kind: 'timed_out', end: { kind: 'exited', code: 0 } },
  { kind: 'cancelled', end: { kind: 'exited', code: 0 } },
  { kind: 'refused', reason: 'spool-full' },
  { kind: 'refused', reason: 'user-unknown' },
  { kind: 'unknown', reason: 'spool-full' },
];
const none = { size: 0, head: 0, tail: 0 };
const reportOf = (outcome: ReportedOutcome): AgentReport => ({
  t: 'report',
  a: `${newId()}.0.0.1`,
  outcome,
  finishedAtMs: 2,
  stdout: none,
  stderr: none,
});

it('is opened with the outcome that it was sealed with, and under its mark with no other', async () => {
  const masterKey = createMasterKey(Buffer.alloc(32, 7));
  const sessions = new AgentSessions({
    serverId: newId(),
    store: { agentInstancesShow: async (shown) => shown.map(() => 'admitted') },
    masterKey,
    clock: systemClock,
    log: silentLog,
    admitted: () => undefined,
    refused: () => undefined,
  });
  const agent = new AgentSession({
    agentId: AGENT,
    hostId: HOST,
    dispatchKey: masterKey.dispatchKey(AGENT),
    start: { instance: newId(), start: 1 },
    clock: systemClock,
  });
  await sessions.show(WORKER, { agentId: AGENT, hostId: HOST, proof: agent.proof(WORKER) });
  for (const outcome of OUTCOMES) {
    const report = reportOf(outcome);
    const sealed = agent.seal(report);
    expect(sessions.open(WORKER, AGENT, sealed)?.frame).toEqual(report);
    for (const other of OUTCOMES)
      if (other !== outcome) {
        const body = encodeBody({ ...report, outcome: other });
        expect([outcome, other, sessions.open(WORKER, AGENT, { ...sealed, body })]).toEqual([
          outcome,
          other,
          undefined,
        ]);
      }
  }
});
