/** The way to a database: dialled as calls are, and held against the rules of what may go in clear. */
import { DroverError } from '../../../base/errors.ts';
import { dial, secured, type OutboundConnection, type Proof } from '../../../outbound/dialer.ts';
import { inClear } from '../call-words.ts';
import { DatabaseStream } from './database-stream.ts';
import { PostgresMessages } from './postgres-messages.ts';
import type { DatabasePlace } from './sql-session.ts';

/** Nothing is encrypted yet. Rejects as `dial` does, and with `call-not-allowed`. */
async function dialDatabase(place: DatabasePlace, signal: AbortSignal): Promise<OutboundConnection> {
  const { dialer, host, port, tls, isSecret } = place;
  const plain = await dial(dialer, { host, port }, signal);
  if (!tls?.isInClear || plain.isNamed || !isSecret) return plain;
  plain.socket.destroy();
  throw inClear('Leave out in_clear');
}

function securedDatabase(place: DatabasePlace, plain: OutboundConnection): Promise<OutboundConnection> {
  return secured(place.dialer, plain, place.host, proofOf(place));
}

function proofOf({ tls }: DatabasePlace): Proof {
  return { authorities: tls?.authorities, serverName: tls?.serverName, isUnproved: tls?.isUnproved };
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** Asks PostgreSQL for TLS before a word is said, unless the job says that nothing is encrypted. */
export async function openPostgres(
  place: DatabasePlace,
  signal: AbortSignal,
): Promise<{ readonly stream: DatabaseStream; readonly address: string | undefined }> {
  const plain = await dialDatabase(place, signal);
  const { socket } = plain;
  const address = socket.remoteAddress;
  const cut = (): void => void socket.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    const guard = new PostgresMessages();
    if (place.tls?.isInClear) return { stream: new DatabaseStream(socket, { guard }), address };
    await postgresTls(plain, place.host);
    return { stream: new DatabaseStream((await securedDatabase(place, plain)).socket, { guard }), address };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', cut);
  }
}

/** One letter is answered: S, or whoever answers has none. More than that is not of the server. */
function postgresTls({ socket }: OutboundConnection, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (why?: string): void => {
      socket.pause();
      for (const [event, listener] of listeners) socket.off(event, listener);
      if (why === undefined) resolve();
      else reject(new DroverError('call-unreachable', { detail: `${host} was not reached: ${why}.` }));
    };
    const listeners: readonly (readonly [string, (bytes: Buffer) => void])[] = [
      [
        'data',
        (bytes) => {
          const isOffered = bytes.length === 1 && bytes[0] === 0x53;
          done(isOffered ? undefined : bytes[0] === 0x4e ? NO_TLS : 'what answers does not speak as PostgreSQL does');
        },
      ],
      ['close', () => done('the connection was cut before it was encrypted')],
    ];
    for (const [event, listener] of listeners) socket.on(event, listener);
    socket.write(SSL_REQUEST);
  });
}

const NO_TLS = 'it offers no TLS, and nothing is said to it in clear unless tls says in_clear: true';
