/** What `drover run --dry-run` shows: where it would go, as whom on which hosts, what it would run, and where it would not start. */
import type { Schemas } from '@drover/sdk';
import { foldNames } from '../../domain/target/fold-names.ts';
import { padText, plainText, textWidth } from '../text-width.ts';
import { whatText } from './run-text.ts';

type RunPlan = Schemas['RunPlan'];

/** Groups of hosts, and hosts that are refused, shown; `-o json` has more. */
const ROWS_SHOWN = 20;
/** Wider lists of hosts do not push what is said of them aside. */
const HOSTS_WIDTH_MAX = 40;

export function planText(plan: RunPlan, what: Parameters<typeof whatText>[0]): string {
  return [
    plan.workers
      ? `would run on a worker; ready for it now: ${plainText(plan.workers.why)}`
      : `would run on ${hostsText(plan.hostCount)}: ${namesText(plan)}`,
    ...asText(plan.as),
    ...batchesText(plan.batches ?? []),
    ...whatText(what),
    ...refusedText(plan),
    'nothing was written',
  ].join('\n');
}

/** One row for the hosts that have way and user alike. */
function asText(groups: RunPlan['as']): string[] {
  const rows = groups.slice(0, ROWS_SHOWN).map((group): [string, string] => [namesText(group), whomText(group)]);
  const widths = rows.map(([hosts]) => textWidth(hosts)).filter((width) => width <= HOSTS_WIDTH_MAX);
  const width = Math.max(0, ...widths);
  const more = groups.slice(ROWS_SHOWN).reduce((sum, { hostCount }) => sum + hostCount, 0);
  return [
    ...rows.map(([hosts, whom]) => `  ${padText(hosts, width)}  ${whom}`),
    ...(more > 0 ? [`  … and ${hostsText(more)} more, as others yet (-o json)`] : []),
  ];
}

function batchesText(batches: NonNullable<RunPlan['batches']>): string[] {
  if (batches.length === 0) return [];
  const shown = batches.slice(0, ROWS_SHOWN);
  return [
    `in ${batches.length} ${batches.length === 1 ? 'batch' : 'batches'}, one after the other:`,
    ...shown.map((batch, at) => {
      const names = batch.hosts.length === 0 ? '' : `: ${namesText(batch)}`;
      return `  ${at + 1}  ${hostsText(batch.hostCount)}${names}`;
    }),
    ...(batches.length > shown.length ? [`  … and ${batches.length - shown.length} more (-o json)`] : []),
  ];
}

function whomText({ via, user, account }: RunPlan['as'][number]): string {
  const as = user === undefined ? undefined : `as ${plainText(user)}`;
  if (via === 'ssh') return `${as}, over SSH with ${plainText(account ?? '')}`;
  if (via === 'agent') return as === undefined ? "as the agent's own user" : `${as}, by its agent`;
  return `no way there now: it would wait for one${as === undefined ? '' : `, then work ${as}`}`;
}

/** Hosts that it would not start on, each with its reason. */
function refusedText({ refused, refusedCount }: RunPlan): string[] {
  if (refusedCount === 0) return [];
  const shown = refused.slice(0, ROWS_SHOWN);
  return [
    `it would not start on ${refusedCount} of them:`,
    ...shown.map(({ host, code, detail }) => plainText(`  ${host}: ${detail} (${code})`)),
    ...(refusedCount > shown.length ? [`  … and ${refusedCount - shown.length} more`] : []),
  ];
}

function namesText({ hosts, hostCount }: { readonly hosts: readonly string[]; readonly hostCount: number }): string {
  return `${plainText(foldNames(hosts))}${hostCount > hosts.length ? ' …' : ''}`;
}

function hostsText(count: number): string {
  return `${count} ${count === 1 ? 'host' : 'hosts'}`;
}
