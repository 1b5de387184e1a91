/**
 * Credentials on a command line: `--key FILE --passphrase SOURCE --password SOURCE …`, in the order in which they are written. A secret
 * never stands there itself: SOURCE is `@FILE`, `@-` (standard input), `env:VARIABLE` or `ask`.
 */
import { canAsk } from '../out.ts';
import type { Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { limits } from '../../base/limits.ts';
import type { Faults, Inputs } from '../input.ts';
import { ask } from '../prompt.ts';

type CredentialInput = Schemas['CredentialInput'];
type Credential = Schemas['Credential'];
interface Word {
  readonly flag: string;
  readonly value: string;
}

const SOURCE = 'from @FILE, @- (standard input), env:VARIABLE or ask';
const OPTIONS: readonly (readonly [flags: string, text: string])[] = [
  ['--key <file>', 'private key (repeatable)'],
  ['--passphrase <source>', `passphrase of the key before it, ${SOURCE}`],
  ['--certificate <file>', 'OpenSSH certificate of the key before it'],
  ['--password <source>', `password of the login user, ${SOURCE}`],
  ['--keyboard-interactive <source>', `answer to prompts that do not echo, ${SOURCE}`],
  ['--ssh-agent <socket>', "socket of an ssh-agent on the worker's machine"],
  ['--credential-name <name>', 'name of the credential before it, seen when a login fails'],
];

/** Options of one command, in the order in which they were written; that order is the order in which they are tried. */
export class CredentialWords {
  readonly #words: Word[] = [];

  get isEmpty(): boolean {
    return this.#words.length === 0;
  }

  addTo(command: Command, more: readonly (readonly [flags: string, text: string])[] = []): Command {
    for (const [flags, text] of [...OPTIONS, ...more]) {
      const flag = flags.split(' ')[0]!;
      command.option(flags, text, (value: string) => void this.#words.push({ flag, value }));
    }
    return command;
  }

  /** `present`: what an account has already, for `--keep`. */
  async read(faults: Faults, inputs: Inputs, present: readonly Credential[] = []): Promise<CredentialInput[]> {
    const list: CredentialInput[] = [];
    for (const word of this.#words) await readWord(list, word, faults, inputs, present);
    return list;
  }
}

async function readWord(
  list: CredentialInput[],
  { flag, value }: Word,
  faults: Faults,
  inputs: Inputs,
  present: readonly Credential[],
): Promise<void> {
  const last = list.at(-1);
  switch (flag) {
    case '--key':
      list.push({ kind: 'key', privateKey: inputs.text(flag, value, limits.keyTextBytesMax) ?? '' });
      return;
    case '--passphrase':
    case '--certificate':
      if (last?.kind !== 'key') faults.add(`${flag} follows the --key that it belongs to.`);
      else if (flag === '--certificate') last.certificate = inputs.text(flag, value, limits.keyTextBytesMax) ?? '';
      else last.passphrase = (await readSecret(flag, value, faults, inputs)) ?? '';
      return;
    case '--password':
    case '--keyboard-interactive':
      list.push({
        kind: flag === '--password' ? 'password' : 'keyboard-interactive',
        password: (await readSecret(flag, value, faults, inputs)) ?? '',
      });
      return;
    case '--ssh-agent':
      list.push({ kind: 'agent', socket: value });
      return;
    case '--credential-name':
      if (!last || last.kind === 'keep') faults.add('--credential-name follows the credential that it names.');
      else last.name = value;
      return;
    default: {
      const kept = present.find(({ name, id }) => name === value || id === value);
      if (kept) list.push({ kind: 'keep', id: kept.id });
      else
        faults.add(
          `--keep ${value}: the account has no such credential; it has ${present.map(({ name }) => name).join(', ') || 'none'}.`,
        );
    }
  }
}

/** What is refused is not repeated: it may be the secret itself. */
export async function readSecret(
  flag: string,
  source: string,
  faults: Faults,
  inputs: Inputs,
): Promise<string | undefined> {
  if (source.startsWith('@')) return inputs.text(flag, source.slice(1), limits.keyTextBytesMax)?.replace(/\r?\n$/, '');
  if (source.startsWith('env:'))
    return process.env[source.slice(4)] ?? faults.add(`${flag}: there is no environment variable ${source.slice(4)}.`);
  if (source !== 'ask')
    return faults.add(
      `${flag} wants @FILE, @- (standard input), env:VARIABLE or ask, so that the value never stands on a ` +
        "command line. If that was a real one, change it: it is in this shell's history.",
    );
  return canAsk()
    ? ask(`${flag.slice(2)}: `, { hidden: true })
    : faults.add(`${flag} ask needs a terminal. Give it from @FILE or @-.`);
}
