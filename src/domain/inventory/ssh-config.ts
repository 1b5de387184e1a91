/**
 * Hosts from an ssh_config file: every name of a `Host` line without a pattern is a host, and gets its options as ssh(1) would: the
 * first value wins, patterns and negations apply, `Include` is followed and holds within the block that it stands in. Of `Match` only what
 * does not depend on the moment of connecting is understood (`all`, `originalhost`); the rest is refused by name.
 */
import { given } from '../../base/given.ts';
import { meantText, nearest } from '../../base/nearest.ts';
import { wildcardMatcher } from '../target/name-pattern.ts';
import { InventoryCollector, type HostAlgorithms, type Inventory, type SourceLine } from './host-draft.ts';
import { hostKeyPolicyOf, jumpFromProxyCommand, jumpFromProxyJump, KEYS_ARE_CHECKED } from './jump-argument.ts';
import { isIgnored, isSshOption, SSH_OPTIONS } from './ssh-options.ts';
import { isSupportedAlgorithm } from './ssh-algorithms.ts';

/** Gives the files that an `Include` names (globs and ~ resolved), in order. */
export type IncludeReader = (pattern: string) => readonly { file: string; text: string }[];

interface Option extends SourceLine {
  /** In small letters. */
  readonly key: string;
  /** As it is written. */
  readonly word: string;
  readonly value: string;
}
/** Options that hold for a host when it fits all lists: those of the blocks around the Include, and its own. */
interface Block {
  readonly conditions: readonly (readonly string[])[];
  readonly source: SourceLine;
  readonly options: Option[];
}

const INCLUDE_DEPTH_MAX = 16;
/** Files that are included, each time: some that include themselves would be millions within that depth. */
const INCLUDED_MAX = 1_000;

export function inventoryFromSshConfig(file: string, text: string, include: IncludeReader): Inventory {
  const collector = new InventoryCollector();
  const reading: Reading = { collector, blocks: [], include, included: 0 };
  readBlocks(reading, file, text, []);
  const names = new Map<string, SourceLine>();
  for (const { conditions, source } of reading.blocks)
    for (const pattern of conditions.at(-1) ?? [])
      if (!/[*?!]/.test(pattern) && !names.has(pattern) && conditions.every((list) => fits(list, pattern)))
        names.set(pattern, source);
  for (const [name, source] of names) addHost(collector, name, source, reading.blocks);
  return collector.finish();
}

interface Reading {
  readonly collector: InventoryCollector;
  readonly blocks: Block[];
  readonly include: IncludeReader;
  included: number;
}

/** `around`: what a host must fit for the file to be read at all, by the blocks that include it. */
function readBlocks(reading: Reading, file: string, text: string, around: readonly (readonly string[])[]): void {
  const { collector, blocks, include } = reading;
  const open = (source: SourceLine, patterns: readonly string[]): Block => {
    const block = { conditions: [...around, patterns], source, options: [] };
    blocks.push(block);
    return block;
  };
  let block = open({ file, line: 1 }, ['*']);
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const at = { file, line: index + 1 };
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(\w+)(?:\s*=\s*|\s+)([^]+)$/.exec(line);
    const key = match?.[1]!.toLowerCase() ?? '';
    const words = match && (TAKES_THE_LINE.has(key) ? [match[2]!] : optionWords(match[2]!));
    if (!words || words.length === 0) {
      collector.fault(at, `${JSON.stringify(line.slice(0, 60))} is not an option and its value`);
      continue;
    }
    if (key === 'host') block = open(at, words);
    else if (key === 'match') block = open(at, matchPatterns(collector, at, words));
    else if (key === 'include') {
      if (around.length >= INCLUDE_DEPTH_MAX) collector.fault(at, `Include is nested deeper than ${INCLUDE_DEPTH_MAX}`);
      else
        for (const pattern of words)
          if (reading.included < INCLUDED_MAX)
            for (const part of include(pattern)) {
              if (++reading.included === INCLUDED_MAX)
                collector.fault(at, `more than ${INCLUDED_MAX} files are included`);
              if (reading.included < INCLUDED_MAX) readBlocks(reading, part.file, part.text, block.conditions);
            }
      // What follows comes after what was included, and the first value wins.
      block = open(block.source, block.conditions.at(-1)!);
    } else block.options.push({ ...at, key, word: match[1]!, value: words.join(' ') });
  }
}

/** The hosts that a `Match` is for, as a list of patterns; of what is not understood nothing holds for anybody. */
function matchPatterns(collector: InventoryCollector, at: SourceLine, words: readonly string[]): readonly string[] {
  const [kind, list] = [words[0]!.toLowerCase(), words[1]];
  if (kind === 'all' && words.length === 1) return ['*'];
  if (kind === 'originalhost' && words.length === 2) return list!.split(',');
  collector.fault(
    at,
    `Match ${words[0]!} is not understood: what it says depends on the moment of connecting. Write Host blocks instead.`,
  );
  return [];
}

/** Options whose value is the rest of the line, quotes and # included. */
const TAKES_THE_LINE: ReadonlySet<string> = new Set([
  'proxycommand',
  'remotecommand',
  'localcommand',
  'knownhostscommand',
]);

/** Words as ssh(1) parts them: quotes of either kind, and a # that begins a word begins a remark. Undefined: a quote is not closed. */
function optionWords(text: string): string[] | undefined {
  const words: string[] = [];
  for (let at = 0; at < text.length; ) {
    if (/\s/.test(text[at]!)) {
      at++;
      continue;
    }
    if (text[at] === '#') break;
    let word = '';
    let quote = '';
    for (; at < text.length && (quote !== '' || !/\s/.test(text[at]!)); at++) {
      const [char, next] = [text[at]!, text[at + 1] ?? ''];
      if (char === '\\' && (`"'\\`.includes(next) || (quote === '' && next === ' ')) && next !== '')
        word += text[++at]!;
      else if (quote === '' && (char === '"' || char === "'")) quote = char;
      else if (char === quote) quote = '';
      else word += char;
    }
    if (quote !== '') return undefined;
    words.push(word);
  }
  return words;
}

function fits(patterns: readonly string[], name: string): boolean {
  let matched = false;
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      if (wildcardMatcher(pattern.slice(1))(name)) return false;
    } else if (wildcardMatcher(pattern)(name)) matched = true;
  }
  return matched;
}

const ALGORITHMS: Readonly<Record<string, keyof HostAlgorithms>> = {
  ciphers: 'cipher',
  kexalgorithms: 'kex',
  hostkeyalgorithms: 'serverHostKey',
  macs: 'hmac',
};

function addHost(collector: InventoryCollector, name: string, source: SourceLine, blocks: readonly Block[]): void {
  const options = new Map<string, Option>();
  for (const { conditions, options: said } of blocks) {
    const isFor = conditions.every((patterns) => fits(patterns, name));
    for (const option of said) {
      if (isFor && !isTaken(options, option.key)) options.set(option.key, option);
      // As ssh has it: in blocks of other hosts too, and only what stands above excuses it.
      if (!isSshOption(option.key) && !isIgnored(option.key, options.get('ignoreunknown')?.value ?? ''))
        collector.remark(
          option,
          `${option.word} is no option that ssh knows, and is left out.${meantText(nearest(option.key, SSH_OPTIONS))}`,
        );
    }
  }
  const value = (key: string): string | undefined => options.get(key)?.value;
  const address = (value('hostname') ?? name).replaceAll(/%([h%])/g, (_, token: string) =>
    token === 'h' ? name : '%',
  );
  if (/%[a-zA-Z]/.test(value('hostname')?.replaceAll(/%[h%]/g, '') ?? '') && !address.includes(':'))
    collector.fault(options.get('hostname')!, `HostName of ${name} holds a token other than %h`);
  const canonical = options.get('canonicalizehostname');
  if (canonical !== undefined && canonical.value.toLowerCase() !== 'no')
    collector.remark(canonical, 'CanonicalizeHostname is not taken over: addresses are used as they stand');
  const algorithms = algorithmsOf(collector, name, options);
  collector.host(source, {
    name,
    address,
    port: value('port'),
    loginUser: value('user'),
    identityFile: value('identityfile'),
    jumpHost: jumpOf(collector, name, options, blocks),
    hostKeyPolicy: policyOf(collector, options),
    labels: {},
    ...given({ algorithms: Object.keys(algorithms).length > 0 ? algorithms : undefined }),
  });
}

/** The first of ProxyJump and ProxyCommand holds; only a `ProxyJump none` leaves room for a command. */
function isTaken(options: ReadonlyMap<string, Option>, key: string): boolean {
  if (key === 'proxyjump') return options.has(key) || options.has('proxycommand');
  return options.has(key) || (key === 'proxycommand' && options.has('proxyjump') && !isNone(options.get('proxyjump')));
}

function isNone(option: Option | undefined): boolean {
  return option?.value.toLowerCase() === 'none';
}

/** Whole lists are taken over, without what Drover's SSH does not speak; a list of which nothing is left is a fault. */
function algorithmsOf(
  collector: InventoryCollector,
  name: string,
  options: ReadonlyMap<string, Option>,
): { [K in keyof HostAlgorithms]?: string[] } {
  const algorithms: { -readonly [K in keyof HostAlgorithms]: string[] } = {};
  for (const [key, kind] of Object.entries(ALGORITHMS)) {
    const option = options.get(key);
    if (option === undefined) continue;
    if (/^[+^-]/.test(option.value)) {
      collector.remark(
        option,
        `${option.key} changes OpenSSH's own list and is left out; give a whole list to override Drover's`,
      );
      continue;
    }
    const named = option.value.split(',');
    const spoken = named.filter((algorithm) => isSupportedAlgorithm(kind, algorithm));
    const rest = named.filter((algorithm) => !spoken.includes(algorithm));
    if (spoken.length === 0)
      collector.fault(option, `${name}: none of ${option.key} is known to Drover's SSH: ${rest.join(', ')}`);
    else {
      if (rest.length > 0)
        collector.remark(option, `${option.key}: left out, for Drover's SSH does not know them: ${rest.join(', ')}`);
      algorithms[kind] = spoken;
    }
  }
  return algorithms;
}

function jumpOf(
  collector: InventoryCollector,
  name: string,
  options: ReadonlyMap<string, Option>,
  blocks: readonly Block[],
): string | undefined {
  const command = options.get('proxycommand');
  const jump = command && isNone(options.get('proxyjump')) ? undefined : options.get('proxyjump');
  const argument = jump ? jumpFromProxyJump(jump.value) : command ? jumpFromProxyCommand(command.value) : {};
  if (argument.fault !== undefined) collector.fault((jump ?? command)!, `${name}: ${argument.fault}`);
  const { jumpHost } = argument;
  if (jumpHost === undefined || (jumpHost !== name && jumpHost !== options.get('hostname')?.value)) return jumpHost;
  // `Host *` with a ProxyJump applies to the jump host too, which is not meant to jump through itself. Where it is named, somebody erred.
  const block = blocks.find((one) => one.options.includes((jump ?? command)!));
  return block?.conditions.at(-1)!.includes(name) ? name : undefined;
}

function policyOf(collector: InventoryCollector, options: ReadonlyMap<string, Option>): string | undefined {
  const option = options.get('stricthostkeychecking');
  const policy = hostKeyPolicyOf(option?.value);
  if (policy !== 'unchecked') return policy;
  collector.remark(option!, KEYS_ARE_CHECKED);
  return undefined;
}
