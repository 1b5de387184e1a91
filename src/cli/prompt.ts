/** Questions to a person. They stand on standard error, so that what a program reads from us stays clean. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** A line from standard input; empty when there is none. A hidden one is not shown while it is typed. */
export async function ask(question: string, options: { readonly hidden?: boolean } = {}): Promise<string> {
  const isTerminal = process.stdin.isTTY === true;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: process.stdin,
    output: options.hidden ? nowhere : process.stderr,
    terminal: isTerminal,
  });
  // Only now, when nothing that is typed is echoed any more.
  if (isTerminal) process.stderr.write(question);
  const line = await new Promise<string>((resolve) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(''));
    lines.once('SIGINT', () => lines.close());
  });
  lines.close();
  if (options.hidden && isTerminal) process.stderr.write('\n');
  return line.trim();
}

export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await ask(`${question} [y/N] `));
}
