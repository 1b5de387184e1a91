/** Places in what happened to a run, for whoever reads it on from one. */
export interface ExecutionPlace {
  readonly seq: number;
  readonly task: number;
  readonly ordinal: number;
}
export interface PageToSeq {
  readonly toSeq: number;
  readonly limit: number;
}
