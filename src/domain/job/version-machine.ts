/**
 * The states of a version of a job. A draft is worked on; a published one never changes and is what runs; a retired one is kept for the
 * record of its runs. docs/STATES.md draws it, and the database checks it.
 */
export const JOB_VERSION_STATES = ['draft', 'published', 'retired'] as const;
export type JobVersionState = (typeof JOB_VERSION_STATES)[number];

export const JOB_VERSION_TRANSITIONS: Readonly<Record<JobVersionState, readonly JobVersionState[]>> = {
  draft: ['published', 'retired'],
  published: ['retired'],
  retired: [],
};

export const TERMINAL_JOB_VERSION_STATES = ['retired'] as const satisfies readonly JobVersionState[];

function canJobVersionMove(from: JobVersionState, to: JobVersionState): boolean {
  return JOB_VERSION_TRANSITIONS[from].includes(to);
}

/** The states from which this one is reached. */
export function jobVersionStatesBefore(to: JobVersionState): readonly JobVersionState[] {
  return JOB_VERSION_STATES.filter((from) => canJobVersionMove(from, to));
}
