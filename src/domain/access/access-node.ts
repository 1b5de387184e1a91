/**
 * Where a permission is given: a node of the tree of teams and projects. Until there are teams it has one node, the root, which is above
 * everything; verbs and lists ask for nodes already, so that access comes in here and nowhere else.
 */
export interface AccessNode {
  readonly id: 'root';
}

export const ROOT: AccessNode = { id: 'root' };

/** What a list shows to whoever asked: what lies at or below one of these nodes; nothing where there are none. */
export type Scope = readonly AccessNode[];

/** For who looks on behalf of the system, and decides by all that there is. */
export const EVERYTHING: Scope = [ROOT];
