/**
 * The two streams of a command, each by its own kind: a terminal is given nothing that could command it, and colours; a
 * file or a program is given bytes as they are. Standard output may be slow: what is written waits until it is taken,
 * so that a large result never piles up in memory.
 */
import { once } from 'node:events';
import { createPaint, type Paint } from './render.ts';
import { terminalText } from './text-width.ts';

export type StreamName = 'stdout' | 'stderr';

export async function out(chunk: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
}

/** One message of ours for a person. Names and words of others in it are shown, never obeyed. */
export function note(text: string): void {
  process.stderr.write(`${isTerminal('stderr') ? terminalText(text) : text}\n`);
}

export function isTerminal(stream: StreamName): boolean {
  return process[stream].isTTY === true;
}

export function paintOf(stream: StreamName): Paint {
  return createPaint(isTerminal(stream) && !process.env.NO_COLOR);
}

/** Bytes of a script as text: as they are for a program that reads this stream, without commands to the terminal for a person. */
export function shownText(bytes: Uint8Array, stream: StreamName): string {
  const text = Buffer.from(bytes).toString();
  return isTerminal(stream) ? terminalText(text) : text;
}

/** Whether somebody is there who could answer a question. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}
