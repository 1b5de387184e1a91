/**
 * What becomes of definitions of another scheduler: jobs as texts, and every part of the source that is not in them. Nothing is dropped
 * in silence: what a source says is either in a job, or a remark with its place.
 */

/** A text of a folder or an archive, by its path there, with `/` between its parts. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export interface Remark extends Place {
  /** What was not carried over, or only with a change, as a sentence. */
  readonly what: string;
}

export interface ConvertedJob {
  readonly name: string;
  /** As `drover job apply` takes it; remarks stand in it as comments, at their steps. */
  readonly text: string;
}

export interface Conversion {
  readonly jobs: readonly ConvertedJob[];
  /** In the order of the source. */
  readonly remarks: readonly Remark[];
}

export interface ConversionOptions {
  /** Hosts on which everything runs that names none; undefined: a parameter `hosts` that whoever starts the job has to give. */
  readonly targets?: string;
}

/** The source cannot be read as what it is said to be: nothing is made of it. All faults at once. */
export class ConversionFault extends Error {
  readonly faults: readonly Remark[];

  constructor(faults: readonly Remark[]) {
    super(faults.map(({ file, line, what }) => `${file}:${line}: ${what}`).join('\n'));
    this.faults = faults;
  }
}
