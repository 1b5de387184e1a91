/**
 * Limits of what scripts tell as output values, beside those of all else (limits.ts). What is beyond them is left out
 * whole and told as a fault in the record of the execution; how the script ended stays what it is.
 */
const KiB = 1024;

export const valueLimits = {
  // — output values, which a script tells through DROVER_OUTPUT (what is beyond is told in the record) —
  /** Of one execution. More are files of their own, or one value that lists them. */
  outputValuesMax: 64,
  outputValueNameLengthMax: 64,
  /** Of one value, in UTF-8: a list of a thousand hosts. */
  outputValueBytesMax: 16 * KiB,
  /** Names and values of one execution together: they travel in its report, and are kept with it. */
  outputValuesBytesMax: 32 * KiB,
  /** So much of the file is read, of what was written over and over as well. */
  outputValuesFileBytesMax: 64 * KiB,
} as const;
