/**
 * The whole of the client's commands as one program: what is asked for is loaded, called, and its failure is told in
 * the form that was asked for.
 */
import { Command, CommanderError } from 'commander';
import { version } from '../base/node-process.ts';
import { addCommands } from './commands.ts';
import { EXIT } from '../base/exit-codes.ts';
import { given } from '../base/given.ts';
import { explain, UsageError } from './exit.ts';
import { note } from './out.ts';

/** Options that every command has, with a value or without; before the command they are meant for it as well. */
const COMMON: Readonly<Record<string, boolean>> = {
  '--context': true,
  '-o': true,
  '--output': true,
  '-j': false,
  '--json': false,
};

/** The answer is what to exit with. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const forProgram = isForProgram(args);
  const program = new Command('drover')
    .description('Operations work on fleets of servers.')
    .version(version())
    .exitOverride()
    // Faults of the words are told below, with what was meant.
    .configureOutput({
      outputError: () => undefined,
      ...given({ writeErr: forProgram ? () => undefined : undefined }),
    });
  await addCommands(program, calledCommand(commonLast(args)));
  const words = commonLast(args, program);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return Number(process.exitCode ?? EXIT.succeeded);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return helped(error, words);
    const { message, code, problem } = await explain(
      error instanceof CommanderError ? await worded(error, words) : error,
    );
    if (forProgram) process.stderr.write(`${(await import('./form-text.ts')).jsonText(problem)}\n`);
    // Whoever named a group alone has been shown its help. Else texts of others may be in it: names, and what parameters are for.
    else if (!(error instanceof CommanderError && error.code === 'commander.help'))
      note(`drover: ${await shown(message)}`);
    return code;
  }
}

/** Letters and signs of ASCII are as they are; for all else is loaded what tells it from what commands a terminal. */
async function shown(message: string): Promise<string> {
  return /^[\n\x20-\x7e]*$/.test(message) ? message : (await import('./text-width.ts')).plainLines(message);
}

/** Help of a group does for a command of it that there is not; but whoever calls for it hears that, and a script does not go on. */
async function helped(error: CommanderError, words: readonly string[]): Promise<number> {
  const isOfAll = words.every((word) => word.startsWith('-'));
  if (error.code !== 'commander.helpDisplayed' || isOfAll) return EXIT.succeeded;
  const { strayWord } = await import('./word-fault.ts');
  const all = new Command('drover');
  await addCommands(all, 'completion');
  const stray = strayWord(all, words);
  if (stray === undefined) return EXIT.succeeded;
  note(`drover: ${await shown(stray)}`);
  return EXIT.usage;
}

/** A fault may be about any command, so all of them are loaded for it. */
async function worded(error: CommanderError, words: readonly string[]): Promise<UsageError> {
  const { wordFault } = await import('./word-fault.ts');
  const all = new Command('drover');
  await addCommands(all, 'completion');
  return new UsageError(
    error.code === 'commander.help' ? 'Say which command; --help lists them.' : wordFault(error, all, words),
  );
}

/** `drover help run` is about `run`. */
function calledCommand(words: readonly string[]): string | undefined {
  const [first, second] = words.filter((word) => !word.startsWith('-'));
  return first === 'help' ? second : first;
}

/** Whether the answer is read by a program, also where the words are so wrong that they cannot be parsed. */
function isForProgram(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  const own = end < 0 ? words : words.slice(0, end);
  return own.some((word, i) => {
    const form = /^(?:--output=|-o=?)(.+)$/.exec(word)?.[1] ?? (word === '-o' || word === '--output' ? own[i + 1] : '');
    return word === '--json' || /^-[a-z]*j[a-z]*$/.test(word) || ['json', 'jsonl', 'yaml'].includes(form ?? '');
  });
}

/**
 * The words with the common options that stand before their command put behind it, where it reads them. `program`: also those that stand
 * between a group and its command, as in `drover hosts -o wide list`.
 */
export function commonLast(words: readonly string[], program?: Command): string[] {
  const end = words.indexOf('--');
  const own = end < 0 ? words : words.slice(0, end);
  const [first, moved]: [string[], string[]] = [[], []];
  let at = program;
  for (let i = 0; i < own.length; i++) {
    const word = own[i]!;
    const takesValue = COMMON[word];
    // Behind the last word that names a command it is read where it stands, or is the value of something else.
    const isBefore = first.length === 0 || (at !== undefined && at.commands.length > 0);
    if (!isBefore || !(takesValue !== undefined || /^--(context|output)=/.test(word))) {
      first.push(word);
      at = at?.commands.find((one) => one.name() === word);
    } else moved.push(word, ...(takesValue === true ? own.slice(++i, i + 1) : []));
  }
  return [...first, ...moved, ...(end < 0 ? [] : words.slice(end))];
}
