/** The whole of the client's commands as one program: what is asked for is loaded, called, and its failure is told in the form that was asked for. */
import { Command, CommanderError } from 'commander';
import { version } from '../base/node-process.ts';
import { addCommands } from './commands.ts';
import { EXIT } from '../base/exit-codes.ts';
import { explain } from './exit.ts';
import { note } from './out.ts';

/** The answer is what to exit with. */
export async function runCommand(words: readonly string[]): Promise<number> {
  const forProgram = isForProgram(words);
  const program = new Command('drover')
    .description('Operations work on fleets of servers.')
    .version(version())
    .exitOverride()
    .showHelpAfterError('(drover COMMAND --help tells more)')
    .configureOutput(forProgram ? { writeErr: () => undefined } : {});
  await addCommands(program, calledCommand(words));
  process.stdout.on('error', (error: NodeJS.ErrnoException) => error.code === 'EPIPE' && process.exit(0));
  // A terminal that was closed takes no more words; what is under way goes on.
  process.stderr.on('error', () => undefined);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return Number(process.exitCode ?? EXIT.succeeded);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.succeeded;
    const { message, code, problem } = explain(error);
    if (forProgram) process.stderr.write(`${JSON.stringify(problem)}\n`);
    // A fault of the words has been told with its usage.
    else if (!(error instanceof CommanderError)) note(`drover: ${message}`);
    return code;
  }
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
