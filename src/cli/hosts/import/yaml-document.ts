/** YAML text as a tree that knows its lines. The one place that reads YAML. */
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
} from 'yaml';
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import type { DocumentNode } from '../../../domain/inventory/document.ts';
import type { InventoryFault } from '../../../domain/inventory/host-draft.ts';
import { yamlWords } from '../../../base/yaml-words.ts';

/**
 * `ansible`: as Ansible's own reader does, which is YAML 1.1 and takes the last of equal keys. Elsewhere a key that comes twice is a
 * fault.
 */
export function parseYaml(
  file: string,
  text: string,
  dialect: 'strict' | 'ansible' = 'strict',
): { document: DocumentNode } | { faults: InventoryFault[] } {
  const counter = new LineCounter();
  const parsed = parseDocument(text, {
    lineCounter: counter,
    logLevel: 'silent',
    ...(dialect === 'ansible' ? { version: '1.1', uniqueKeys: false } : { uniqueKeys: true }),
  });
  if (parsed.errors.length > 0)
    return {
      faults: parsed.errors.map((error) => ({
        file,
        line: counter.linePos(error.pos[0]).line,
        detail: yamlWords(error.message),
      })),
    };
  const faults: InventoryFault[] = [];
  const targets = aliasTargets(parsed);
  let nodes = 0;
  /** Parts that are there because of an alias, and how many aliases the present one is in. */
  let [aliased, within] = [0, 0];
  const lineOf = (node: Node | null | undefined, fallback: number): number =>
    node?.range ? counter.linePos(node.range[0]).line : fallback;
  const convert = (node: unknown, fallback: number, depth: number): DocumentNode => {
    const line = lineOf(node as Node | null, fallback);
    if (within > 0) aliased++;
    const excess =
      ++nodes > NODES_MAX
        ? `the document has more than ${NODES_MAX} parts`
        : aliased > limits.importAliasedPartsMax
          ? `aliases make more than ${limits.importAliasedPartsMax} parts of the document, counted each time`
          : depth > limits.jsonDepthMax * 4
            ? 'the document is nested too deep'
            : undefined;
    if (excess !== undefined && faults.length === 0) faults.push({ file, line, detail: excess });
    if (faults.length > 0) return { line, value: null };
    if (isAlias(node)) {
      if (!targets.has(node) && faults.length === 0)
        faults.push({ file, line, detail: `the alias *${node.source} is of no anchor (&${node.source}) before it` });
      within++;
      const meant = convert(targets.get(node), line, depth + 1);
      within--;
      return meant;
    }
    if (isSeq(node)) return { line, value: node.items.map((item) => convert(item, line, depth + 1)) };
    if (isMap(node)) {
      const map = new Map<string, DocumentNode>();
      for (const { key, value } of node.items) {
        const keyLine = lineOf(key as Node, line);
        if (isScalar(key) && key.value === '<<')
          for (const [name, merged] of mergedEntries(convert(value, keyLine, depth + 1)))
            map.has(name) || map.set(name, merged);
        else
          map.set(isScalar(key) ? String(key.value) : String(key), {
            ...convert(value, keyLine, depth + 1),
            line: keyLine,
          });
      }
      return { line, value: map };
    }
    const value = isScalar(node) ? node.value : null;
    return {
      line,
      ...given({ tag: isScalar(node) && node.tag !== undefined ? node.tag : undefined }),
      value:
        typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
          ? typeof value === 'number' && isScalar(node) && node.source !== undefined
            ? node.source
            : value
          : value === null || value === undefined
            ? null
            : String(value),
    };
  };
  const document = convert(parsed.contents, 1, 0);
  return faults.length > 0 ? { faults } : { document };
}

/** What each alias stands for: the last anchor of its name before it. One walk for all of them; the library's own would be one for each. */
function aliasTargets(parsed: Document.Parsed): ReadonlyMap<unknown, Node> {
  const anchored = new Map<string, Node>();
  const targets = new Map<unknown, Node>();
  visit(parsed, {
    Node(_key, node) {
      const target = isAlias(node) ? anchored.get(node.source) : undefined;
      if (target) targets.set(node, target);
      else if (isNode(node) && 'anchor' in node && node.anchor !== undefined) anchored.set(String(node.anchor), node);
    },
  });
  return targets;
}

/** A file of `importFileBytesMax` with a part for every few characters. */
const NODES_MAX = 2_000_000;

function mergedEntries(node: DocumentNode): [string, DocumentNode][] {
  if (node.value instanceof Map) return [...node.value];
  return Array.isArray(node.value) ? node.value.flatMap((part: DocumentNode) => mergedEntries(part)) : [];
}
