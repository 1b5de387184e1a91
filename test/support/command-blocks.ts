/** The command blocks of README and docs, read from the files themselves: pages, blocks, and in them the commands that a reader types. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source-tree.ts';

export interface DocumentedCommand {
  /** Such as `docs/guides/first-run.md`. */
  readonly page: string;
  readonly line: number;
  /** As it stands, without what is said about it. */
  readonly text: string;
  /** What the page says that it ends with (`# exit code 1`); else 0. */
  readonly exitCode: number;
}

/** A fence that shows commands without being `sh` would be passed over in silence. */
export interface UnmarkedCommand {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

const COMMAND = /^\s*(?:[A-Z_]+=\S*\s+)*(?:\.\/)?(?:drover|npm|sh install\.sh)\s/;

export function documentedPages(): string[] {
  return ['README.md', ...globSync('docs/**/*.md', { cwd: root }).sort()];
}

export function commandsOf(page: string): { commands: DocumentedCommand[]; unmarked: UnmarkedCommand[] } {
  const commands: DocumentedCommand[] = [];
  const unmarked: UnmarkedCommand[] = [];
  let fence: string | undefined;
  for (const [index, line] of readFileSync(join(root, page), 'utf8').split('\n').entries()) {
    const mark = /^```(.*)$/.exec(line);
    if (mark) fence = fence === undefined ? mark[1]!.trim() : undefined;
    else if (fence === 'sh') {
      const said = /(?:^|\s)#(?:\s(.*))?$/.exec(line);
      const text = (said ? line.slice(0, said.index) : line).trim();
      const exitCode = Number(/exit code (\d+)/.exec(said?.[1] ?? '')?.[1] ?? 0);
      if (text !== '') commands.push({ page, line: index + 1, text, exitCode });
    } else if (fence !== undefined && COMMAND.test(line)) unmarked.push({ page, line: index + 1, text: line.trim() });
  }
  return { commands, unmarked };
}
