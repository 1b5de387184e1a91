/** The plainest run that there is: `true`, once, with a minute for everything; a test says what is special about its own. */
import { EXIT_ZERO } from '../../src/domain/crew/outcome.ts';
import type { Placement } from '../../src/domain/placement/placement.ts';
import type { Policy } from '../../src/domain/run/policy.ts';
import type { RunSpec } from '../../src/domain/run/spec.ts';
import type { ScriptWork } from '../../src/domain/work/script.ts';

interface Special {
  readonly work?: Partial<ScriptWork>;
  readonly policy?: Partial<Policy>;
  readonly placement?: Partial<Placement>;
}

/** Of a script. */
export interface ScriptSpec extends RunSpec {
  readonly work: ScriptWork;
}

export function plainSpec({ work, policy, placement }: Special = {}): ScriptSpec {
  return {
    work: {
      kind: 'script',
      program: { form: 'argv', argv: ['true'] },
      args: [],
      env: {},
      params: {},
      secretNames: [],
      ...work,
    },
    policy: {
      priority: 'normal',
      timeoutMs: 60_000,
      killAfterMs: 1_000,
      startDeadlineMs: 60_000,
      lostAfterMs: 60_000,
      success: EXIT_ZERO,
      retries: 0,
      outputKeptBytes: 1_024,
      ...policy,
    },
    placement: { via: 'auto', ...placement },
  };
}

/** A work that is this text and nothing else. */
export function scriptText(text: string): Partial<ScriptWork> {
  return { program: { form: 'text', text: Buffer.from(text) } };
}
