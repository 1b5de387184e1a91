/**
 * A script, or a program with its arguments, run as one process on a host. Either is held by the same engines, ends
 * alike and has the same limits.
 */
import type { ErrorCode, InputFault } from '../../base/errors.ts';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { scriptFormatFault } from '../run/interpreter.ts';
import { HELD, stringFaults } from '../run/process-strings.ts';
import { secretFaults } from './secret-faults.ts';
import type { StoredFields, WorkKind, WorkSetting } from './work-kind.ts';

/** A script text (any bytes), or an argument vector run as it is, without a shell. */
export type Program =
  | { readonly form: 'text'; readonly text: Uint8Array }
  | { readonly form: 'argv'; readonly argv: readonly string[] };

export interface ScriptWork {
  readonly kind: 'script';
  readonly program: Program;
  /**
   * Name or path of the interpreter (`sh`, `bash`, `python`, `perl`, `node`, `powershell`, any other program);
   * undefined: `#!`, else `sh`.
   */
  readonly lang?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Reach the script as `DROVER_PARAM_<NAME>`; unlike secrets they are part of the record. */
  readonly params: Readonly<Record<string, string>>;
  /** Names only; values are sealed apart. Each reaches the script as an environment variable of that name. */
  readonly secretNames: readonly string[];
  readonly cwd?: string;
  /** Given to standard input; undefined: /dev/null. */
  readonly stdin?: Uint8Array;
}

/** Version 1, beside `v` and `kind`: exactly one of script and argv. */
type StoredScript = Omit<ScriptWork, 'kind' | 'program'> & {
  readonly script?: Uint8Array;
  readonly argv?: readonly string[];
};

/** The text of the script; undefined for a command. */
export function scriptText({ program }: ScriptWork): Uint8Array | undefined {
  return program.form === 'text' ? program.text : undefined;
}

export const SCRIPT: WorkKind<ScriptWork> = {
  version: 1,
  stored({ program, lang, args, env, params, secretNames, cwd, stdin }) {
    const stored: StoredScript = {
      ...(program.form === 'text' ? { script: program.text } : { argv: program.argv }),
      ...given({ lang }),
      args,
      env,
      params,
      secretNames,
      ...given({ cwd, stdin }),
    };
    return stored as StoredFields;
  },
  read(version, fields) {
    if (version !== 1) return undefined;
    const { script, argv, ...same } = fields as unknown as StoredScript;
    return {
      kind: 'script',
      program: script === undefined ? { form: 'argv', argv: argv ?? [] } : { form: 'text', text: script },
      ...same,
    };
  },
  bytes: ({ program, args, env, params, secretNames, stdin }) =>
    (program.form === 'text' ? program.text.length : bytesOf(program.argv)) +
    [args, secretNames, ...Object.entries(env), ...Object.entries(params)].reduce((sum, one) => sum + bytesOf(one), 0) +
    (stdin?.length ?? 0),
  faults(work, setting) {
    return [
      ...programFaults(work),
      ...stdinFaults(work),
      ...variableFaults(work, setting),
      ...secretFaults(setting.secrets),
      ...openSecretFaults(work, setting),
      ...lengthFaults(work, setting),
    ];
  },
};

const fault = (pointer: string, code: ErrorCode, detail: string): InputFault => ({ pointer, code, detail });

function programFaults({ program, lang, cwd }: ScriptWork): InputFault[] {
  const faults: InputFault[] = [];
  if (program.form === 'text') {
    const { text } = program;
    if (Buffer.from(text).toString('latin1').trim() === '')
      faults.push(fault('#/script', 'script-empty', 'The script is empty.'));
    if (text.length > limits.scriptBytesMax)
      faults.push(
        fault(
          '#/script',
          'script-too-large',
          `The script has ${text.length} bytes; ${limits.scriptBytesMax} are allowed. Larger payloads are files.`,
        ),
      );
    const unfit = scriptFormatFault(text, lang);
    if (unfit !== undefined) faults.push(fault('#/script', 'script-format', unfit));
  } else if (program.argv.length === 0 || program.argv[0] === '')
    faults.push(fault('#/command', 'script-empty', 'The command is empty.'));
  if (cwd !== undefined && !cwd.startsWith('/'))
    faults.push(fault('#/cwd', 'bad-input', 'The working directory must be an absolute path.'));
  return faults;
}

function stdinFaults({ stdin }: ScriptWork): InputFault[] {
  if (stdin === undefined || stdin.length <= limits.stdinBytesMax) return [];
  return [
    fault(
      '#/stdin',
      'bad-input',
      `Standard input has ${stdin.length} bytes; ${limits.stdinBytesMax} are allowed. Larger payloads are files.`,
    ),
  ];
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

function variableFaults({ program, args, env, params }: ScriptWork, { secrets }: WorkSetting): InputFault[] {
  const faults: InputFault[] = [];
  for (const [field, values] of [
    ['env', env],
    ['params', params],
    ['secrets', secrets],
  ] as const) {
    for (const [name, value] of Object.entries(values)) {
      if (!VARIABLE.test(name))
        faults.push(
          fault(
            `#/${field}/${name}`,
            'bad-input',
            `${JSON.stringify(name)} is not a variable name (letters a-z and A-Z, digits and _, not beginning with a digit).`,
          ),
        );
      if (field !== 'params' && name.startsWith(HELD))
        faults.push(
          fault(
            `#/${field}/${name}`,
            'bad-input',
            `${name} is a name that Drover uses itself: those that begin with ${HELD}.`,
          ),
        );
      if (name.length > limits.nameLengthMax)
        faults.push(
          fault(
            `#/${field}/${name.slice(0, limits.nameLengthMax)}`,
            'bad-input',
            `A variable's name has ${name.length} characters; ${limits.nameLengthMax} are allowed.`,
          ),
        );
      if (value.includes('\0'))
        faults.push(
          fault(
            `#/${field}/${name}`,
            'bad-input',
            `The value of ${name} contains a NUL character, which no process can be given.`,
          ),
        );
    }
  }
  const words = [...(program.form === 'argv' ? program.argv : []), ...args];
  if (words.some((word) => word.includes('\0')))
    faults.push(fault('#/args', 'bad-input', 'An argument contains a NUL character, which no process can be given.'));
  return faults;
}

function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

/** Given twice, once in the open. */
function openSecretFaults({ env }: ScriptWork, { secrets }: WorkSetting): InputFault[] {
  return Object.keys(secrets)
    .filter((name) => Object.hasOwn(env, name))
    .map((name) => fault(`#/secrets/${name}`, 'bad-input', `${name} is given as a variable and as a secret.`));
}

/**
 * Strings that no process can be given. With the environment policy of the account: what waits until its profiles have
 * been read has a longer name.
 */
export function lengthFaults(
  { program, args, env, params }: ScriptWork,
  { secrets, environment }: WorkSetting,
): InputFault[] {
  return stringFaults({
    ...given({ argv: program.form === 'argv' ? program.argv : undefined }),
    args,
    env,
    params,
    secrets,
    ...given({ environment }),
  }).map(({ pointer, detail }) => fault(pointer, 'bad-input', detail));
}
