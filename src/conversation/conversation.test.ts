/**
 * Whose orders count. What the conversation says and how often is tried with real links
 * (test/integration/worker-agents.test.ts) and in the simulator.
 */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HOST, specOf } from '../../test/support/execution-spec.ts';
import { MemoryLedger } from '../../test/support/memory-ledger.ts';
import { until } from '../../test/support/until.ts';
import { AgentSession } from '../agent/session.ts';
import { systemClock } from '../base/clock.ts';
import { attemptId, newId, newRunId } from '../base/ids.ts';
import { silentLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { signUnderKey } from '../pki/dispatch.ts';
import { startMessage, timeMessage } from '../protocol/link/session.ts';
import { decodeExecutionSpec, encodeExecutionSpec } from '../protocol/link/execution-spec.ts';
import { Conversation } from './conversation.ts';
import type { OrderTrust } from './order-trust.ts';
import type { AttemptOrder, AttemptWord, StartOrder } from './words.ts';

const a = attemptId({ runId: newRunId(systemClock.nowMs()), task: 0, ordinal: 0, attempt: 1 });
const mark = { server: newId(), order: 1 };
const spec = encodeExecutionSpec(specOf('true'));
const start: StartOrder = {
  t: 'start',
  a,
  ...mark,
  validUntilMs: Number.MAX_SAFE_INTEGER,
  spec,
  hostName: 'web',
  target: { hostId: 'h' },
};

async function holding(trust: OrderTrust): Promise<{ held: Conversation; ledger: MemoryLedger; said: AttemptWord[] }> {
  const ledger = new MemoryLedger();
  ledger.onStart = () => undefined;
  const said: AttemptWord[] = [];
  const held = new Conversation({
    ledger,
    trust,
    say: (word) => said.push(word) > 0,
    isHeard: () => true,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  await held.start();
  return { held, ledger, said };
}

const servers = (dispatchKey = randomBytes(32)): OrderTrust => ({
  of: 'servers',
  marks: new AgentSession({
    agentId: newId(),
    hostId: newId(),
    dispatchKey,
    start: { instance: newId(), start: 1 },
    clock: systemClock,
  }),
  timeAnew: async () => undefined,
});

describe('orders', () => {
  it('without a mark are nothing where servers are believed by their marks, and nobody is told anything', async () => {
    const { held, ledger, said } = await holding(servers());
    const orders: AttemptOrder[] = [start, { t: 'query', a, ...mark }, { t: 'cancel', a, ...mark }];
    for (const order of orders) await held.hear(order);
    expect([ledger.effects, said]).toEqual([[], []]);
    ledger.onStart = () => ({});
    await ledger.startAttempt(a, decodeExecutionSpec(spec), HOST);
    await until('it to end', () => ledger.report(a));
    await held.hear({ t: 'ack', acks: [{ a }] });
    expect(ledger.stateOf(a)).toBe('finished');
    await held.stop();
  });

  it('name the host under the mark: a start whose name was altered on the way is nothing', async () => {
    const [dispatchKey, agentId, instance] = [randomBytes(32), newId(), newId()];
    const session = new AgentSession({
      agentId,
      hostId: newId(),
      dispatchKey,
      start: { instance, start: 1 },
      clock: systemClock,
    });
    const told = { server: mark.server, nonce: session.askTime(), serverMs: systemClock.nowMs() };
    session.hearTime({ t: 'time', ...told, mac: signUnderKey(dispatchKey, timeMessage(agentId, instance, told)) });
    const digest = createHash('sha256').update(spec).digest();
    const mac = signUnderKey(
      dispatchKey,
      startMessage(agentId, instance, { a: start.a, hostName: start.hostName! }, start, digest),
    );
    const { held, ledger, said } = await holding({ of: 'servers', marks: session, timeAnew: async () => undefined });
    for (const hostName of ['db-1', 'web\n', '', `${start.hostName}\n${start.hostName}`])
      await held.hear({ ...start, hostName, mac });
    expect([ledger.effects, said]).toEqual([[], []]);
    await held.hear({ ...start, mac });
    expect([ledger.effects, ledger.targets.get(a)]).toEqual([[a], { ...start.target, hostName: start.hostName }]);
    await held.stop();
  });

  it('need no mark where they come from the very process that carries them out', async () => {
    const { held, ledger, said } = await holding({ of: 'same-process' });
    await held.hear({ ...start, target: { hostId: 'h', accountId: 'a' } });
    expect([ledger.effects, ledger.targets.get(a)]).toEqual([[a], { hostId: 'h', hostName: 'web', accountId: 'a' }]);
    await held.hear({ t: 'query', a, ...mark });
    expect(said.at(-1)).toMatchObject({ t: 'started', a });
    await held.hear({ t: 'cancel', a, ...mark });
    await until('it to end', () => ledger.report(a));
    await held.hear({ t: 'ack', acks: [{ a }] });
    expect(ledger.stateOf(a)).toBe('settled');
    await held.stop();
  });

  it('cannot be believed under a key that is none', () => {
    expect(() => servers(Buffer.alloc(0))).toThrow(/dispatch key/);
  });
});
