/**
 * The text of one job, YAML or JSON, as a tree that knows its places. The one place that reads the YAML of jobs.
 *
 * Whoever may apply or validate a job may send any text, so the time that it takes is bounded: by its length, its lines and its tokens; by
 * how deep its lists and maps are nested, which is looked at token by token (the library makes its tree by calling itself for each level,
 * and fails at some thousands); and by the number of faults that are looked for, as each costs more than what it is about. Anchors,
 * aliases, merge keys and tags are refused: a few lines of them may stand for any number of parts, and whoever reads a job would have to
 * work out what it says. Keys that come twice are looked for here, as the library compares each key of a map with all others.
 */
import { Composer, CST, isAlias, isMap, isScalar, isSeq, Lexer, Parser, type Node } from 'yaml';
import { jobLimits } from '../../base/job-limits.ts';
import { limits } from '../../base/limits.ts';
import { yamlWords } from '../../base/yaml-words.ts';
import { type JobFaults, quoted } from './job-fault.ts';

export interface TreeNode {
  /** Offset into the text, and that behind its end. */
  readonly at: number;
  readonly end: number;
  readonly value: string | number | boolean | null | readonly TreeNode[] | ReadonlyMap<string, TreeEntry>;
}

export interface TreeEntry {
  /** Of the key. */
  readonly at: number;
  readonly node: TreeNode;
}

type MapNode = TreeNode & { readonly value: ReadonlyMap<string, TreeEntry> };

function isMapNode(node: TreeNode | undefined): node is MapNode {
  return node?.value instanceof Map;
}

export function entriesOf(node: TreeNode | undefined): ReadonlyMap<string, TreeEntry> {
  return isMapNode(node) ? node.value : new Map();
}

export function itemsOf(node: TreeNode | undefined): readonly TreeNode[] {
  return Array.isArray(node?.value) ? (node.value as readonly TreeNode[]) : [];
}

/** `#/env/NAME` of a run is `env: { NAME: … }` of a step: the nearest thing that there is on that way. */
export function placeOfPointer(pointer: string, node: TreeNode): number {
  let [here, at] = [node, node.at];
  for (const part of pointer.replace(/^#\//, '').split('/')) {
    const entry = entriesOf(here).get(part);
    const item = itemsOf(here)[Number(part)];
    if (entry) [here, at] = [entry.node, entry.at];
    else if (item) [here, at] = [item, item.at];
    else return at;
  }
  return at;
}

/** Undefined where nothing can be made of it; the faults say why. Where there are some, what could be read is in the tree all the same. */
export function readTree(text: string, faults: JobFaults): TreeNode | undefined {
  const bytes = Buffer.byteLength(text);
  const over =
    bytes > jobLimits.jobBytesMax
      ? `The job has ${bytes} bytes; ${jobLimits.jobBytesMax} are allowed. Larger payloads are files.`
      : !text.isWellFormed() || text.includes('\0')
        ? 'The text holds a NUL or half of a character.'
        : undefined;
  if (over !== undefined) return void faults.add(Math.max(0, text.indexOf('\0')), 'job-unreadable', over);
  const contents = new TextReader(text, faults).contents();
  return contents && new TreeMaker(faults).node(contents, 0);
}

/** As many faults of the text as are told have been found: nobody reads on. */
class EnoughFaults extends Error {}

class TextReader {
  readonly #text: string;
  readonly #faults: JobFaults;
  readonly #depth = new Depth();
  #document: CST.Document | undefined;
  #found = 0;

  constructor(text: string, faults: JobFaults) {
    this.#text = text;
    this.#faults = faults;
  }

  contents(): Node | undefined {
    try {
      const parser = new Parser();
      let tokens = 0;
      for (const token of new Lexer().lex(this.#text)) {
        if (this.#depth.isBeyond(token))
          return this.#end(this.#depth.at, `Lists and maps are nested deeper than ${jobLimits.jobDepthMax}.`);
        if (++tokens > jobLimits.jobTokensMax)
          return this.#end(
            this.#depth.at,
            `The job has more than ${jobLimits.jobTokensMax} words, signs and line ends.`,
          );
        for (const part of parser.next(token)) this.#take(part);
      }
      for (const part of parser.end()) this.#take(part);
      const contents = this.#document && this.#composed(this.#document);
      if (this.#found > 0) return undefined;
      return contents ?? this.#end(0, 'The text holds no job: nothing but blanks and comments.');
    } catch (error) {
      if (error instanceof EnoughFaults) return undefined;
      throw error;
    }
  }

  #end(at: number, detail: string): undefined {
    this.#faults.add(at, 'job-unreadable', detail);
  }

  #fault(at: number, detail: string | (() => string)): void {
    // The library makes a fault of what is thrown, and goes on: that one is not told.
    if (this.#found >= limits.faultsToldMax) throw new EnoughFaults();
    this.#found++;
    this.#faults.add(Math.min(at, this.#text.length), 'job-unreadable', detail);
  }

  #take(part: CST.Token): void {
    if (part.type === 'error') this.#fault(part.offset, () => yamlWords(part.message));
    else if (part.type === 'directive')
      this.#fault(part.offset, 'A job takes no directive (%…); it is read as YAML 1.2.');
    else if (part.type === 'document') {
      if (this.#document) this.#fault(part.offset, 'There is more than one document in this text (---); a job is one.');
      else this.#document = part;
    }
  }

  #composed(document: CST.Document): Node | undefined {
    const composer = new Composer({ logLevel: 'silent', uniqueKeys: false, version: '1.2' });
    // The library would make an error of each with a trace of its calls, and go on until its end.
    const onError: FaultOfText = (source, _code, message, isWarning) => {
      if (isWarning !== true) this.#fault(offsetOf(source), () => yamlWords(message));
    };
    composer['onError'] = onError;
    let contents: Node | null = null;
    for (const part of [...composer.next(document), ...composer.end()]) contents = part.contents;
    return contents ?? undefined;
  }
}

type PlaceOfFault = number | readonly number[] | { readonly offset: number };
type FaultOfText = (source: PlaceOfFault, code: string, message: string, isWarning?: boolean) => void;

function offsetOf(source: PlaceOfFault): number {
  if (typeof source === 'number') return source;
  return 'offset' in source ? source.offset : source[0]!;
}

class TreeMaker {
  readonly #faults: JobFaults;
  #values = 0;

  constructor(faults: JobFaults) {
    this.#faults = faults;
  }

  #unreadable(at: number, detail: string): void {
    this.#faults.add(at, 'job-unreadable', detail);
  }

  node(node: Node | null, fallback: number): TreeNode {
    const [at, end] = node?.range ?? [fallback, fallback];
    if (++this.#values > jobLimits.jobValuesMax) {
      if (this.#values === jobLimits.jobValuesMax + 1)
        this.#unreadable(at, `The job has more than ${jobLimits.jobValuesMax} keys and values.`);
      return { at, end, value: null };
    }
    if (isAlias(node)) {
      this.#unreadable(
        at,
        `A job has no aliases (*${node.source.slice(0, 40)}): write what is meant where it is meant.`,
      );
      return { at, end, value: node.source };
    }
    if (node && 'anchor' in node && node.anchor !== undefined)
      this.#unreadable(at, 'A job has no anchors (&…): write what is meant where it is meant.');
    if (node?.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:'))
      this.#unreadable(at, `A job has no tags (${node.tag.slice(0, 40)}).`);
    if (isSeq(node)) return { at, end, value: node.items.map((item) => this.node(item as Node | null, at)) };
    if (isMap(node))
      return { at, end, value: this.#entries(node.items as readonly { key: unknown; value: unknown }[], at) };
    const value = isScalar(node) ? node.value : null;
    return { at, end, value: isPlain(value) ? value : value === undefined || value === null ? null : String(value) };
  }

  #entries(items: readonly { key: unknown; value: unknown }[], fallback: number): ReadonlyMap<string, TreeEntry> {
    const entries = new Map<string, TreeEntry>();
    for (const { key, value } of items) {
      const at = (key as Node | null)?.range?.[0] ?? fallback;
      const name =
        isScalar(key) && key.value !== null
          ? String(isNumeric(key.value) ? (key.source ?? key.value) : key.value)
          : undefined;
      const node = this.node(value as Node | null, at);
      if (name === undefined) this.#unreadable(at, 'A key is a word; this is none.');
      else if (name === '<<')
        this.#unreadable(at, 'A job has no merge keys (<<): write what is meant where it is meant.');
      else if (name === '__proto__') this.#unreadable(at, '__proto__ is no name that can be used.');
      else if (entries.has(name))
        this.#faults.add(at, 'job-name-twice', () => `The key ${quoted(name)} is there twice.`);
      else entries.set(name, { at, node });
    }
    return entries;
  }
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** How deep the lists and maps are nested that a text is in, token by token, before anything is made of them. */
class Depth {
  /** Of the present token: its offset into the text. */
  at = 0;
  #next = 0;
  #lineStart = 0;
  #inFlow = 0;
  /** Nothing of the line but what says how deep it is. */
  #begins = true;
  #isScalarNext = false;
  /** Of what the line is in, in block style. */
  readonly #columns: number[] = [];

  isBeyond(token: string): boolean {
    this.at = this.#next;
    const type = this.#isScalarNext ? 'scalar' : CST.tokenType(token);
    const isScalarNext = !this.#isScalarNext && token === CST.SCALAR;
    this.#isScalarNext = isScalarNext;
    // Tokens that stand for no part of the text.
    if (isScalarNext || token === CST.DOCUMENT || token === CST.FLOW_END) return false;
    if (type === 'flow-map-start' || type === 'flow-seq-start') this.#inFlow++;
    else if (type === 'flow-map-end' || type === 'flow-seq-end') this.#inFlow = Math.max(0, this.#inFlow - 1);
    if (this.#begins && this.#inFlow === 0 && type !== 'space' && type !== 'newline' && type !== 'comment')
      this.#indent(type);
    this.#next += token.length;
    const newline = token.lastIndexOf('\n');
    if (newline >= 0) [this.#lineStart, this.#begins] = [this.at + newline + 1, true];
    return this.#columns.length + this.#inFlow > jobLimits.jobDepthMax;
  }

  #indent(type: CST.TokenType | null): void {
    const column = this.at - this.#lineStart;
    while (this.#columns.length > 0 && this.#columns.at(-1)! >= column) this.#columns.pop();
    this.#columns.push(column);
    this.#begins = type === 'seq-item-ind' || type === 'explicit-key-ind' || type === 'map-value-ind';
  }
}
