/**
 * Jump hosts as other tools write them: `-J a,b`, `-o ProxyJump=a`, `-o ProxyCommand="ssh -W %h:%p a"`. A jump host of Drover is a
 * host of its own, with its own account and keys, so only its name is taken; users and ports belong to that host's entry.
 * Any other proxy command is refused: Drover runs no commands of a file on the worker.
 */
import { given } from '../../base/given.ts';
import type { HostKeyPolicy } from './host-key-policy.ts';

export interface JumpArgument {
  readonly jumpHost?: string;
  readonly fault?: string;
}

export interface SshArguments extends JumpArgument {
  /** The arguments say that there is no jump host (`-o ProxyJump=none`). */
  readonly isDirect: boolean;
  /** Options that bear on where and as whom ssh goes, and are not taken from here. */
  readonly remarks: readonly string[];
  /** As StrictHostKeyChecking says, where Drover has such a policy. */
  readonly hostKeyPolicy?: HostKeyPolicy;
}

/** Short options of ssh(1) that take a value, beside -J and -o. */
const OPTIONS_WITH_VALUE = 'BbcDEeFIiLlmOpQRSWw';
/** What to say of options that are not taken, by ssh's own words for them. */
const NOT_TAKEN: Readonly<Record<string, string>> = {
  F: '-F (another configuration file) is not read; import that file too: drover hosts import FILE --format ssh-config',
  p: '-p is not read; the port is ansible_port',
  l: '-l is not read; the login user is ansible_user',
  i: '-i is not read; the key file is ansible_ssh_private_key_file',
  port: 'Port is not read; the port is ansible_port',
  user: 'User is not read; the login user is ansible_user',
  hostname: 'HostName is not read; the address is ansible_host',
  identityfile: 'IdentityFile is not read; the key file is ansible_ssh_private_key_file',
};

/** What is said where a file wants hosts believed whatever key they show. */
export const KEYS_ARE_CHECKED =
  'StrictHostKeyChecking no is not taken over: Drover records the first key and refuses a changed one';

/** Of the value of StrictHostKeyChecking; undefined where it leaves that to the default, or to somebody who is asked. */
export function hostKeyPolicyOf(value: string | undefined): HostKeyPolicy | 'unchecked' | undefined {
  switch (value?.toLowerCase()) {
    case 'yes':
      return 'strict';
    case 'accept-new':
      return 'first-use';
    case 'no':
    case 'off':
      return 'unchecked';
    default:
      return undefined;
  }
}

/** As ssh reads them: the first of ProxyJump (-J too) and ProxyCommand holds. */
export function jumpFromSshArguments(text: string): SshArguments {
  const words = shellWords(text);
  if (words === undefined) return { fault: 'a quote is not closed', isDirect: false, remarks: [] };
  let found: JumpArgument | undefined;
  let checking: string | undefined;
  const remarks: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const [, letters = '', attached = ''] = optionWord(words[i]!);
    const letter = letters.at(-1) ?? '';
    if (!takesValue(letter)) continue;
    const value: string = attached !== '' ? attached : (words[++i] ?? '');
    if (letter === 'J') found ??= jumpFromProxyJump(value);
    else if (letter !== 'o') remarks.push(...(NOT_TAKEN[letter] === undefined ? [] : [NOT_TAKEN[letter]]));
    else {
      const [, key = '', text = ''] = /^\s*(\w+)\s*[= ]\s*(.*)$/s.exec(value) ?? [];
      const name = key.toLowerCase();
      if (name === 'proxyjump') found ??= jumpFromProxyJump(text);
      else if (name === 'proxycommand') found ??= jumpFromProxyCommand(text);
      else if (name === 'stricthostkeychecking') checking ??= text.trim();
      else if (NOT_TAKEN[name] !== undefined && name.length > 1) remarks.push(NOT_TAKEN[name]);
    }
  }
  const policy = hostKeyPolicyOf(checking);
  if (policy === 'unchecked') remarks.push(KEYS_ARE_CHECKED);
  return {
    ...found,
    ...given({ hostKeyPolicy: policy === 'unchecked' ? undefined : policy }),
    isDirect: found !== undefined && found.jumpHost === undefined && found.fault === undefined,
    remarks,
  };
}

/** `-qJ`, `b` of `-qJb`: flags without a value may stand before one that has it. */
function optionWord(word: string): readonly string[] {
  return new RegExp(`^-([^-${OPTIONS_WITH_VALUE}Jo]*[${OPTIONS_WITH_VALUE}Jo])(.*)$`, 's').exec(word) ?? [];
}

function takesValue(letter: string): boolean {
  return letter !== '' && `${OPTIONS_WITH_VALUE}Jo`.includes(letter);
}

/** `none` is no jump host. */
export function jumpFromProxyJump(text: string): JumpArgument {
  const value = text.trim();
  if (value === '' || value.toLowerCase() === 'none') return {};
  if (value.includes(','))
    return {
      fault: `a chain (${value}) is written by giving each jump host its own: name the last one here, and the one before it at that host`,
    };
  const name = /^(?:ssh:\/\/)?(?:[^@]*@)?(\[[0-9A-Fa-f:.%]+\]|[^:@/\s]+)(?::\d+)?\/?$/.exec(value)?.[1];
  return name === undefined
    ? { fault: `${JSON.stringify(value)} is not a jump host` }
    : { jumpHost: name.replace(/^\[|\]$/g, '') };
}

export function jumpFromProxyCommand(text: string): JumpArgument {
  if (text.trim().toLowerCase() === 'none') return {};
  const words = shellWords(text) ?? [];
  const forwards = words.some(
    (word, i) => word === '-W%h:%p' || (word === '-W' && /^\[?%h\]?:%p$/.test(words[i + 1] ?? '')),
  );
  const plain = words.filter((word, i) => i > 0 && !word.startsWith('-') && !TAKES_VALUE.test(words[i - 1]!));
  if (!/(^|\/)ssh$/.test(words[0] ?? '') || !forwards || plain.length !== 1)
    return {
      fault: `only a ProxyCommand of the form "ssh -W %h:%p HOST" is understood; Drover runs no other command to reach a host`,
    };
  return jumpFromProxyJump(plain[0]!);
}

const TAKES_VALUE = /^-[WopilFcEIJmSbBDLRQew]$/;

/** Words as a shell parts them; undefined when a quote is not closed. */
function shellWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote !== '') {
      if (char === quote) quote = '';
      else if (char === '\\' && quote === '"' && '"\\$`'.includes(text[i + 1] ?? '')) word += text[++i]!;
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\' && i + 1 < text.length) word = (word ?? '') + text[++i]!;
    else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
