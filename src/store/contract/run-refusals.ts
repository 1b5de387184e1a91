/** What a store refuses of runs by itself, since only its write can tell. */
import { DroverError } from '../../base/errors.ts';
import { jobLimits } from '../../base/job-limits.ts';

const MiB = 1024 * 1024;

export function tooManyRuns(): DroverError {
  return new DroverError('too-many-runs', {
    detail:
      `With this run, those of the token that are under way would take more than ${jobLimits.runsUnderWayBytesMax / MiB} MiB ` +
      'of the memory of servers. Nothing of it was started. Wait until some of them have ended, or cancel those that wait for hosts.',
  });
}
