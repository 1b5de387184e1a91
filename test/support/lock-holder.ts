/**
 * A process that takes and lets go of locks of data folders as it is told by lines on standard input: `take FOLDER`, answered by `held` or
 * the code of the refusal, and `release`, answered by `released`.
 */
import { createInterface } from 'node:readline';
import { errorCodeOf } from '../../src/base/errors.ts';
import { acquireFolderLock } from '../../src/base/node-lock.ts';

let lock: { release(): void } | undefined;
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, folder] = line.split(' ');
  if (verb === 'release') {
    lock?.release();
    lock = undefined;
    process.stdout.write('released\n');
    continue;
  }
  process.stdout.write(
    `${await acquireFolderLock(folder!, 'server').then((taken) => ((lock = taken), 'held'), errorCodeOf)}\n`,
  );
}
