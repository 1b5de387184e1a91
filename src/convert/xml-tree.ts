/** XML as a tree of elements with their lines, by their names without prefixes. No document type is read, so no entity of its own. */
import { DOMParser, ParseError, type Element as XmlElement, type Node as XmlNode } from '@xmldom/xmldom';
import { ConversionFault, type Place, type Remark, type SourceFile } from './conversion.ts';

export interface Element extends Place {
  /** Without its prefix. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Element[];
  /** All text in it, that of its children too. */
  readonly text: string;
}

const DEPTH_MAX = 50;
const ELEMENT = 1;
const DOCUMENT_TYPE = 10;

/** Throws a ConversionFault for what is not well formed. */
export function xmlTree({ path: file, text }: SourceFile): Element {
  const fail = (line: number, what: string): never => {
    throw new ConversionFault([{ file, line, what }]);
  };
  let fault: Remark | undefined;
  const onError = (level: string, message: string, context: unknown): void => {
    if (level === 'warning') return;
    const { locator } = context as { readonly locator?: { readonly lineNumber?: number } };
    fault ??= { file, line: locator?.lineNumber || 1, what: `It is not XML: ${message.split('\n')[0]!.trim()}.` };
  };
  let document: ReturnType<DOMParser['parseFromString']> | undefined;
  try {
    document = new DOMParser({ locator: true, onError }).parseFromString(
      text.replace(/^\uFEFF/, ''),
      'application/xml',
    );
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    fault ??= { file, line: error.locator?.lineNumber || 1, what: `It is not XML: ${error.message}.` };
  }
  if (fault) throw new ConversionFault([fault]);
  if (!document) return fail(1, 'It is empty.');
  for (const node of document.childNodes)
    if (node.nodeType === DOCUMENT_TYPE) fail(lineOf(node), 'A document type (DOCTYPE) is not read: take it out.');
  const root = document.documentElement;
  return root ? element(root, file, 0) : fail(1, 'It is empty.');
}

function element(node: XmlElement, file: string, depth: number): Element {
  const line = lineOf(node);
  if (depth > DEPTH_MAX)
    throw new ConversionFault([{ file, line, what: `Elements stand in each other more than ${DEPTH_MAX} deep.` }]);
  const children = [...node.childNodes].filter((child): child is XmlElement => child.nodeType === ELEMENT);
  return {
    file,
    line,
    name: node.localName ?? node.nodeName,
    attributes: new Map([...node.attributes].map((one) => [one.localName ?? one.name, one.value])),
    children: children.map((child) => element(child, file, depth + 1)),
    text: node.textContent ?? '',
  };
}

function lineOf(node: XmlNode): number {
  return node.lineNumber ?? 1;
}

/** By its name, or by how it begins: standard input has no name. */
export function isXml({ path, text }: SourceFile): boolean {
  return /\.xml$/i.test(path) || /^\uFEFF?\s*</.test(text);
}

export function childOf({ children }: Element, name: string): Element | undefined {
  return children.find((child) => child.name === name);
}

export function childrenOf({ children }: Element, name: string): Element[] {
  return children.filter((child) => child.name === name);
}
