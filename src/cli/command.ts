/** What all commands have alike: a summary, examples in the help, `--json` for programs, and one way to answer. */
import { Option, type Command } from 'commander';
import { ON_DISCONNECT } from './interrupt.ts';
import { out } from './out.ts';

export interface AnswerFlags {
  readonly json?: boolean;
  readonly utc?: boolean;
}

export interface CommandWords {
  readonly summary: string;
  readonly description?: string /** Lines of the shell, without the prompt. */;
  readonly examples: readonly string[];
}

/** A group of commands, such as `drover hosts`. */
export function group(parent: Command, name: string, summary: string): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(`${capital(summary)}.`);
}

/** A command that answers: with text, or with one document on `--json`. */
export function command(parent: Command, name: string, { summary, description, examples }: CommandWords): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(description ?? `${capital(summary)}.`)
    .option('-j, --json', 'answer with one JSON document')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`);
}

/** For commands that follow what they have begun. */
export function withDisconnect(target: Command): Command {
  return target.addOption(
    new Option(
      '--on-disconnect <what>',
      'what becomes of the run when this command is ended (SIGTERM, a closed terminal, Ctrl-C without a terminal): cancel or detach (default: detach at a terminal, else cancel)',
    ).choices(ON_DISCONNECT),
  );
}

/** For commands that show times. */
export function withUtc(target: Command): Command {
  return target.option('--utc', 'show times in UTC, not in the time of this place');
}

export async function answer(flags: AnswerFlags, document: unknown, text: () => string): Promise<void> {
  await out(`${flags.json ? JSON.stringify(document) : text()}\n`);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
