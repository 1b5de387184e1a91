/**
 * Hosts from an ssh_config file: every name of a `Host` line without a pattern is a host, and gets its options as ssh(1) would: the
 * first value wins, patterns and negations apply, `Include` is followed. `Match` depends on the moment of connecting and is refused by name.
 */
import { wildcardMatcher } from '../target/name-pattern.ts';
import { InventoryCollector, type HostAlgorithms, type Inventory, type SourceLine } from './host-draft.ts';
import { jumpFromProxyCommand, jumpFromProxyJump, shellWords, type JumpArgument } from './jump-argument.ts';

/** Gives the files that an `Include` names (globs and ~ resolved), in order. */
export type IncludeReader = (pattern: string) => readonly { file: string; text: string }[];

interface Option extends SourceLine {
  readonly key: string;
  readonly value: string;
}
interface Block {
  readonly patterns: readonly string[];
  readonly source: SourceLine;
  readonly options: Option[];
}

const INCLUDE_DEPTH_MAX = 16;

export function inventoryFromSshConfig(file: string, text: string, include: IncludeReader): Inventory {
  const collector = new InventoryCollector();
  const blocks: Block[] = [{ patterns: ['*'], source: { file, line: 1 }, options: [] }];
  readBlocks({ collector, blocks, include }, file, text, 0);
  const names = new Map<string, SourceLine>();
  for (const block of blocks)
    for (const pattern of block.patterns)
      if (!/[*?!]/.test(pattern) && !names.has(pattern)) names.set(pattern, block.source);
  for (const [name, source] of names) addHost(collector, name, source, blocks);
  return collector.finish();
}

interface Reading {
  readonly collector: InventoryCollector;
  readonly blocks: Block[];
  readonly include: IncludeReader;
}

function readBlocks(reading: Reading, file: string, text: string, depth: number): void {
  const { collector, blocks, include } = reading;
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const at = { file, line: index + 1 };
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(\w+)(?:\s*=\s*|\s+)(.+)$/.exec(line);
    const words = match && shellWords(match[2]!.replace(/\s#.*$/, ''));
    if (!match || !words || words.length === 0) {
      collector.fault(at, `${JSON.stringify(line.slice(0, 60))} is not an option and its value`);
      continue;
    }
    const key = match[1]!.toLowerCase();
    if (key === 'host') blocks.push({ patterns: words, source: at, options: [] });
    else if (key === 'match') {
      collector.fault(
        at,
        'Match is not understood: what it says depends on the moment of connecting. Write Host blocks instead.',
      );
      // What follows belongs to the Match, not to the Host before it.
      blocks.push({ patterns: [], source: at, options: [] });
    } else if (key === 'include') {
      if (depth >= INCLUDE_DEPTH_MAX) collector.fault(at, `Include is nested deeper than ${INCLUDE_DEPTH_MAX}`);
      else {
        const within = blocks.at(-1)!;
        for (const pattern of words)
          for (const part of include(pattern)) readBlocks(reading, part.file, part.text, depth + 1);
        // An included file may open blocks of its own; after it the block goes on that included it.
        if (blocks.at(-1) !== within) blocks.push({ patterns: within.patterns, source: within.source, options: [] });
      }
    } else blocks.at(-1)!.options.push({ ...at, key, value: words.join(' ') });
  }
}

function applies(block: Block, name: string): boolean {
  let matched = false;
  for (const pattern of block.patterns) {
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
  for (const block of blocks)
    if (applies(block, name))
      for (const option of block.options) if (!options.has(option.key)) options.set(option.key, option);
  const value = (key: string): string | undefined => options.get(key)?.value;
  const address = (value('hostname') ?? name).replaceAll('%h', name).replaceAll('%%', '%');
  if (/%[a-zA-Z]/.test(address) && !address.includes(':'))
    collector.fault(options.get('hostname') ?? source, `HostName of ${name} holds a token other than %h`);
  const algorithms: { -readonly [K in keyof HostAlgorithms]: string[] } = {};
  for (const [key, field] of Object.entries(ALGORITHMS)) {
    const option = options.get(key);
    if (option === undefined) continue;
    if (/^[+^-]/.test(option.value))
      collector.remark(
        option,
        `${option.key} changes OpenSSH's own list and is left out; give a whole list to override Drover's`,
      );
    else algorithms[field] = option.value.split(',');
  }
  collector.host(source, {
    name,
    address,
    port: value('port'),
    loginUser: value('user'),
    identityFile: value('identityfile'),
    jumpHost: jumpOf(collector, name, options),
    hostKeyPolicy: policyOf(collector, options),
    labels: {},
    ...(Object.keys(algorithms).length > 0 ? { algorithms } : {}),
  });
}

function jumpOf(collector: InventoryCollector, name: string, options: ReadonlyMap<string, Option>): string | undefined {
  const [jump, command] = [options.get('proxyjump'), options.get('proxycommand')];
  const [option, argument]: [Option | undefined, JumpArgument] = jump
    ? [jump, jumpFromProxyJump(jump.value)]
    : command
      ? [command, jumpFromProxyCommand(command.value)]
      : [undefined, {}];
  if (argument.fault !== undefined) collector.fault(option!, `${name}: ${argument.fault}`);
  // `Host *` with a ProxyJump applies to the jump host too, which is not meant to jump through itself.
  return argument.jumpHost === name || argument.jumpHost === options.get('hostname')?.value
    ? undefined
    : argument.jumpHost;
}

function policyOf(collector: InventoryCollector, options: ReadonlyMap<string, Option>): string | undefined {
  const option = options.get('stricthostkeychecking');
  switch (option?.value.toLowerCase()) {
    case 'yes':
      return 'strict';
    case 'accept-new':
      return 'first-use';
    case 'no':
    case 'off':
      collector.remark(
        option,
        'StrictHostKeyChecking no is not taken over: Drover records the first key and refuses a changed one',
      );
      return undefined;
    default:
      return undefined;
  }
}
