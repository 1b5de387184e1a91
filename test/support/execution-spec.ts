/** Orders for tests: a script or a command, with whatever a test says of it and of what is beside it. */
import { given } from '../../src/base/given.ts';
import type { ScriptWork } from '../../src/domain/work/script.ts';
import { storedWork, workOf } from '../../src/domain/work/work.ts';
import type { AttemptSubject, ScriptOrder } from '../../src/ledger/engine.ts';
import type { ExecutionSpec } from '../../src/protocol/link/agent-v1.ts';

/** A text is a script, a list of words a command. */
export type ProgramGiven = string | Uint8Array | readonly string[];
export type SpecMore = Partial<Omit<ScriptWork, 'kind' | 'program' | 'secretNames'>> &
  Partial<Omit<ExecutionSpec, 'v' | 'work'>>;

/** The host that it is for, as the run has it. */
export const HOST: AttemptSubject = { hostId: 'h', hostName: 'host-of-run' };

/** As it is sent. */
export function specOf(program: ProgramGiven, more: SpecMore = {}): ExecutionSpec {
  const { args = [], env = {}, params = {}, lang, cwd, stdin, ...beside } = more;
  const isText = typeof program === 'string' || program instanceof Uint8Array;
  const work: ScriptWork = {
    kind: 'script',
    program: isText ? { form: 'text', text: Buffer.from(program as string) } : { form: 'argv', argv: program },
    args,
    env,
    params,
    secretNames: Object.keys(beside.secrets ?? {}),
    ...given({ lang, cwd, stdin }),
  };
  return {
    v: 1,
    runId: 'r',
    runName: 'n',
    work: storedWork(work),
    secrets: {},
    timeoutMs: 20_000,
    killAfterMs: 300,
    outputKeptBytes: 4_194_304,
    ...beside,
  };
}

/** As an engine is given it. */
export function executionOrder(program: ProgramGiven, more: SpecMore = {}): ScriptOrder {
  const spec = specOf(program, more);
  return { ...spec, work: workOf(spec.work) as ScriptWork };
}
