/** How a long-lived process begins and ends: signals, a parent that goes away, and one line that says what went wrong. */
import { DroverError, errorCodeOf } from './errors.ts';
import { exitOfError } from './exit-codes.ts';
import type { Log } from './log.ts';
import { isAboutPath, systemWords } from './system-words.ts';

/** Longest that an orderly end may take. */
const STOP_MS = 10_000;

/**
 * From now on what this process writes is for its own user alone, whatever the mode that a writer forgets to name. Called when the
 * data folder is there: folders that others must pass are widened one by one. Scripts get the usual 022 back from their supervisor.
 */
export function keepFilesPrivate(): void {
  process.umask(0o077);
}

export function onStopSignal(log: Log, stop: () => Promise<void>): void {
  let stopping = false;
  const end = (why: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, 'stopping');
    setTimeout(() => process.exit(1), STOP_MS).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop in order');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  // A terminal that is closed ends what it showed. A process that shows nothing there (`nohup`, a service) has no reason to end.
  process.on('SIGHUP', () => {
    if (process.stderr.isTTY) end('SIGHUP');
  });
  // The closed terminal takes no more words.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  // A supervised process does not outlive its supervisor.
  if (process.send) process.on('disconnect', () => end('the supervisor is gone'));
}

/** Runs a program's main function; a refusal or fault becomes one calm line and an exit code, a bug keeps its stack. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  // Commands have others of this file, and start nothing that lasts.
  const { closeInheritedDescriptors } = await import('./node-inherited.ts');
  closeInheritedDescriptors();
  try {
    await main();
  } catch (thrown) {
    const error = isFlagFault(thrown)
      ? new DroverError('bad-input', {
          detail: `${thrown.message.split('\n')[0]!.replace(/\.? To specify.*$/, '')}. (--help tells which there are)`,
          cause: thrown,
        })
      : (thrown as { code?: unknown }).code === 'ENOSPC'
        ? new DroverError('data-folder-unwritable', {
            detail: `No space is left on the disk${isAboutPath(thrown) ? ` (${thrown.path})` : ''}. Make room, then start again.`,
            cause: thrown,
          })
        : thrown;
    if (error instanceof DroverError) process.stderr.write(`drover: ${error.detail} (${error.code})\n`);
    // Whoever opens a file says what it was for; this is for those that nobody thought of.
    else if (isAboutPath(error))
      process.stderr.write(`drover: ${error.path}: ${systemWords(error)} (${error.syscall} was refused)\n`);
    else process.stderr.write(`drover: ${(error as Error).stack ?? String(error)} (${errorCodeOf(error)})\n`);
    process.exit(exitOfError(errorCodeOf(error)));
  }
}

/** A flag that does not exist, or lacks its value: the caller's fault, told by `parseArgs`. */
function isFlagFault(error: unknown): error is Error {
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS_');
}

export function version(): string {
  return process.env.DROVER_VERSION ?? '0.1.0';
}
