/**
 * What a host says, read here and nowhere else: numbers are whole and within ranges, or the host does not speak as the program on it
 * does. Whoever answers there may be anybody (a host that was taken over, a user who controls the login shell of the account), so what is
 * nonsense ends the attempt that it is about, and goes no further.
 */
import { DroverError } from '../../../base/errors.ts';
import { SURVIVORS_MAX } from '../../../protocol/link/agent-v1.ts';

/** Hundredths of a second since a host booted, or since 1970 where it cannot tell: three centuries of them. */
const TICKS_MAX = 2 ** 40;
/** As links take it, but for none at all. */
const PID_MAX = 2 ** 32 - 1;
/** A digit more than any of them has. */
const DIGITS = /^\d{1,16}$/;

const NONSENSE = 'isNonsense';

/** The host says what no program of ours says. `what`: in words of ours, nothing of the host's. */
export function nonsense(what: string): DroverError {
  return new DroverError('ssh-lost', {
    detail: `The host does not speak as the program on it does (${what}), and is not believed.`,
    context: { [NONSENSE]: true },
  });
}

export function isNonsense(error: unknown): error is DroverError {
  return error instanceof DroverError && error.context[NONSENSE] === true;
}

/** A word that must be a whole number from `min` to `max`. Throws `nonsense` of `what`. */
function wholeNumber(word: string | undefined, what: string, max: number, min = 0): number {
  const number = word !== undefined && DIGITS.test(word) ? Number(word) : -1;
  if (number < min || number > max) throw nonsense(`${what} is no whole number from ${min} to ${max}`);
  return number;
}

/** `otherwise` where the word is missing or empty. */
export function ticksIn(word: string | undefined, what: string, otherwise?: number): number {
  return (word === undefined || word === '') && otherwise !== undefined
    ? otherwise
    : wholeNumber(word, what, TICKS_MAX);
}

/** A place in an output, or how much there is of it. */
export function bytesIn(word: string | undefined, what: string): number {
  return wholeNumber(word, what, Number.MAX_SAFE_INTEGER);
}

/** `S pid start now`. */
export function begunIn([, pid, start, time]: readonly string[]): { pid: number; start: number; now: number } {
  const now = ticksIn(time, 'the time of a start');
  return {
    pid: wholeNumber(pid, 'the number of a process', PID_MAX, 1),
    start: ticksIn(start, 'the start of a process', now),
    now,
  };
}

/** Processes that are left over, the first of them where there are too many to be told. */
export function survivorsIn(words: readonly string[]): number[] {
  return words
    .filter((word) => word !== '')
    .slice(0, SURVIVORS_MAX)
    .map((word) => wholeNumber(word, 'the number of a process that is left over', PID_MAX, 1));
}
