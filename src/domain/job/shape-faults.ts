/** What a schema says of a text, in words for whoever wrote it, each at its place in the tree. */
import { z } from 'zod';
import { isErrorCode } from '../../base/errors.ts';
import { meantText, nearest } from '../../base/nearest.ts';
import { entriesOf, itemsOf, type TreeNode } from './document-tree.ts';
import { JobFaults, quoted } from './job-fault.ts';

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

export function shapeFaults(schema: z.ZodType, tree: TreeNode, issues: readonly Issue[], faults: JobFaults): void {
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') unknownKeys(schema, tree, issue.path, issue.keys, faults);
    else {
      const { at, node, isThere } = placeOf(tree, issue.path);
      const coded = /^([a-z-]+): (.*)$/s.exec(issue.message);
      const code = coded && isErrorCode(coded[1]!) ? coded[1] : undefined;
      if (isBareDuration(issue, node)) {
        faults.add(at, 'bad-duration', `${String(issue.path.at(-1))}: write it with a unit, such as 30s, 5m or 1h30m.`);
        continue;
      }
      const others = issue.code === 'invalid_union' ? itemsOf(node).filter(({ value }) => isPlain(value)) : [];
      if (isThere && others.length > 0) {
        const field = String(issue.path.at(-1));
        for (const item of others)
          faults.add(item.at, 'bad-input', () => `${field}: a text is wanted, not ${told(item, true)}.`);
        continue;
      }
      faults.add(at, code ?? 'bad-input', () =>
        sentence(issue, code ? coded![2]! : issue.message, isThere ? node : undefined),
      );
    }
  }
}

/** What is a text once it stands in quotes. */
function isPlain(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

/** A number where a duration belongs: in quotes it would still be none. */
function isBareDuration(issue: Issue, { value }: TreeNode): boolean {
  return issue.code === 'invalid_type' && typeof value === 'number' && DURATIONS.includes(String(issue.path.at(-1)));
}

const DURATIONS: readonly string[] = ['timeout', 'kill_after', 'start_deadline', 'lost_after', 'late_after'];

function unknownKeys(schema: z.ZodType, tree: TreeNode, path: Path, keys: readonly string[], faults: JobFaults): void {
  const { at, node } = placeOf(tree, path);
  for (const key of keys)
    faults.add(entriesOf(node).get(key)?.at ?? at, 'job-key-unknown', () => {
      const known = knownKeys(schema, path);
      return `${quoted(key)} is not known here.${meantText(nearest(key, known))} Known are ${known.join(', ')}.`;
    });
}

/** The nearest thing that there is on a path: itself, or what should hold it. */
function placeOf(tree: TreeNode, path: Path): { at: number; node: TreeNode; isThere: boolean } {
  let [node, at] = [tree, tree.at];
  for (const part of path) {
    const entry = entriesOf(node).get(String(part));
    const item = typeof part === 'number' ? itemsOf(node)[part] : undefined;
    if (entry) [node, at] = [entry.node, entry.at];
    else if (item) [node, at] = [item, item.at];
    else return { at, node, isThere: false };
  }
  return { at, node, isThere: true };
}

function knownKeys(schema: z.ZodType, path: Path): string[] {
  let at: unknown = schema;
  const bare = (one: unknown): unknown => (one instanceof z.ZodOptional ? bare(one.unwrap()) : one);
  for (const part of path) {
    const inner = bare(at);
    at =
      inner instanceof z.ZodArray
        ? inner.element
        : inner instanceof z.ZodObject
          ? inner.shape[String(part)]
          : undefined;
  }
  const found = bare(at);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function sentence(issue: Issue, message: string, node: TreeNode | undefined): string {
  const field = issue.path.findLast((part) => typeof part === 'string');
  const of = field === undefined ? 'The job' : String(field);
  switch (issue.code) {
    case 'invalid_type':
      if (node === undefined) return `${of} is missing.`;
      return `${of}: ${wanted(issue.expected)} is wanted, not ${told(node, issue.expected === 'string')}.${exampleOf(of, issue, node)}`;
    case 'invalid_value':
      return `${of}: ${node ? told(node, false) : 'this'} is not one of ${issue.values.map(String).join(', ')}.${meantText(
        typeof node?.value === 'string' ? nearest(node.value, issue.values.map(String)) : [],
      )}`;
    case 'too_big':
      return `${of}: ${bounded(issue.origin, `${issue.maximum}`, 'at most')}.`;
    case 'too_small':
      return `${of}: ${bounded(issue.origin, `${issue.minimum}`, 'at least')}.`;
    default:
      return `${of}: ${message}${/[.?]$/.test(message) ? '' : '.'}`;
  }
}

/** What everybody writes first, as it is to be written. */
const EXAMPLES: Readonly<Record<string, string>> = {
  approval: 'approval: { message: Go on? }',
  wait: 'wait: { for: 10m }',
  http: "http: { url: 'https://example.com/' }",
};

function exampleOf(field: string, { expected }: { readonly expected: string }, { value }: TreeNode): string {
  const example = Object.hasOwn(EXAMPLES, field) ? EXAMPLES[field] : undefined;
  return example === undefined || expected !== 'object' || typeof value === 'object'
    ? ''
    : ` Write it like this: ${example}`;
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

function wanted(expected: string): string {
  return WORDS[expected] ?? expected;
}

function bounded(origin: string, bound: string, how: 'at least' | 'at most'): string {
  if (origin === 'string') return `${how} ${bound} characters are ${how === 'at most' ? 'allowed' : 'wanted'}`;
  if (origin === 'array')
    return `${how} ${bound} ${bound === '1' ? 'entry is' : 'entries are'} ${how === 'at most' ? 'allowed' : 'wanted'}`;
  return `${bound} ${how}`;
}

function told({ value }: TreeNode, isTextWanted: boolean): string {
  if (value === null) return 'nothing';
  if (typeof value === 'object') return value instanceof Map ? 'a map' : 'a list';
  if (typeof value === 'string') return quoted(value);
  return `${value}${isTextWanted ? ` without quotes: write "${value}"` : ''}`;
}
