/**
 * Labels that the scope of an account counts on. Who changes one of them on a host changes what the account may be used on, so
 * that needs the permission to manage accounts, by whatever way a label changes: by hand, in bulk, by import or by a join.
 */
import { parseTarget, type TargetExpression } from '../target/expression.ts';

/** Each label with the name of an account whose scope counts on it. */
export type GuardedLabels = ReadonlyMap<string, string>;
export const NOTHING_GUARDED: GuardedLabels = new Map();

export interface GuardedChange {
  readonly label: string;
  readonly account: string;
}

export function guardedLabels(accounts: readonly { readonly name: string; readonly scope: string }[]): GuardedLabels {
  const guarded = new Map<string, string>();
  for (const { name, scope } of accounts) {
    const parsed = parseTarget(scope);
    if (parsed.ok) for (const label of labelsIn(parsed.expression)) if (!guarded.has(label)) guarded.set(label, name);
  }
  return guarded;
}

/** Whether wanted or not, and whatever its value: a scope may say `not role=db`. */
function labelsIn(expression: TargetExpression): readonly string[] {
  switch (expression.kind) {
    case 'label':
      return [expression.label];
    case 'not':
      return labelsIn(expression.operand);
    case 'and':
    case 'or':
      return expression.operands.flatMap(labelsIn);
    default:
      return [];
  }
}

/** The first guarded label that is another after the change than before, comes or goes. */
export function guardedChange(
  guarded: GuardedLabels,
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): GuardedChange | undefined {
  const valueIn = (labels: Readonly<Record<string, string>>, label: string): string | undefined =>
    Object.hasOwn(labels, label) ? labels[label] : undefined;
  for (const [label, account] of guarded)
    if (valueIn(before, label) !== valueIn(after, label)) return { label, account };
  return undefined;
}

export function guardedDetail({ label, account }: GuardedChange): string {
  return (
    `The label ${label} decides where the account ${account} may be used: its scope counts on it. Changing it ` +
    'needs the permission access.account.edit.'
  );
}
