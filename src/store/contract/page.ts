/** A page of a list, and how far a reader of changes reads on. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; absent on the last page. */
  readonly next?: string;
}

export interface PageToSeq {
  readonly toSeq: number;
  readonly limit: number;
}
