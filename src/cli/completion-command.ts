/** `drover completion bash|zsh|fish`: a script for the shell, made from the commands as they are, so that it can never tell of others. */
import { Argument, type Command, type Option } from 'commander';
import { answer, command, type AnswerFlags } from './command.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** One command: what may come next, by itself or after an option. */
export interface CompletionNode {
  /** Words from `drover` on; none for itself. */
  readonly path: string;
  readonly words: readonly CompletionWord[];
  readonly options: readonly CompletionOption[];
}
interface CompletionWord {
  readonly word: string;
  readonly text: string;
}
interface CompletionOption {
  readonly flags: readonly string[];
  readonly text: string;
  readonly takesValue: boolean;
  /** Absent: a file may be meant. */
  readonly choices?: readonly string[] | undefined;
}

export function addCompletionCommand(program: Command): void {
  command(program, 'completion', {
    summary: 'print completion for a shell',
    description:
      'Print completion for a shell: of commands, options and the values that are one of a few. Load it from the ' +
      'file that your shell reads at its start.',
    examples: [
      'drover completion bash >/etc/bash_completion.d/drover',
      'source <(drover completion bash)',
      'drover completion zsh >"${fpath[1]}/_drover"',
      'drover completion fish >~/.config/fish/completions/drover.fish',
    ],
  })
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action(async (shell: Shell, flags: AnswerFlags) => {
      const script = completionScript(shell, completionNodes(program));
      await answer(flags, { name: shell, script }, () => script.trimEnd());
    });
}

export function completionNodes(program: Command): CompletionNode[] {
  const walk = (one: Command, path: readonly string[]): CompletionNode[] => {
    const help = one.createHelp();
    const below = one.commands.filter((sub) => sub.name() !== 'help');
    const choices = one.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
    return [
      {
        path: path.join(' '),
        words: [
          ...below.map((sub) => ({ word: sub.name(), text: sub.summary() })),
          ...choices.map((word) => ({ word, text: '' })),
        ],
        options: help.visibleOptions(one).map(optionOf),
      },
      ...below.flatMap((sub) => walk(sub, [...path, sub.name()])),
    ];
  };
  return walk(program, []);
}

function optionOf(option: Option): CompletionOption {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    text: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices,
  };
}

export function completionScript(shell: Shell, nodes: readonly CompletionNode[]): string {
  return { bash, zsh, fish }[shell](nodes);
}

/** For a single-quoted word of any shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Finds the command by the words before the cursor, which options with a value leave out. Shared by bash and zsh. */
function cases(nodes: readonly CompletionNode[]): { paths: string; valued: string; words: string; values: string } {
  const valued = new Set(nodes.flatMap(({ options }) => options.filter((o) => o.takesValue).flatMap((o) => o.flags)));
  const values = nodes.flatMap(({ path, options }) =>
    options
      .filter((option) => option.takesValue)
      .flatMap(({ flags, choices }) =>
        flags.map((flag) => `    ${quoted(`${path}:${flag}`)}) values=${quoted(choices?.join(' ') ?? '')} ;;`),
      ),
  );
  return {
    paths: nodes.map(({ path }) => quoted(path)).join('|'),
    valued: [...valued].join('|'),
    words: nodes
      .map(
        ({ path, words, options }) =>
          `    ${quoted(path)}) ` +
          `words=${quoted([...words.map(({ word }) => word), ...options.flatMap(({ flags }) => flags.slice(-1))].join(' '))}` +
          ' ;;',
      )
      .join('\n'),
    values: values.join('\n'),
  };
}

function bash(nodes: readonly CompletionNode[]): string {
  const { paths, valued, words, values } = cases(nodes);
  return `# drover completion for bash
_drover() {
  local word command= skip= i words= values= current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -- ]] && return
    if [[ -n $skip ]]; then skip=; continue; fi
    case $word in
      ${valued}) skip=1 ;;
      -*) ;;
      *) case "\${command:+$command }$word" in ${paths}) command=\${command:+$command }$word ;; esac ;;
    esac
  done
  if [[ -n $skip ]]; then
    case "$command:$before" in
${values}
    esac
    COMPREPLY=($(compgen -W "$values" -- "$current"))
    return
  fi
  case $command in
${words}
  esac
  [[ $current == -* || $words != -* ]] && COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _drover drover
`;
}

function zsh(nodes: readonly CompletionNode[]): string {
  const { paths, valued, words, values } = cases(nodes);
  return `#compdef drover
# drover completion for zsh
_drover() {
  local word command= skip= i words_= values= before=\${words[CURRENT-1]} current=\${words[CURRENT]}
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    [[ $word == -- ]] && { _files; return }
    if [[ -n $skip ]]; then skip=; continue; fi
    case $word in
      ${valued}) skip=1 ;;
      -*) ;;
      *) case "\${command:+$command }$word" in ${paths}) command=\${command:+$command }$word ;; esac ;;
    esac
  done
  if [[ -n $skip ]]; then
    case "$command:$before" in
${values}
    esac
    [[ -n $values ]] && compadd -- \${=values} || _files
    return
  fi
  case $command in
${words.replaceAll(') words=', ') words_=')}
  esac
  compadd -- \${=words_}
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _drover "$@"; else compdef _drover drover; fi
`;
}

function fish(nodes: readonly CompletionNode[]): string {
  const { paths, valued } = cases(nodes);
  const at = (path: string): string => `-n ${quoted(`__drover_at ${path}`.trim())}`;
  const lines = nodes.flatMap(({ path, words, options }) => [
    ...words.map(({ word, text }) => `complete -c drover -f ${at(path)} -a ${fishQuoted(word)} -d ${fishQuoted(text)}`),
    ...options.map(({ flags, text, takesValue, choices }) => {
      const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      const value = takesValue ? (choices ? ` -x -a ${fishQuoted(choices.join(' '))}` : ' -r') : '';
      return `complete -c drover ${at(path)} ${names.join(' ')}${value} -d ${fishQuoted(text)}`;
    }),
  ]);
  return `# drover completion for fish
function __drover_command
  set -l found
  set -l skip
  for word in (commandline -opc)[2..-1]
    test "$word" = --; and break
    if test -n "$skip"
      set skip
      continue
    end
    switch $word
      case ${valued.replaceAll('|', ' ')}
        set skip 1
      case '-*'
      case '*'
        if contains -- "$(string join ' ' $found $word)" ${paths.replaceAll('|', ' ')}
          set -a found $word
        end
    end
  end
  string join ' ' $found
end
function __drover_at
  set -l found (__drover_command)
  test "$found" = "$argv"
end
${lines.join('\n')}
`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
