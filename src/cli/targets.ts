/** Which hosts a command is about: expressions, files of hosts, and how many of them at most. Who names none loads no rules of names. */
import { dataOf, allPages, DroverApiError, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import type { TargetExpression } from '../domain/target/expression.ts';
import { UsageError } from './exit.ts';
import { many, number, oneTarget, type Faults, type Inputs } from './input.ts';
import { canAsk } from './out.ts';
import type { Session } from './servers/session.ts';

export interface TargetFlags {
  readonly target?: readonly string[];
  readonly hostsFile?: readonly string[];
  readonly limit?: string;
}
type Host = Schemas['Host'];

export function withTargets(command: Command): Command {
  return withHosts(command).option('--limit <n>', 'at most so many of them: the first by name');
}

/** `means`: what they are, where that is not plain. */
export function withHosts(command: Command, means = ''): Command {
  return command
    .option(
      '-t, --target <expression>',
      `${means}all, names (also web-[1-9], a,b,c), globs, label=value, joined by and, or, not, ( ) (repeatable: any of them)`,
      many,
    )
    .option(
      '--hosts-file <file>',
      'hosts of a file, a name or expression a line, # begins a remark; - is standard input (repeatable; beside -t: any of them)',
      many,
    );
}

/** One expression for all that was given; undefined when nothing was. */
export async function targetsOf(faults: Faults, inputs: Inputs, flags: TargetFlags): Promise<string | undefined> {
  const lines = (flags.hostsFile ?? []).flatMap((file) => hostsOf(faults, inputs, file));
  const all = [
    ...(flags.target ?? []).map((text) => ({ text, place: '--target' })),
    ...lines.map(({ text, file, line }) => ({ text, place: `--hosts-file ${file}:${line}` })),
  ];
  if (all.length === 0) return undefined;
  const { parseTarget } = await import('../domain/target/expression.ts');
  for (const { text, place } of all) {
    const parsed = parseTarget(text);
    if (!parsed.ok)
      faults.add(
        `${place} ${JSON.stringify(text)} is not valid at column ${parsed.fault.column}: ${parsed.fault.detail}.`,
      );
  }
  return oneTarget(all.map(({ text }) => text));
}

export function hostsMaxOf(faults: Faults, flags: TargetFlags): number | undefined {
  return number(faults, '--limit', flags.limit, { least: 1, most: limits.targetsPerRunMax });
}

function hostsOf(faults: Faults, inputs: Inputs, file: string): { text: string; file: string; line: number }[] {
  const text = inputs.text('--hosts-file', file, limits.targetExpressionLengthMax);
  const found = (text ?? '')
    .split('\n')
    .map((line, i) => ({ text: line.replace(/(^|\s)#.*$/, '').trim(), file, line: i + 1 }))
    .filter((entry) => entry.text !== '');
  if (text !== undefined && found.length === 0) faults.add(`--hosts-file ${file} names no hosts.`);
  return found;
}

/**
 * Hosts in order of their names; with an expression those that it matches, as a run with it would take them: no twins, whoever names one is
 * told why, and a name that no host has is refused, as is an expression that matches none: in the words, and with the codes, of a run.
 */
export async function hostsMatching(
  session: Session,
  { targets, most }: { readonly targets?: string | undefined; readonly most?: number | undefined },
): Promise<readonly Host[]> {
  const all = await Array.fromAsync(
    allPages((cursor) =>
      session.client
        .GET('/api/v1/hosts', { params: { query: { limit: limits.pageSizeMax, ...given({ cursor }) } } })
        .then(dataOf),
    ),
  );
  if (targets === undefined) return all.slice(0, most);
  const { matchTarget, parseTarget } = await import('../domain/target/expression.ts');
  const parsed = parseTarget(targets);
  if (!parsed.ok) throw new UsageError(parsed.fault.detail);
  const { hosts, unknownNames } = matchTarget(
    parsed.expression,
    all.filter(({ twinOf }) => twinOf === undefined),
  );
  const twin = all.find(({ name }) => name === unknownNames[0]);
  if (twin) {
    const { twinDetail } = await import('../domain/target/twin-words.ts');
    throw new DroverApiError(409, { code: 'host-is-twin', detail: twinDetail(twin) });
  }
  const more = unknownNames.length > 20 ? ` (and ${unknownNames.length - 20} more)` : '';
  if (unknownNames.length > 0)
    throw new DroverApiError(404, {
      code: 'host-not-found',
      detail: `No host is named ${unknownNames.slice(0, 20).join(', ')}${more}. See: drover hosts list.`,
    });
  if (hosts.length === 0)
    throw new DroverApiError(422, {
      code: 'no-target-matched',
      detail: `No host matches ${targets}. See: drover hosts list.`,
    });
  return hosts.slice(0, most);
}

export const CONFIRM_OPTION = `do not ask before more than ${limits.confirmTargetsOver} hosts (DROVER_CONFIRM_OVER sets another number)`;

/** The whole of a large fleet is asked about first; where nobody can be asked it must be said. */
export async function confirmTargets(
  session: Session,
  { targets, most }: { readonly targets: string; readonly most?: number },
  { yes }: { readonly yes?: boolean },
): Promise<void> {
  if (yes || !(await isSweeping(targets))) return;
  const { hostCount } = dataOf(await session.client.POST('/api/v1/runs/preview', { body: { targets } }));
  const count = Math.min(hostCount, most ?? hostCount);
  if (count <= confirmOver()) return;
  const { confirm } = await import('./prompt.ts');
  if (!canAsk()) throw new UsageError(`${targets} matches ${count} hosts. Say --yes if that is meant.`);
  if (!(await confirm(`${targets} matches ${count} hosts. Run on all of them?`)))
    throw new UsageError('Nothing was run.');
}

function confirmOver(): number {
  const text = process.env.DROVER_CONFIRM_OVER;
  if (text === undefined || text === '') return limits.confirmTargetsOver;
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError(`DROVER_CONFIRM_OVER wants a whole number, not ${JSON.stringify(text)}.`);
  return Number(text);
}

/** Whether an expression may mean the whole fleet without naming a host: then somebody is asked, should the fleet be large. */
export async function isSweeping(text: string): Promise<boolean> {
  const { parseTarget } = await import('../domain/target/expression.ts');
  const parsed = parseTarget(text);
  return parsed.ok && sweeps(parsed.expression);
}

function sweeps(expression: TargetExpression): boolean {
  switch (expression.kind) {
    case 'all':
    case 'not':
      return true;
    case 'name':
      return /^[*?]*\*[*?]*$/.test(expression.pattern);
    case 'label':
      return !expression.equal || /^\*+$/.test(expression.pattern);
    case 'and':
      return expression.operands.every(sweeps);
    case 'or':
      return expression.operands.some(sweeps);
  }
}
