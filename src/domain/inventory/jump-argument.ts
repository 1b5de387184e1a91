/**
 * Jump hosts as other tools write them: `-J a,b`, `-o ProxyJump=a`, `-o ProxyCommand="ssh -W %h:%p a"`. A jump host of Drover is a
 * host of its own, with its own account and keys, so only its name is taken; users and ports belong to that host's entry.
 * Any other proxy command is refused: Drover runs no commands of a file on the worker.
 */

export interface JumpArgument {
  readonly jumpHost?: string;
  readonly fault?: string;
}

export function jumpFromSshArguments(text: string): JumpArgument {
  const words = shellWords(text);
  if (words === undefined) return { fault: 'a quote is not closed' };
  const found: JumpArgument[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '-J' || word.startsWith('-J'))
      found.push(jumpFromProxyJump(word === '-J' ? (words[++i] ?? '') : word.slice(2)));
    if (word === '-o' || word.startsWith('-o')) {
      const option = word === '-o' ? (words[++i] ?? '') : word.slice(2);
      const [, key, value] = /^\s*(\w+)\s*[= ]\s*(.*)$/s.exec(option) ?? [];
      if (key?.toLowerCase() === 'proxyjump') found.push(jumpFromProxyJump(value!));
      if (key?.toLowerCase() === 'proxycommand') found.push(jumpFromProxyCommand(value!));
    }
  }
  return found.find((one) => one.fault !== undefined) ?? found.find((one) => one.jumpHost !== undefined) ?? {};
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
export function shellWords(text: string): string[] | undefined {
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
