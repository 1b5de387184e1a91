/**
 * What the audit is told of a start of several steps. What a step does stands with the version of its job; where, as whom and with which
 * values it does it does not. All that any step uses comes first, each once, and then step by step: the audit keeps so much of an entry,
 * from its beginning on.
 */
import type { ExpandedStep } from '../domain/job/expand.ts';

/** Of so many the audit says where and as whom one by one. */
const STEPS_AUDITED_MAX = 100;

export interface AuditedStep extends Pick<ExpandedStep, 'name' | 'targets' | 'account' | 'secrets'> {
  readonly hosts: number;
  readonly user: string | undefined;
}

/** `values`: as they came, without those of secrets. */
export function plannedAudit(
  steps: readonly AuditedStep[],
  values: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const each = (pick: (step: AuditedStep) => string | undefined): string[] => [
    ...new Set(steps.flatMap((step) => pick(step) ?? [])),
  ];
  return {
    stepCount: steps.length,
    users: each(({ user }) => user),
    accounts: each(({ account }) => account),
    secrets: [...new Set(steps.flatMap(({ secrets }) => Object.keys(secrets)))],
    targets: each(({ targets }) => targets),
    values,
    steps: steps.slice(0, STEPS_AUDITED_MAX).map(({ name, targets, hosts, user, account, secrets }) => ({
      name,
      targets,
      hosts,
      user: user ?? null,
      account: account ?? null,
      secrets: Object.keys(secrets),
    })),
  };
}
