/** Exit codes of the CLI: 0 all succeeded, 1 some did not, 2 bad usage, 3 refused, 4 server not reached. */
import { DroverApiError, DroverUnreachableError } from '@drover/sdk';

export const EXIT = { succeeded: 0, failed: 1, usage: 2, refused: 3, unreachable: 4 } as const;

/** The command line itself is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** One calm message for whatever went wrong, and the code to exit with. */
export function explain(error: unknown): { message: string; code: number } {
  if (error instanceof UsageError) return { message: error.message, code: EXIT.usage };
  if (error instanceof DroverUnreachableError) return { message: `${error.message}\nIs the server running? Check DROVER_URL or log in again.`, code: EXIT.unreachable };
  if (error instanceof DroverApiError) {
    const faults = error.errors.length > 1 ? error.errors.map((fault) => `\n  ${fault.pointer}: ${fault.detail}`).join('') : '';
    return { message: `${faults === '' ? error.detail : 'The server refused:'}${faults} (${error.code})`, code: error.status === 503 || error.status === 502 ? EXIT.unreachable : EXIT.refused };
  }
  return { message: (error as Error).stack ?? String(error), code: EXIT.failed };
}
