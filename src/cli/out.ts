/** Standard output that may be slow: what is written waits until it is taken, so that a large result never piles up in memory. */
import { once } from 'node:events';

export async function out(chunk: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
}
