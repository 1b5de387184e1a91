/**
 * What the hosts are told to do under chaos. Each script first leaves its trace: one line with its attempt id, appended to a file of
 * its host. The traces are the truth about effects, against which the record is held at the end.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../src/base/random.ts';

export interface ChaosScript {
  readonly kind: string;
  readonly text: string;
}

const TRACE = 'printf "%s\\n" "$DROVER_ATTEMPT_ID" >> "$DROVER_PARAM_TRACES/$DROVER_HOST"';

/** Quick and slow, quiet and loud, well and badly ended: what a day brings, in a few seconds each. */
export function chaosScript(random: Random): ChaosScript {
  const seconds = (0.2 + random.next() * 2.8).toFixed(2);
  const code = 1 + Math.floor(random.next() * 255);
  const kinds: readonly (readonly [weight: number, kind: string, body: string])[] = [
    [35, 'quick', 'echo done'],
    [20, 'slow', `echo begun; sleep ${seconds}; echo done`],
    [12, 'failing', `echo "to stderr" >&2; exit ${code}`],
    [8, 'signalled', 'kill -9 $$'],
    [10, 'loud', 'head -c 100000 /dev/zero | tr "\\0" x'],
    [5, 'family', `(sleep ${seconds} &) ; sleep 0.1; echo parent`],
    [10, 'long', 'sleep 6; echo done'],
  ];
  let draw = random.next() * kinds.reduce((sum, [weight]) => sum + weight, 0);
  const [, kind, body] = kinds.find(([weight]) => (draw -= weight) < 0) ?? kinds[0]!;
  return { kind, text: `${TRACE}\n${body}\n` };
}

/** Every trace left, with the host that left it. */
export function readTraces(folder: string): { attempt: string; host: string }[] {
  return readdirSync(folder).flatMap((host) =>
    readFileSync(join(folder, host), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((attempt) => ({ attempt, host })),
  );
}
