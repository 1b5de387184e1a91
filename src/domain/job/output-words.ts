/**
 * Words into which no output of a step may be put, since programs that everybody knows read them as a program, as an option, or as
 * where programs are found. What hosts tell is theirs to choose: one that was taken over would run what it likes on the others. Of
 * programs that are not known here nothing is said. Pure.
 */

/** In the place of an output, and of a parameter: whoever starts the job may run scripts anyway. */
export const OUTPUT_HERE = '\uFFFC';

/** What they are given as text of a program stands behind an option. */
const READS_PROGRAM = anyOf([
  '(?:ba|da|a|z|k|mk|fi|c|tc)?sh busybox script su runuser',
  'python[\\d.]* pypy[\\d.]* perl[\\d.]* ruby[\\d.]* node nodejs deno bun php[\\d.]* lua[\\d.]* tclsh Rscript osascript',
  'pwsh powershell cmd psql mysql mariadb sqlite3',
]);
const PROGRAM_OPTION = new RegExp(
  '^(?:-[A-Za-z]*[ceErpS]|--(?:eval|execute|command|exec|print|run|session-command)|-command|-encodedcommand|/[ckr])$',
  'i',
);
/** Their first word that is no option is a program. */
const PROGRAM_FIRST = anyOf(['[gmn]?awk sed']);
/** Their words are put together and said to a shell, as a rule on another machine. */
const OF_ANOTHER_SHELL = anyOf(['ssh rsh dbclient plink eval watch parallel pdsh clush ansible']);
/** They run the program that comes behind their own options. */
const RUNS_ANOTHER = anyOf([
  'env sudo doas nice ionice nohup timeout time setsid stdbuf chroot chrt taskset xargs exec command builtin',
  'setpriv unshare nsenter flock strace systemd-run caffeinate busybox',
]);

function anyOf(lists: readonly string[]): RegExp {
  return new RegExp(`^(?:${lists.join(' ').replaceAll(' ', '|')})(?:\\.exe)?$`, 'i');
}

/** @returns for each word that an output may not stand in, its place and why. */
export function outputWordFaults(words: readonly string[]): { readonly at: number; readonly detail: string }[] {
  const faults: { at: number; detail: string }[] = [];
  let awaitsProgram = true;
  let awaitsText = '';
  let readsPrograms = '';
  let isOfShell = '';
  for (const [at, word] of words.entries()) {
    const hasOutput = word.includes(OUTPUT_HERE);
    const name = nameOf(word);
    const isOption = word.startsWith('-') || (readsPrograms !== '' && PROGRAM_OPTION.test(word));
    if (hasOutput) {
      const why =
        isOfShell !== '' || awaitsText !== ''
          ? `${isOfShell || awaitsText} reads this word as a program`
          : readsPrograms !== '' && (PROGRAM_OPTION.test(words[at - 1] ?? '') || isJoinedOption(word))
            ? `${readsPrograms} reads this word as a program`
            : awaitsProgram && at > 0 && !isAssignment(word) && word.startsWith(OUTPUT_HERE)
              ? `${nameOf(words[at - 1]!)} may take this word for an option, or for the program that it runs`
              : undefined;
      if (why !== undefined)
        faults.push({
          at,
          detail: `${why}, and what hosts have told is no part of one: give it by env, and read that.`,
        });
    }
    if (READS_PROGRAM.test(name)) readsPrograms = name;
    if (OF_ANOTHER_SHELL.test(name)) isOfShell ||= name;
    if (awaitsText !== '' && !isOption) awaitsText = '';
    if (PROGRAM_FIRST.test(name)) awaitsText = name;
    if (awaitsProgram && !isOption && !isAssignment(word) && !/^[\d.]+[smhd]?$/.test(word))
      awaitsProgram = RUNS_ANOTHER.test(name);
  }
  return faults;
}

function nameOf(word: string): string {
  return word.slice(word.lastIndexOf('/') + 1);
}

/** `--eval=…`, `-c…`. */
function isJoinedOption(word: string): boolean {
  return /^(?:-[cerp]|--[a-z-]+=)/.test(word);
}

function isAssignment(word: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*=/.test(word);
}

/** By these programs are found, or are told what to run or to load. */
const TELLS_PROGRAMS = anyOf([
  'PATH ENV BASH_ENV BASH_FUNC_.* BASHOPTS SHELLOPTS SHELL IFS PS4 PROMPT_COMMAND CDPATH ZDOTDIR HOME',
  'LD_.* DYLD_.* GCONV_PATH GLIBC_TUNABLES COMSPEC PATHEXT PSMODULEPATH',
  'PYTHON.* PERL.* NODE_.* RUBY.* GEM_.* PHPRC PHP_INI_SCAN_DIR LUA_.* CLASSPATH',
  'JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS TAR_OPTIONS RSYNC_.* MAKEFLAGS GIT_.*',
  'SSH_ASKPASS SUDO_ASKPASS EDITOR VISUAL PAGER MANPAGER LESSOPEN LESSCLOSE BROWSER',
]);

export function tellsPrograms(variable: string): boolean {
  return TELLS_PROGRAMS.test(variable);
}
