/** What all commands have alike: a summary, examples in the help, the forms of an answer, and one way to give it. */
import { Option, type Command } from 'commander';
import { UsageError } from './exit.ts';
import { ON_DISCONNECT } from './runs/interrupt.ts';
import { isTerminal, out } from './out.ts';
import { table } from './render.ts';
import { chooseContext } from './servers/session.ts';
import { capital, plainText, terminalText } from './text-width.ts';

const OUTPUT_FORMS = ['table', 'wide', 'json', 'jsonl', 'yaml', 'name'] as const;
export type OutputForm = (typeof OUTPUT_FORMS)[number];

export interface AnswerFlags {
  /** For a program, in whatever form: nothing is said beside the answer. */
  readonly json?: boolean;
  readonly output?: OutputForm;
  readonly utc?: boolean;
}

export interface CommandWords {
  readonly summary: string;
  readonly description?: string;
  /** Lines of the shell, without the prompt. */
  readonly examples: readonly string[];
}

/** A group of commands, such as `drover hosts`. */
export function group(parent: Command, name: string, summary: string): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(`${capital(summary)}.`);
}

/** A command that answers: with text for a person, or in a form for a program. */
export function command(parent: Command, name: string, { summary, description, examples }: CommandWords): Command {
  return (
    parent
      .command(name)
      .summary(summary)
      .description(description ?? `${capital(summary)}.`)
      .option('-j, --json', 'answer with one JSON document; the same as -o json')
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(OUTPUT_FORMS))
      .option('--context <name>', 'server to speak to, of those that drover login has stored')
      // A command with others below it, such as audit, is asked for those too: each settles its own.
      .hook('preAction', (own, self) => void (own === self && settle(self)))
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
  );
}

function settle(self: Command): void {
  const { json, output, context } = self.optsWithGlobals<AnswerFlags & { readonly context?: string }>();
  if (json && output !== undefined && output !== 'json') throw new UsageError(`Give --json or -o ${output}, not both.`);
  if (output !== undefined && output !== 'table' && output !== 'wide') self.setOptionValue('json', true);
  if (context !== undefined) chooseContext(context);
}

/** For commands that follow what they have begun. */
export function withDisconnect(target: Command): Command {
  return target.addOption(
    new Option(
      '--on-disconnect <what>',
      'what becomes of the run when this command is ended (SIGTERM, a closed terminal, Ctrl-C without a ' +
        'terminal): cancel or detach (default: detach at a terminal, else cancel)',
    ).choices(ON_DISCONNECT),
  );
}

/** For commands that show times. */
export function withUtc(target: Command): Command {
  return target.option('--utc', 'show times in UTC, not in the time of this place');
}

/** `name` is what a thing of the answer is called in later commands. */
export async function answer<D>(
  flags: AnswerFlags,
  document: D,
  text: () => string,
  name: (item: ItemOf<D>) => string = nameOf,
): Promise<void> {
  // Every text from elsewhere is made plain where it is put into a line; whoever forgets it gives the terminal no commands all the same.
  if (!flags.json) return out(`${isTerminal('stdout') ? terminalText(text()) : text()}\n`);
  const { jsonText } = await import('./form-text.ts');
  const items = itemsOf(document);
  switch (flags.output) {
    case 'jsonl':
      for (const item of items) await out(`${jsonText(item)}\n`);
      return;
    case 'yaml':
      return out((await import('./yaml-text.ts')).yamlText(document));
    case 'name':
      for (const item of items) {
        const text = name(item as ItemOf<D>);
        if (text !== '') await out(`${plainText(text)}\n`);
      }
      return;
    default:
      return out(`${jsonText(document)}\n`);
  }
}

type ItemOf<D> = D extends { readonly items: readonly (infer I)[] } ? I : D;

/** A list is its items; anything else is one thing. */
function itemsOf(document: unknown): readonly unknown[] {
  const items = (document as { items?: unknown } | null)?.items;
  return Array.isArray(items) ? items : [document];
}

/** Empty for what has no name, such as an answer that says that there was nothing to do. */
function nameOf(item: unknown): string {
  const inner = item as Readonly<Record<string, unknown>>;
  // Runs have names for people, which need not be their own alone.
  const { id } = (inner.run ?? {}) as { readonly id?: unknown };
  if (typeof id === 'string') return id;
  const found = [
    'name',
    'host',
    'id',
    'fingerprint',
    'version',
    'removed',
    'revoked',
    'token',
    'keyId',
    'context',
  ].find((key) => typeof inner[key] === 'string');
  if (found !== undefined) return String(inner[found]);
  const [only] = Object.values(inner).filter((value) => typeof value === 'object' && value !== null);
  return only === undefined ? '' : nameOf(only);
}

/** A column of a list; a wide one is shown on `-o wide` only. */
export type Column<T> = readonly [title: string, cell: (item: T) => string | undefined, width?: 'wide'];

export function listText<T>(flags: AnswerFlags, items: readonly T[], columns: readonly Column<T>[]): string {
  const shown = columns.filter(([, , width]) => width === undefined || flags.output === 'wide');
  return table(
    shown.map(([title]) => title),
    items.map((item) => shown.map(([, cell]) => cell(item) ?? '')),
  );
}
