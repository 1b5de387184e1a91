/** A flow of an Azkaban project as it is read, of `.job` files or of version 2.0, before its nodes are steps. */
import type { AzkabanValues, ScopedProperty } from './azkaban-properties.ts';
import type { Remark } from './conversion.ts';
import type { SourceNode } from './flow-graph.ts';

export interface AzkabanFlow {
  readonly name: string;
  readonly file: string;
  readonly nodes: readonly SourceNode[];
  readonly values: AzkabanValues;
  /** Properties of the flow as a whole, and of flows within it: told of where no node has read them. */
  readonly shared: readonly ScopedProperty[];
  readonly remarks: readonly Remark[];
}
