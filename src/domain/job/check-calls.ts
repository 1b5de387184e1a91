/** Steps that are calls: what goes with one, and what its texts name. */
import { meantText, nearest } from '../../base/nearest.ts';
import { CALL_NAMES, CALL_STEPS, type CallName } from './calls/call-steps.ts';
import { entriesOf, itemsOf, type TreeEntry, type TreeNode } from './document-tree.ts';
import { quoted, type JobFaults } from './job-fault.ts';
import type { KnownParameter } from './parameter.ts';
import { parseCallTemplate, secretsOf, type CallTemplate } from './template.ts';

export interface CallInStep {
  readonly name: CallName;
  readonly entry: TreeEntry;
}

/** As far as it says what it is; of several the first. */
export function callIn(entries: ReadonlyMap<string, TreeEntry>): CallInStep | undefined {
  const name = CALL_NAMES.find((one) => entries.has(one));
  return name && { name, entry: entries.get(name)! };
}

/** Keys of processes, of hosts, and of what a process takes of its machine. */
const NOT_OF_CALLS: readonly string[] = [
  'interpreter',
  'args',
  'env',
  'cwd',
  'stdin',
  'kill_after',
  'resources',
  'targets',
  'via',
  'user',
  'account',
];

/** What does not go together in a step, if it is a call. */
export function checkCallTogether(
  entries: ReadonlyMap<string, TreeEntry>,
  { name, entry }: CallInStep,
  faults: JobFaults,
): void {
  for (const key of NOT_OF_CALLS)
    if (entries.has(key))
      faults.add(
        entries.get(key)!.at,
        'bad-input',
        `${key} is of scripts; ${name} is done by a worker itself, which begins no process and goes to no host.`,
      );
  if (entries.has('secrets'))
    faults.add(
      entries.get('secrets')!.at,
      'bad-input',
      `secrets are variables of scripts; in the texts of ${name} a secret stands as \${{ secrets.NAME }}.`,
    );
  for (const { at, detail } of CALL_STEPS[name].faults(entry.node)) faults.add(at, 'bad-input', detail);
  const told = CALL_STEPS[name].tells(entry.node);
  for (const output of itemsOf(entries.get('outputs')?.node)) {
    const said = entriesOf(output).get('name')?.node;
    if (typeof said?.value !== 'string' || told.includes(said.value)) continue;
    faults.add(
      said.at,
      'job-reference-unknown',
      `Nothing tells ${quoted(said.value)}: extract it, or leave it out. It tells ${told.join(', ')}.` +
        meantText(nearest(said.value, told)),
    );
  }
}

export interface CallTexts {
  readonly parameters: ReadonlyMap<string, KnownParameter>;
  readonly faults: JobFaults;
  /** From a place in the value of a node to that in the text. */
  readonly placesOf: (node: TreeNode) => (offset: number) => number;
}

/** Each of its texts that may hold expressions, with the secrets that it names looked at. */
export function* callTemplates(
  { name, entry }: CallInStep,
  { parameters, faults, placesOf }: CallTexts,
): Iterable<{ readonly node: TreeNode; readonly template: CallTemplate }> {
  for (const node of CALL_STEPS[name].texts(entry.node)) {
    const template = parseCallTemplate(String(node.value));
    const secrets = secretsOf(template);
    const placeOf = secrets.length === 0 ? undefined : placesOf(node);
    for (const { secret, at } of secrets) {
      const known = parameters.get(secret);
      const place = placeOf!(at);
      if (known === undefined)
        faults.add(place, 'job-reference-unknown', () => {
          const named = [...parameters].flatMap(([one, { type }]) => (type === 'secret' ? [one] : []));
          return `There is no parameter ${quoted(secret)}.${meantText(nearest(secret, named))}`;
        });
      else if (known.type !== 'secret')
        faults.add(place, 'job-expression', `${secret} is no secret: write \${{ params.${secret} }}.`);
      else if (!known.hasAlwaysValue)
        faults.add(
          place,
          'job-expression',
          `${secret} may have no value, and what would stand here then is not said: make it required: true.`,
        );
    }
    yield { node, template };
  }
}
