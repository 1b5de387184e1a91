/**
 * A YAML document as a tree that knows its lines, and Drover's own shape of it:
 *
 *   defaults: { port: 22, zone: dc1, account: ops, labels: { env: prod } }
 *   hosts:
 *     - { name: web-1, address: 10.0.0.1, jumpHost: bastion, labels: { role: web } }
 *
 * Reading the text is the importer's business; here nothing but the tree is known.
 */
import { InventoryCollector, type Inventory } from './host-draft.ts';

export interface DocumentNode {
  readonly line: number;
  /** As written before a scalar, such as `!vault`. */
  readonly tag?: string;
  readonly value: string | number | boolean | null | readonly DocumentNode[] | ReadonlyMap<string, DocumentNode>;
}

export function isMap(
  node: DocumentNode | undefined,
): node is DocumentNode & { value: ReadonlyMap<string, DocumentNode> } {
  return node?.value instanceof Map;
}

/** The text of a scalar; undefined for null, lists and maps. */
export function scalarText(node: DocumentNode | undefined): string | undefined {
  const value = node?.value;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

const FIELDS = ['name', 'address', 'port', 'zone', 'account', 'jumpHost', 'hostKeyPolicy'] as const;

export function inventoryFromDocument(file: string, document: DocumentNode): Inventory {
  const collector = new InventoryCollector();
  const fault = (node: DocumentNode, detail: string): void => collector.fault({ file, line: node.line }, detail);
  if (!isMap(document)) {
    fault(document, 'expected a map with the key hosts (and, if wanted, defaults)');
    return collector.finish();
  }
  for (const [key, node] of document.value)
    if (key !== 'hosts' && key !== 'defaults')
      fault(node, `${JSON.stringify(key)} is not known here; known are defaults and hosts`);
  const defaults = document.value.get('defaults');
  const common = defaults ? readFields(defaults, fault, false) : { labels: {} };
  const hosts = document.value.get('hosts');
  if (!hosts || !Array.isArray(hosts.value)) {
    fault(hosts ?? document, 'expected hosts: with a list of hosts');
    return collector.finish();
  }
  for (const node of hosts.value as readonly DocumentNode[]) {
    const fields = readFields(node, fault, true);
    if (fields.name === undefined) fault(node, 'the host has no name');
    else
      collector.host(
        { file, line: node.line },
        { ...common, ...fields, name: fields.name, labels: { ...common.labels, ...fields.labels } },
      );
  }
  return collector.finish();
}

type Fields = { [K in (typeof FIELDS)[number]]?: string } & { labels: Record<string, string> };

function readFields(node: DocumentNode, fault: (node: DocumentNode, detail: string) => void, named: boolean): Fields {
  const fields: Fields = { labels: {} };
  if (!isMap(node)) {
    fault(node, 'expected a map of fields');
    return fields;
  }
  for (const [key, value] of node.value) {
    const field = FIELDS.find((known) => known === key && (named || known !== 'name'));
    if (key === 'labels') {
      if (!isMap(value)) fault(value, 'labels are a map of name: value');
      else
        for (const [label, text] of value.value) {
          const read = scalarText(text);
          if (read === undefined) fault(text, `the label ${label} needs a text`);
          else fields.labels[label] = read;
        }
    } else if (field === undefined)
      fault(
        value,
        `${JSON.stringify(key)} is not a field; known are ${FIELDS.filter((known) => named || known !== 'name').join(', ')} and labels`,
      );
    else {
      const read = scalarText(value);
      if (read !== undefined) fields[field] = read;
      else if (value.value !== null) fault(value, `${key} needs a text or a number`);
    }
  }
  return fields;
}
