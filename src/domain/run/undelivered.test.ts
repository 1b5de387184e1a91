/** An order of which only workers say that they do not hand it on, since the agent has as much as it takes. */
import { expect, it } from 'vitest';
import { HERE, OneHost } from '../../../test/support/one-host.ts';

it('is asked for of the agent itself, and waits for as long as that has not taken it, until the start deadline', () => {
  const host = new OneHost({ startDeadlineMs: 300_000 }).dispatched();
  const { crew } = host.run.tasks[0]!;
  const asked: number[] = [];
  crew.onUndelivered(host.execution, 1, host.at, 500);
  while (host.execution.state === 'dispatched') {
    host.passes(250);
    for (const kind of host.orders())
      if (kind === 'start') crew.onUndelivered(host.execution, 1, host.at, 500);
      else {
        asked.push(host.at);
        crew.onUnknown(host.execution, 1, { at: host.at, ms: host.at }, HERE.instance);
      }
  }
  expect(host.execution).toMatchObject({ state: 'not_started', result: { reason: 'start-deadline' } });
  expect(host.execution.result!.detail).toMatch(/took no order before the start deadline; it came back \d+ times/);
  expect(asked.length).toBeGreaterThan(1);
});
