/**
 * How a connection ends that was refused. Its answer goes out, and it is gone when the other end has hung up, and soon after if that does
 * not: who never closes would hold a place and a descriptor for ever. What comes meanwhile is read and dropped, for a system that has
 * unread bytes at the end sends a reset, which may take the answer from an honest caller who is still sending.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from './clock.ts';
import { portLimits } from './port-limits.ts';

/** `words` are sent before the end. Whoever calls it again for the same connection changes nothing. */
export function farewell(socket: Duplex, clock: Clock, words?: string, msMax: number = portLimits.farewellMsMax): void {
  if (socket.destroyed || socket.writableEnded) return;
  const cancel = clock.after(msMax, () => socket.destroy(), { unref: true });
  socket.once('close', cancel);
  socket.on('error', () => socket.destroy());
  socket.end(words);
  socket.resume();
}
