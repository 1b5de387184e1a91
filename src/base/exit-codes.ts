/** What every program of Drover ends with, so that scripts can tell. docs/ERRORS.md has the table; a test holds the two together. */
import { errors, isErrorCode } from './errors.ts';

export const EXIT = {
  /** All succeeded. */
  succeeded: 0,
  /** Some did not, or it was left before its end; also a fault of our own. */
  failed: 1,
  /** The command line, or a file that it names, is wrong. */
  usage: 2,
  refused: 3,
  /** The server, or its database, was not reached. */
  unreachable: 4,
  /** Nothing failed, but hosts were not reached. */
  hostsUnreached: 5,
} as const;

/** What stands in for a server, or one behind a gateway, that is not there; not what it says of a host. */
const ABSENT: readonly string[] = ['internal', 'shutting-down', 'database-unavailable', 'server-unreachable'];

/** Of a refusal by its HTTP status and code. */
export function exitOfRefusal(status: number, code: string): number {
  if ([502, 503, 504].includes(status) && ABSENT.includes(code)) return EXIT.unreachable;
  return status === 400 || status === 413 ? EXIT.usage : EXIT.refused;
}

/** Of an error of our table; whatever is not in it is a fault of our own. */
export function exitOfError(code: string): number {
  return isErrorCode(code) && code !== 'internal' ? exitOfRefusal(errors[code].status, code) : EXIT.failed;
}
