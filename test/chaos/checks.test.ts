/** The checks of the chaos test find what they are for: a check that cannot fail proves nothing. */
import { describe, expect, it } from 'vitest';
import { checkWorld, FinalityWatch, type AttemptRow, type RunRow, type World } from './checks.ts';

const RUN = '01930000-0000-7000-8000-000000000000';

function attempt(some: Partial<AttemptRow> = {}): AttemptRow {
  return {
    attempt_id: `${RUN}.0.0.1`,
    run_id: RUN,
    host_name: 'h1',
    state: 'succeeded',
    attempt: 1,
    current: true,
    exit_code: 0,
    signal: null,
    reason: null,
    started_at_ms: '1',
    finished_at_ms: '2',
    out_size: '0',
    settled_late: false,
    ...some,
  };
}

function world(attempts: readonly AttemptRow[] = [attempt()], run: Partial<RunRow> = {}): World {
  return {
    attempts,
    runs: [
      { id: RUN, state: 'succeeded', host_count: 1, counts: { succeeded: 1 }, cancel_requested_at_ms: null, ...run },
    ],
  };
}

const expected = { runIds: new Set([RUN]), traces: [{ attempt: `${RUN}.0.0.1`, host: 'h1' }] };

describe('the checks of the chaos test', () => {
  it('are silent about a record that is right', () => expect(checkWorld(world(), expected)).toEqual([]));

  it.each([
    ['a lost run', { attempts: [], runs: [] }, { ...expected, traces: [] }, /is gone/],
    ['a request that took effect twice', world(), { ...expected, runIds: new Set<string>() }, /took effect twice/],
    [
      'a run that never ends',
      world([attempt({ state: 'running', finished_at_ms: null })], { state: 'running', counts: { running: 1 } }),
      expected,
      /still running/,
    ],
    ['counts that do not add up', world(undefined, { counts: { succeeded: 2 } }), expected, /counts 2 succeeded/],
    ['a missing execution', world(undefined, { host_count: 2 }), expected, /2 hosts and 1 executions/],
    ['a wrong verdict', world(undefined, { state: 'failed' }), expected, /say succeeded/],
    [
      'an effect that happened twice',
      world(),
      { ...expected, traces: [...expected.traces, ...expected.traces] },
      /ran 2 times/,
    ],
    [
      'an effect that the record denies',
      world([attempt({ state: 'not_started', exit_code: null })], { state: 'failed', counts: { not_started: 1 } }),
      expected,
      /not_started and ran/,
    ],
    ['an effect that never happened', world(), { ...expected, traces: [] }, /left no trace/],
    [
      'an effect on the wrong host',
      world(),
      { ...expected, traces: [{ attempt: `${RUN}.0.0.1`, host: 'h2' }] },
      /ran on h2/,
    ],
  ])('find %s', (_, recorded, wanted, fault) =>
    expect(checkWorld(recorded as World, wanted).join('\n')).toMatch(fault),
  );

  it('find a final state that changes, or goes away', () => {
    const watch = new FinalityWatch();
    expect(watch.look(world())).toEqual([]);
    expect(watch.look(world([attempt({ state: 'failed', exit_code: 1 })])).join()).toMatch(
      /changed after it was final/,
    );
    expect(watch.look(world([])).join()).toMatch(/is gone/);
  });

  it('let late truth settle what was lost, and nothing else', () => {
    const lost = attempt({ state: 'lost', exit_code: null, reason: 'link-lost' });
    const settled = new FinalityWatch();
    settled.look(world([lost]));
    expect(settled.look(world([attempt({ settled_late: true })]))).toEqual([]);
    const silent = new FinalityWatch();
    silent.look(world([lost]));
    expect(silent.look(world([attempt()])).join()).toMatch(/changed/);
  });
});
