/** Limits of steps that wait for people or for a time, beside those of all else (limits.ts). Code `bad-input` unless said. */
const KiB = 1024;
const DAY_MS = 86_400_000;

export const gateLimits = {
  // — steps that wait (code `bad-input`) —
  /** Approvals of one job: what all of them ask is shown with each look at a run. */
  jobApprovalsMax: 100,
  /** Of what an approval asks, filled in. */
  approvalMessageBytesMax: 4 * KiB,
  /** People who have to say yes. */
  approvalCountMax: 20,
  /** Names of those who may answer. */
  approvalByMax: 100,
  /** That an approval waits for its answer, or that a step lets pass. */
  gateMsMax: 90 * DAY_MS,
} as const;
