/**
 * Words into which no output of a step may be put, since programs that everybody knows read them as a program, as an option, or as
 * where programs are found. What hosts tell is theirs to choose: one that was taken over would run what it likes on the others. Of
 * programs that are not known here nothing is said. Pure.
 */
import {
  ELSEWHERE,
  ELSEWHERE_RUNNER,
  knownProgram,
  nameOf,
  readOption,
  RUNS_ELSEWHERE,
  type KnownProgram,
} from './known-programs.ts';

/** In the place of an output, and of a parameter: whoever starts the job may run scripts anyway. */
export const OUTPUT_HERE = '\uFFFC';

const REMEDY = 'what hosts have told is no part of one: give it by env, and read that';

/** `words`: the program and what it is given. @returns for each word that an output may not stand in, its place and why. */
export function outputWordFaults(words: readonly string[]): { readonly at: number; readonly detail: string }[] {
  const reader = new WordReader(words);
  reader.program(0);
  // Who runs another program, and is not known here, has it among its words.
  for (const at of words.keys()) reader.among(at);
  return [...reader.faults].sort(([one], [other]) => one - other).map(([at, detail]) => ({ at, detail }));
}

/** Reads each word in each of the ways in which it may be read. */
class WordReader {
  readonly faults = new Map<number, string>();
  readonly #words: readonly string[];
  /** Programs that were looked at, and ways in which options of one were. */
  readonly #seen = new Set<string>();

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  program(at: number): void {
    const word = this.#words[at];
    if (word === undefined || !this.#isNew(`program ${at}`)) return;
    // What is run at all is said by the job, and told where its first word is looked at.
    if (at > 0 && word.includes(OUTPUT_HERE))
      return this.#refuse(at, at - 1, 'may take this word for the program that it runs');
    const known = knownProgram(word);
    const elsewhere = ELSEWHERE.test(nameOf(word))
      ? this.#words.findIndex((one, i) => i > at && RUNS_ELSEWHERE.test(one))
      : -1;
    if (elsewhere > at) this.#behind(at, elsewhere + 1, ELSEWHERE_RUNNER);
    if (known?.kind === 'whole') this.#whole(at, known);
    else if (known?.kind === 'options') this.#options(at, known);
    else if (known) this.#behind(at, at + 1, known);
  }

  /** A program that stands among the words of another, which may run it: what is plainly text to it is looked at. */
  among(at: number): void {
    const known = knownProgram(this.#words[at]!);
    if (known?.kind === 'whole' && known.assignsBy === undefined && OF_ANOTHER_SHELL.test(nameOf(this.#words[at]!)))
      this.#whole(at, known);
    else if (known?.kind === 'shell' || known?.kind === 'interpreter') {
      const next = this.#words.findIndex((word, i) => i > at && !word.startsWith('-'));
      const own = this.#words.slice(at + 1, next === -1 ? undefined : next);
      if (own.some((word) => readOption(word, known).isCode)) this.#behind(at, at + 1, known);
    }
  }

  #whole(of: number, { assignsBy }: Extract<KnownProgram, { kind: 'whole' }>): void {
    for (let at = of + 1; at < this.#words.length; at++) {
      const isAssigned = assignsBy?.test(this.#words[at - 1]!) === true && isAssignment(this.#words[at]!);
      if (this.#has(at) && !isAssigned) this.#refuse(at, of, 'reads this word as a program, or as a part of one');
    }
  }

  #options(of: number, { runs, begins }: Extract<KnownProgram, { kind: 'options' }>): void {
    for (let at = of + 1; at < this.#words.length && this.#words[at] !== '--'; at++) {
      const word = this.#words[at]!;
      const option = word.startsWith('-') ? word.split('=')[0]! : '';
      if (begins?.test(word)) this.program(at + 1);
      if (!word.includes(OUTPUT_HERE)) continue;
      const isOption = word.startsWith(OUTPUT_HERE) || (option.startsWith('--') ? runs.test(option) : option !== '');
      if (isOption || runs.test(this.#words[at - 1]!) || word.startsWith('+'))
        this.#refuse(
          at,
          of,
          'may take this word for an option, or for a program (where it is data, let -- or ./ stand before it)',
        );
    }
  }

  /** Behind its name: options, variables, words of its own, and then what it runs, or is given. */
  #behind(of: number, from: number, known: Behind): void {
    let isText = false;
    for (let at = from; at < this.#words.length; at++) {
      if (!this.#isNew(`${of} ${at} ${isText}`)) return;
      const word = this.#words[at]!;
      if (word.startsWith(OUTPUT_HERE))
        return this.#refuse(at, of, 'may take this word for an option, or for the program that it runs');
      const isOption = /^-./.test(word) || (known.kind === 'shell' && /^\+./.test(word));
      if (word === '--') return this.#operands(of, at + 1, known, isText);
      if (isOption) {
        const { takes, isCode } = readOption(word, known);
        const isAssigned = known.kind === 'filter' && /^-.*v$/.test(word) && isAssignment(this.#words[at + 1] ?? '');
        if (word.includes(OUTPUT_HERE)) return this.#refuse(at, of, 'reads this word as an option');
        if (takes !== 'no' && this.#has(at + 1) && !isAssigned)
          return this.#refuse(at + 1, of, 'may take this word for the value of an option, or for a program');
        isText ||= isCode;
        if (takes === 'maybe') this.#behindAgain(of, at + 2, known, isText);
        if (takes === 'yes' && isCode && known.kind === 'interpreter' && known.isLast) return;
        if (takes === 'yes') at++;
      } else if (known.kind === 'runner' && known.assigns && isAssignment(word)) {
        if (word.includes(OUTPUT_HERE) && tellsPrograms(word.slice(0, word.indexOf('='))))
          return this.#refuse(at, of, 'is given a variable by which programs are found or loaded');
      } else return this.#operands(of, at, known, isText);
    }
  }

  /** The same, where a word has been taken for the value of an option. */
  #behindAgain(of: number, from: number, known: Behind, isText: boolean): void {
    if (!isText) return this.#behind(of, from, known);
    // Text was given: what comes next is data, or another option.
    this.#operands(of, from, known, isText);
  }

  #operands(of: number, from: number, known: Behind, isText: boolean): void {
    let at = from;
    if (known.kind === 'runner') {
      for (let left = known.operands; left > 0; left--, at++)
        if (this.#has(at)) return this.#refuse(at, of, 'reads this word as its own');
      if (/^(?:-c|--command)$/.test(this.#words[at] ?? '')) at++;
      if (this.#words[at] === '--') at++;
      return this.program(at);
    }
    const isData = isText && known.kind !== 'shell';
    if (!isData && this.#has(at)) this.#refuse(at, of, 'reads this word as a program');
    if (known.kind !== 'filter') return;
    // Options that stand behind other words.
    const isEnded = this.#words[from - 1] === '--';
    for (at += isData ? 0 : 1; at < this.#words.length && !isEnded; at++) {
      const isOption = known.permutes && this.#words[at]!.startsWith(OUTPUT_HERE);
      const isOfOption = /^-./.test(this.#words[at - 1]!) && readOption(this.#words[at - 1]!, known).isCode;
      if (this.#words[at] === '--') return;
      if (this.#has(at) && (isOption || isOfOption || /^-/.test(this.#words[at]!)))
        this.#refuse(
          at,
          of,
          'may take this word for an option, or for a program (where it is data, let -- stand before it)',
        );
    }
  }

  #has(at: number): boolean {
    return this.#words[at]?.includes(OUTPUT_HERE) === true;
  }

  #isNew(what: string): boolean {
    const isNew = !this.#seen.has(what);
    this.#seen.add(what);
    return isNew;
  }

  #refuse(at: number, of: number, does: string): void {
    if (!this.faults.has(at)) this.faults.set(at, `${nameOf(this.#words[of]!)} ${does}, and ${REMEDY}.`);
  }
}

type Behind = Exclude<KnownProgram, { kind: 'whole' | 'options' }>;

/** Their words are put together and said to a shell, as a rule on another machine. */
const OF_ANOTHER_SHELL = /^(?:ssh|rsh|dbclient|plink|eval|watch|parallel|pdsh|clush|ansible)$/i;

function isAssignment(word: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*=/.test(word);
}

function anyOf(lists: readonly string[]): RegExp {
  return new RegExp(`^(?:${lists.join(' ').replaceAll(' ', '|')})$`, 'i');
}

/** By these programs are found, or are told what to run or to load. */
const TELLS_PROGRAMS = anyOf([
  'PATH ENV BASH_ENV BASH_FUNC_.* BASHOPTS SHELLOPTS SHELL IFS PS4 PROMPT_COMMAND CDPATH ZDOTDIR HOME',
  'LD_.* DYLD_.* GCONV_PATH GLIBC_TUNABLES COMSPEC PATHEXT PSMODULEPATH',
  'PYTHON.* PERL.* NODE_.* RUBY.* GEM_.* PHPRC PHP_INI_SCAN_DIR LUA_.* CLASSPATH',
  'JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS TAR_OPTIONS RSYNC_.* GIT_.*',
  'SSH_ASKPASS SUDO_ASKPASS EDITOR VISUAL PAGER MANPAGER BROWSER LESS LESSOPEN LESSCLOSE LESSKEY.* MORE EXINIT VIMINIT MYVIMRC',
  'SYSTEMD_EDITOR SYSTEMD_PAGER XDG_.* ERL_.* ELIXIR_.* DOTNET_.* CORECLR_.* COR_.* OPENSSL_.* MAKEFLAGS MAKEFILES MAKEOVERRIDES',
  'GNUMAKEFLAGS LOCPATH BORG_.* RESTIC_.* SVN_SSH CVS_RSH',
  'GOFLAGS GOPROXY RUSTC.* RUSTFLAGS CARGO_.* AWKPATH AWKLIBPATH MAVEN_.* GRADLE_.* JAVA_OPTS CATALINA_.* JVM_OPTS',
  'ZIPOPT UNZIP TAPE KUBECONFIG KRB5_.* DOCKER_.* CONTAINER_HOST .*_PROXY R_PROFILE.* R_ENVIRON.* PSQLRC PGSERVICE.* PGSYSCONFDIR',
  'PGHOST.* PGPASSFILE PGOPTIONS MYSQL_.* ANSIBLE_.* TF_CLI_.* HELM_PLUGINS NPM_CONFIG_.* YARN_.* PIP_.* BUNDLE_.*',
  'AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CA_BUNDLE AWS_ENDPOINT_URL.* CURL_HOME WGETRC NETRC TERMINFO.* TERMCAP INPUTRC FPATH',
]);

export function tellsPrograms(variable: string): boolean {
  return TELLS_PROGRAMS.test(variable);
}
