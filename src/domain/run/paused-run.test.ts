import { describe, expect, it } from 'vitest';
import { OneHost } from '../../../test/support/one-host.ts';

describe('a paused run', () => {
  it('waits for nobody: the time that a host is waited for begins anew when it goes on', () => {
    const host = new OneHost();
    host.route = undefined;
    host.advance();
    host.run.pause('somebody');
    for (let minutes = 0; minutes < 10; minutes++) host.passes(60_000);
    expect([host.execution.state, host.run.dueAt]).toEqual(['waiting', Number.POSITIVE_INFINITY]);
    host.run.resume('somebody', host.at);
    host.passes(119_000);
    expect(host.execution.state).toBe('waiting');
    host.passes(2_000);
    expect(host.execution.state).toBe('not_started');
  });

  it('sends what waits as soon as it goes on', () => {
    const host = new OneHost();
    host.run.pause('somebody');
    host.advance();
    expect(host.execution.state).toBe('waiting');
    host.run.resume('somebody', host.at);
    host.dispatched();
  });
});
