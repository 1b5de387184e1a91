/** The plainest run that there is: `true`, once, with a minute for everything; a test says what is special about its own. */
import type { RunSpec } from '../../src/domain/run/spec.ts';

export function plainSpec(special: Partial<RunSpec> = {}): RunSpec {
  return {
    work: { kind: 'command', argv: ['true'] },
    args: [],
    env: {},
    params: {},
    secretNames: [],
    timeoutMs: 60_000,
    killAfterMs: 1_000,
    startDeadlineMs: 60_000,
    lostAfterMs: 60_000,
    retries: 0,
    outputKeptBytes: 1_024,
    ...special,
  };
}
