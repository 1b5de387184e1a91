/**
 * What to say of a command line that does not fit the commands: which command or option was meant, where other tools have another name
 * for it, and where its help is. Loaded only when there is something to say.
 */
import type { Command, CommanderError } from 'commander';
import { meantText, nearest } from '../base/nearest.ts';
import { capital } from './text-width.ts';

/** What other tools call options of ours; told where the command has ours. */
const OTHERWISE: Readonly<Record<string, readonly string[]>> = {
  '--target': ['--label', '--labels', '--host', '--hosts', '--on', '--where', '--hostname', '--node', '--nodes'],
  '--script': ['--file', '-f', '--script-file'],
  '--concurrency': ['--forks', '--parallel', '--jobs', '--batch'],
  '--as': ['--account', '--run-as', '--become'],
  '--follow': ['--tail'],
  '--limit': ['--max', '--count', '--number'],
  '--max-failed': ['--max-fail', '--fail-fast', '--ignore-errors'],
  '--yes': ['--force', '--assume-yes'],
  '--user': ['--username', '--login', '--login-user'],
  '--output': ['--format'],
  '--lifetime': ['--ttl', '--expires', '--expiry'],
};

/** Where a name alone would not help. */
const ADVICE: readonly (readonly [path: RegExp, option: RegExp, text: string])[] = [
  [
    /^login$/,
    /^--(token|password|api-key|secret)$/,
    ' A token never stands on a command line, where others could read it: it is asked for, read from standard ' +
      'input (drover login URL <token.txt), or taken from DROVER_TOKEN.',
  ],
  [
    /^run$/,
    /^--(command|cmd|exec|shell|module-name|args)$/,
    " What is to run comes last: drover run -t EXPRESSION -- COMMAND …, or -- 'a line for the shell'.",
  ],
  [
    /^hosts add$/,
    /^--(user|key|password)$/,
    ' Who logs in, and how, is said by an account: drover accounts create; then --account NAME.',
  ],
  [
    /^(?!hosts (add|edit)$)/,
    /^--(port|server|url|host-url)$/,
    ' Which server is asked is said by --context NAME or DROVER_URL.',
  ],
];

/** One sentence of what is wrong and what was meant. `program`: with every command loaded. */
export function wordFault(error: CommanderError, program: Command, words: readonly string[]): string {
  const told = error.message.replace(/^error: /, '');
  const { command, path, rest } = commandAt(program, words, optionOf(told));
  const name = ['drover', ...path].join(' ');
  const help = ` (${name} --help tells more)`;
  switch (error.code) {
    case 'commander.unknownOption':
      return `${name} has no option ${optionOf(told)}.${optionHint(command, path, optionOf(told))}${help}`;
    case 'commander.unknownCommand':
    case 'commander.excessArguments':
      if (command.commands.length === 0) return `${capital(told).replace(/\.?$/, '.')}${help}`;
      return `${name} has no command ${rest ?? ''}.${commandHint(program, command, path, rest ?? '')}${help}`;
    default:
      return `${capital(told).replace(/\.?$/, '.')}${help}`;
  }
}

/** Of a call for help: what is wrong with it, where it names a command that there is not. */
export function strayWord(program: Command, words: readonly string[]): string | undefined {
  const { command, path, rest } = commandAt(program, words, '');
  if (rest === undefined || command.commands.length === 0 || command.registeredArguments.length > 0) return undefined;
  return `${['drover', ...path].join(' ')} has no command ${rest}.${commandHint(program, command, path, rest)}`;
}

/** As far as the words name commands, and no further than to an option that is unknown there; `rest` is the first that names none. */
function commandAt(
  program: Command,
  words: readonly string[],
  unknown: string,
): { readonly command: Command; readonly path: readonly string[]; readonly rest: string | undefined } {
  let command = program;
  const path: string[] = [];
  for (let i = 0; i < words.length && words[i] !== '--'; i++) {
    const word = words[i]!;
    if (word.startsWith('-')) {
      const known = command.options.find((option) => [option.short, option.long].includes(word.split('=')[0]));
      if (!known && word.split('=')[0] === unknown) break;
      if (known?.required && !word.includes('=')) i++;
      continue;
    }
    const below = command.commands.find((one) => one.name() === word);
    if (!below) return { command, path, rest: word };
    command = below;
    path.push(word);
  }
  return { command, path, rest: undefined };
}

function optionOf(told: string): string {
  return /'(-[^'=]*)/.exec(told)?.[1] ?? '';
}

function optionHint(command: Command, path: readonly string[], option: string): string {
  const known = [...command.options.flatMap(({ long }) => (long == null ? [] : [long])), '--help'];
  const ours = known.filter((long) => OTHERWISE[long]?.includes(option));
  if (ours.length > 0) return meantText(ours);
  const below = command.commands.filter((one) => one.options.some(({ short, long }) => [short, long].includes(option)));
  if (below.length > 0 && path.length > 0)
    return ` It goes behind the command: ${below
      .slice(0, 3)
      .map((one) => `drover ${[...path, one.name()].join(' ')} ${option}`)
      .join(', ')}.`;
  const advice = ADVICE.find(([at, what]) => at.test(path.join(' ')) && what.test(option))?.[2];
  return (
    advice ??
    meantText(
      nearest(
        option.replace(/^-+/, ''),
        known.map((long) => long.slice(2)),
      ).map((long) => `--${long}`),
    )
  );
}

function commandHint(program: Command, command: Command, path: readonly string[], word: string): string {
  const names = command.commands.map((one) => one.name());
  const found = nearest(word, path.length === 0 ? [...names, 'help'] : names);
  if (found.length > 0) return meantText(found.map((one) => ['drover', ...path, one].join(' ')));
  // `audit` lists by itself.
  if (path.length > 0 && command.registeredArguments.length === 0 && nearest(word, ['list', 'show']).length > 0)
    return ` It lists by itself: drover ${path.join(' ')}`;
  return meantText(
    pathsTo(program, word)
      .slice(0, 5)
      .map((one) => `drover ${one}`),
  );
}

/** Where else there is a command of that name: `drover list` may be of hosts or of runs. */
function pathsTo(command: Command, word: string, path: readonly string[] = []): string[] {
  return command.commands.flatMap((one) => [
    ...(path.length > 0 && nearest(word, [one.name()]).length > 0 ? [[...path, one.name()].join(' ')] : []),
    ...pathsTo(one, word, [...path, one.name()]),
  ]);
}
