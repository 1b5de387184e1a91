/**
 * The repository as data: every source file parsed once, with what it imports, exports, and does that a house rule
 * could object to. Shared by the tests that hold the code against those rules, so that they stay fast.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceImport {
  readonly specifier: string;
  /** Repository path of a relative import; undefined for packages and built-ins. */
  readonly path: string | undefined;
  readonly typeOnly: boolean;
  readonly names: readonly string[];
  /** Every exported name is taken: `import *`, `export *`, or a dynamic import. */
  readonly whole: boolean;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lineCount: number;
  readonly imports: readonly SourceImport[];
  readonly exports: readonly { readonly name: string; readonly isType: boolean; readonly line: number }[];
  /** How often each identifier occurs, the declaration included. */
  readonly words: ReadonlyMap<string, number>;
  /** `Date.now()` and the like, as `file:line what`. */
  readonly worldReads: readonly string[];
  readonly anyTypes: readonly string[];
  readonly focusedTests: readonly string[];
  /** Spreads that put fields into an object on a condition, as `file:line`. */
  readonly conditionalSpreads: readonly string[];
  /** What a module keeps from one call to the next, as `file:line name`. */
  readonly moduleState: readonly string[];
}

/** Files that git knows or would add, so that a build's leftovers do not count; without those deleted but not committed. */
export function repositoryFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 16 << 20,
  });
  return listed.split('\n').filter((path) => path !== '' && existsSync(join(root, path)));
}

export function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found = {
    imports: [] as SourceImport[],
    exports: [] as SourceFile['exports'][number][],
    words: new Map<string, number>(),
    worldReads: [] as string[],
    anyTypes: [] as string[],
    focusedTests: [] as string[],
    conditionalSpreads: [] as string[],
  };
  const at = (node: ts.Node): string => `${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) found.words.set(node.text, (found.words.get(node.text) ?? 0) + 1);
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.anyTypes.push(at(node));
    const imported = importOf(node, path);
    if (imported) found.imports.push(imported);
    const read = worldReadOf(node);
    if (read !== undefined) found.worldReads.push(`${at(node)} ${read}`);
    if (
      ts.isPropertyAccessExpression(node) &&
      /^(only|skip|todo|fails)$/.test(node.name.text) &&
      /^(describe|it|test)\b/.test(node.expression.getText())
    )
      found.focusedTests.push(`${at(node)} .${node.name.text}`);
    if (ts.isSpreadAssignment(node) && isConditional(node.expression)) found.conditionalSpreads.push(at(node));
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const statement of file.statements) {
    for (const [name, isType] of exportsOf(statement))
      found.exports.push({ name, isType, line: file.getLineAndCharacterOfPosition(statement.getStart()).line + 1 });
  }
  const moduleState = file.statements.flatMap((statement) =>
    statesOf(statement, text).map((name) => `${at(statement)} ${name}`),
  );
  return { path, text, lineCount: text.split('\n').length - 1, ...found, moduleState };
}

function importOf(node: ts.Node, path: string): SourceImport | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const { importClause: clause } = node;
    const bindings = clause?.namedBindings;
    const elements = bindings && ts.isNamedImports(bindings) ? bindings.elements : undefined;
    const typeOnly =
      clause !== undefined &&
      (clause.isTypeOnly ||
        (clause.name === undefined &&
          elements !== undefined &&
          elements.length > 0 &&
          elements.every((e) => e.isTypeOnly)));
    return {
      ...located(node.moduleSpecifier.text, path),
      typeOnly,
      names: elements?.map((e) => (e.propertyName ?? e.name).text) ?? [],
      whole: bindings !== undefined && ts.isNamespaceImport(bindings),
    };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    const elements = node.exportClause && ts.isNamedExports(node.exportClause) ? node.exportClause.elements : undefined;
    return {
      ...located(node.moduleSpecifier.text, path),
      typeOnly: node.isTypeOnly,
      names: elements?.map((e) => (e.propertyName ?? e.name).text) ?? [],
      whole: elements === undefined,
    };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return {
      ...located(node.argument.literal.text, path),
      typeOnly: true,
      names: node.qualifier ? [node.qualifier.getText()] : [],
      whole: false,
    };
  }
  const [first] =
    ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
      ? node.arguments
      : isThreadUrl(node)
        ? node.arguments!
        : [];
  return first && ts.isStringLiteral(first)
    ? { ...located(first.text, path), typeOnly: false, names: [], whole: true }
    : undefined;
}

/** `new URL('./thread.ts', import.meta.url)`: how threads and child programs are named. */
function isThreadUrl(node: ts.Node): node is ts.NewExpression {
  return (
    ts.isNewExpression(node) &&
    node.expression.getText() === 'URL' &&
    node.arguments?.[1]?.getText() === 'import.meta.url' &&
    /\.ts['"]$/.test(node.arguments[0]!.getText())
  );
}

function located(specifier: string, from: string): { specifier: string; path: string | undefined } {
  return { specifier, path: specifier.startsWith('.') ? normalize(join(dirname(from), specifier)) : undefined };
}

/** `x ? { x } : {}`, either way round, `x && { x }`, and the same with undefined for nothing. */
function isConditional(node: ts.Expression): boolean {
  if (ts.isParenthesizedExpression(node)) return isConditional(node.expression);
  if (ts.isConditionalExpression(node)) return [node.whenTrue, node.whenFalse].some(isNothing);
  return ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken;
}

function isNothing(node: ts.Expression): boolean {
  if (ts.isParenthesizedExpression(node)) return isNothing(node.expression);
  return (
    (ts.isObjectLiteralExpression(node) && node.properties.length === 0) ||
    (ts.isIdentifier(node) && node.text === 'undefined') ||
    node.kind === ts.SyntaxKind.NullKeyword
  );
}

const WORLD_CALLS =
  /^(Date\.now|Math\.random|performance\.now|(globalThis\.)?set(Timeout|Interval)|(crypto\.)?randomUUID)$/;

/** Time and chance are arguments; these calls are where they would sneak in. */
function worldReadOf(node: ts.Node): string | undefined {
  if (ts.isCallExpression(node) && WORLD_CALLS.test(node.expression.getText())) return node.expression.getText();
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0)
    return 'new Date()';
  if (ts.isImportDeclaration(node) && /^['"]node:timers/.test(node.moduleSpecifier.getText()))
    return node.moduleSpecifier.getText();
  return undefined;
}

/**
 * What changes while the program runs and belongs to nobody who was made at its start: `let` at the top, collections there that are filled
 * later, and fields of classes themselves. A table is none: it is whole where it is written, or typed as one that cannot be changed.
 */
function statesOf(statement: ts.Statement, text: string): string[] {
  if (ts.isClassDeclaration(statement))
    return statement.members.flatMap((member) =>
      ts.isPropertyDeclaration(member) &&
      ts.getModifiers(member)?.some((m) => m.kind === ts.SyntaxKind.StaticKeyword) &&
      (!ts.getModifiers(member)!.some((m) => m.kind === ts.SyntaxKind.ReadonlyKeyword) || isFilled(member))
        ? [`${statement.name?.text ?? ''}.${member.name.getText()}`]
        : [],
    );
  if (!ts.isVariableStatement(statement)) return [];
  const isConst = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0;
  return statement.declarationList.declarations
    .filter((declaration) => !isConst || isFilled(declaration))
    .map((declaration) => declaration.name.getText());

  function isFilled({ initializer, type, name }: ts.VariableDeclaration | ts.PropertyDeclaration): boolean {
    if (!initializer || !ts.isIdentifier(name)) return false;
    const isChanged = new RegExp(
      `\\b${name.text}(\\.(set|add|delete|clear|push|unshift|splice)\\(|(\\[[^\\]]+\\]|\\.length)\\s*([-+]?=(?!=)|\\+\\+|--))`,
    ).test(text);
    if (isChanged) return true;
    if (!ts.isNewExpression(initializer)) return false;
    const made = initializer.expression.getText();
    if (/^(WeakMap|WeakSet|WeakRef|Registry|Counter|Gauge|Histogram)$/.test(made)) return true;
    const isEmpty = (initializer.arguments?.length ?? 0) === 0;
    return /^(Map|Set)$/.test(made) && isEmpty && type === undefined;
  }
}

function exportsOf(statement: ts.Statement): [name: string, isType: boolean][] {
  const exported =
    ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword);
  const isDefault =
    ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword);
  if (!exported || isDefault) return [];
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap((d) =>
      ts.isIdentifier(d.name) ? [[d.name.text, false] as [string, boolean]] : [],
    );
  if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement))
    return [[statement.name.text, true]];
  if ((ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name)
    return [[statement.name.text, false]];
  return [];
}
