/**
 * A connection below a handshake of TLS that takes no more of the far end than such a handshake needs. OpenSSL checks a whole chain of
 * certificates, a hundred kilobytes of them if it is sent so many, before anybody may refuse it, and whoever has made them can have that
 * take half a second of the processor in one turn. It is called with a certificate once all of it is there: so what is too much never is.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { portLimits } from '../base/port-limits.ts';

export interface BoundedHandshake {
  readonly stream: Duplex;
  /** The handshake is over: from here on the far end may say as much as it likes. */
  over(): void;
}

/** Its stream ends with an error of this code. */
export const LARGE_HANDSHAKE = 'ERR_HANDSHAKE_TOO_LARGE';

/** `socket`: connected, and read by nobody. It ends with the stream, and the stream with it. */
export function boundedHandshake(socket: Socket): BoundedHandshake {
  let left: number = portLimits.farHandshakeBytesMax;
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (bytes: Buffer, _encoding, done) => void socket.write(bytes, done),
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (bytes) => {
    left -= bytes.length;
    if (left < 0) stream.destroy(Object.assign(new Error('too large'), { code: LARGE_HANDSHAKE }));
    else if (!stream.push(bytes)) socket.pause();
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => void stream.destroy(error));
  socket.on('close', () => void stream.destroy());
  return { stream, over: () => (left = Number.POSITIVE_INFINITY) };
}
