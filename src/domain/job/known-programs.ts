/**
 * Programs that everybody knows, by how they read their words: which of them are a program, or options by which they run one. What is not
 * known of an option (whether it takes a value) is not guessed: both are looked at. Pure.
 */

/** Letters of options: those without a value, those with one, and those by which text is read as a program. */
interface OptionLetters {
  readonly flags?: string;
  readonly valued?: string;
  readonly code?: string;
}

export type KnownProgram =
  /** Runs the program that comes behind its own options and so many words; `assigns`: and behind variables. */
  | (OptionLetters & { readonly kind: 'runner'; readonly operands: number; readonly assigns?: boolean })
  /** Reads its first word as text where an option said so, else as the file that it runs. */
  | (OptionLetters & { readonly kind: 'shell' })
  /** The word behind such an option is text (`isLast`: and all others are data); without one, its first word is the file that it runs. */
  | (OptionLetters & { readonly kind: 'interpreter'; readonly isLast?: boolean })
  /** The same, but its first word is text then. `permutes`: options may stand behind other words too. */
  | (OptionLetters & { readonly kind: 'filter'; readonly permutes: boolean })
  /** Takes options, of which these run a program; `begins`: the words behind them are one. */
  | { readonly kind: 'options'; readonly runs: RegExp; readonly begins?: RegExp }
  /** No word of it is only data. `assignsBy`: but for NAME=VALUE behind this option. */
  | { readonly kind: 'whole'; readonly assignsBy?: RegExp };

const runner = (operands: number, flags = '', valued = '', assigns = false): KnownProgram => ({
  kind: 'runner',
  ...{ operands, flags, valued, assigns },
});
const options = (runs: RegExp): KnownProgram => ({ kind: 'options', runs });

/** Names, with blanks between them. */
const TABLE: readonly (readonly [names: string, program: KnownProgram])[] = [
  [
    'sh bash dash ash zsh ksh mksh fish csh tcsh rbash rksh rzsh hush yash',
    { kind: 'shell', flags: 'abefhiklmnprstuvxBCDEHPT', valued: 'oO', code: 'c' },
  ],
  ['env', runner(0, 'i0v', 'uCS', true)],
  ['sudo', runner(0, 'AbBEeHiKknPSsVv', 'CDghpRrTtUu', true)],
  ['doas', runner(0, 'Lns', 'aCu', true)],
  ['runuser', runner(0, 'lmpfP', 'ugGcsw')],
  ['nice', runner(0, '', 'n')],
  ['ionice', runner(0, 't', 'cnpPu')],
  ['setsid', runner(0, 'cfw')],
  ['time', runner(0, 'apqvV', 'fo')],
  ['stdbuf', runner(0, '', 'ioe')],
  ['exec', runner(0, 'cl', 'a')],
  ['strace ltrace', runner(0, 'cCdDfFikqrtTvwxyzZ', 'aAbeEIoOpPsSuUX')],
  ['xargs', runner(0, '0oprtx', 'aEdILnPs')],
  ['caffeinate', runner(0, 'disum', 'tw')],
  ['systemd-run', runner(0, 'dGPqrSt', 'EHMpu')],
  ['ssh-agent dbus-run-session xvfb-run setarch linux32 linux64 i386 x86_64 prlimit start-stop-daemon', runner(0)],
  ['pkexec', runner(0, '', 'u')],
  [
    'nohup command builtin setpriv unshare nsenter busybox toybox fakeroot unbuffer firejail bwrap numactl perf catchsegv',
    runner(0),
  ],
  ['timeout', runner(1, 'fpv', 'ks')],
  ['taskset', runner(1, 'ac', 'p')],
  ['chrt', runner(1, 'abdfimoRrv', 'DPTp')],
  ['flock', runner(1, 'eFnosuvx', 'Ew')],
  ['chroot gosu su-exec setuidgid', runner(1)],
  [
    'python python2 python3 pypy pypy3',
    { kind: 'interpreter', flags: 'bBdEhiIOPqsSuvVx', valued: 'WX', code: 'cm', isLast: true },
  ],
  ['perl', { kind: 'interpreter', flags: 'acfnpsStTuUvwWX', code: 'eE' }],
  ['ruby', { kind: 'interpreter', flags: 'alnpsSvwW', valued: 'CEIr', code: 'e' }],
  ['node nodejs', { kind: 'interpreter', flags: 'civh', valued: 'rC', code: 'ep' }],
  ['php', { kind: 'interpreter', flags: 'anqHhimvw', valued: 'cdz', code: 'BErRfF' }],
  ['lua luajit', { kind: 'interpreter', flags: 'iEv', valued: 'l', code: 'e' }],
  ['tclsh rscript groovy scala julia elixir iex erl ghci', { kind: 'interpreter', code: 'e' }],
  ['awk gawk mawk nawk', { kind: 'filter', flags: 'bcCghnNOPrsStV', valued: 'Fvil', code: 'feE', permutes: false }],
  ['sed gsed', { kind: 'filter', flags: 'nErsuz', valued: 'l', code: 'ef', permutes: true }],
  ['ssh rsh dbclient plink eval watch parallel pdsh clush ansible ansible-playbook', { kind: 'whole' }],
  [
    'su script make gmake ninja crontab at batch cmd powershell pwsh osascript deno bun expect screen tmux gdb socat',
    { kind: 'whole' },
  ],
  ['mysql mariadb sqlite3 capsh npx pnpx bunx m4 dc cmake source .', { kind: 'whole' }],
  ['tini dumb-init valgrind chpst eatmydata proot sshpass autossh', { kind: 'whole' }],
  ['psql', { kind: 'whole', assignsBy: /^(?:-v|--set|--variable)$/ }],
  ['find', { kind: 'options', runs: /^-(?:files0-from|fprint.*|fls)$/, begins: /^-(?:exec|execdir|ok|okdir)$/ }],
  [
    'tar bsdtar gtar',
    options(
      /^(?:-[A-Za-z]*[IF]|--(?:to-command|checkpoint-action|use-compress-program|info-script|new-volume-script|rsh-command|rmt-command))$/,
    ),
  ],
  ['rsync', options(/^(?:-[A-Za-z]*e|--rsh|--rsync-path)$/)],
  ['scp sftp', options(/^-[A-Za-z]*[oSDF]$/)],
  ['git', options(/^(?:-[cxu]|--(?:config|config-env|exec|exec-path|upload-pack|receive-pack|extcmd|template))$/)],
  ['nc ncat netcat', options(/^(?:-[A-Za-z]*[ec]|--(?:exec|sh-exec|lua-exec))$/)],
  ['vi vim nvim view ex emacs nano', options(/^(?:-[cSsuUie]|--(?:cmd|eval|load|startuptime))$/)],
  ['curl wget', options(/^(?:-[A-Za-z]*[Ke]|--(?:config|execute|use-askpass|engine))$/)],
  ['split', options(/^--filter$/)],
  ['sort', options(/^--compress-program$/)],
  ['tcpdump', options(/^-[A-Za-z]*z$/)],
  [
    'apt apt-get aptitude apt-cache dpkg yum dnf rpm',
    options(/^(?:-[A-Za-z]*[oc]|--(?:option|config-file|setopt|eval|define|pipe))$/),
  ],
  [
    'npm pnpm yarn',
    { kind: 'options', runs: /^--(?:node-options|script-shell|prefix|call)$|^-c$/, begins: /^(?:exec|x|dlx)$/ },
  ],
  ['zip', options(/^(?:-[A-Za-z]*TT|--unzip-command)$/)],
  ['openssl', options(/^-(?:engine|provider|provider-path|config)$/)],
  ['less more man', options(/^(?:-[PHk]|--(?:pager|html|lesskey-src|lesskey-content))$/)],
];

const PROGRAMS: ReadonlyMap<string, KnownProgram> = new Map(
  TABLE.flatMap(([names, program]) => names.split(' ').map((name) => [name, program] as const)),
);
/** In these a program runs that comes behind one of these words, and the name of where. */
export const ELSEWHERE = /^(?:docker|podman|nerdctl|kubectl|oc|crictl|lxc|machinectl|ip)$/;
export const RUNS_ELSEWHERE = /^(?:exec|run|shell|debug)$/;
export const ELSEWHERE_RUNNER = { kind: 'runner', operands: 1 } as const;

export function nameOf(word: string): string {
  return word.slice(Math.max(word.lastIndexOf('/'), word.lastIndexOf('\\')) + 1);
}

/** By its name or the path of it; versions behind a name count for nothing. */
export function knownProgram(word: string): KnownProgram | undefined {
  const name = nameOf(word)
    .toLowerCase()
    .replace(/\.exe$/, '');
  return PROGRAMS.get(name) ?? PROGRAMS.get(name.replace(/[\d.]+$/, ''));
}

export interface OptionRead {
  /** Whether the next word is its value. */
  readonly takes: 'no' | 'maybe' | 'yes';
  /** Something is read as a program by it: the next word, or one that is joined to it, or, of a shell, its first word. */
  readonly isCode: boolean;
}

const CODE_WORDS = /^--(?:eval|execute|command|exec|print|run|expression|file|source)(?:=|$)/;

export function readOption(
  word: string,
  { kind, flags = '', valued = '', code = '' }: OptionLetters & { readonly kind: string },
): OptionRead {
  if (word.startsWith('--')) {
    const isCode = CODE_WORDS.test(word);
    return { takes: word.includes('=') ? 'no' : isCode && kind !== 'shell' ? 'yes' : 'maybe', isCode };
  }
  let isCode = false;
  for (const [at, letter] of [...word].entries()) {
    const isLast = at === word.length - 1;
    if (at === 0 || flags.includes(letter) || /\d/.test(letter)) continue;
    if (code.includes(letter)) {
      isCode = true;
      if (kind !== 'shell') return { takes: isLast ? 'yes' : 'no', isCode };
    } else if (valued.includes(letter)) return { takes: isLast ? 'yes' : 'no', isCode };
    else return { takes: 'maybe', isCode };
  }
  return { takes: 'no', isCode };
}
