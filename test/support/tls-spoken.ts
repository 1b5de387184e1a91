/** What both ports speak, and what a peer that knows only one version and one suite hears there. */
import { connect } from 'node:tls';
import type { SecureVersion } from 'node:tls';

/** Version, suite, whether a port answers in it. */
export const TLS_TABLE: readonly (readonly [version: SecureVersion, suite: string, isSpoken: boolean])[] = [
  ['TLSv1.3', 'ALL', true],
  ['TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384', true],
  ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256', true],
  ['TLSv1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305', true],
  ['TLSv1.2', 'ECDHE-ECDSA-AES128-SHA256', false],
  ['TLSv1.2', 'ECDHE-ECDSA-AES256-SHA', false],
  ['TLSv1.1', 'ALL', false],
];

/** Version and suite that come of an offer; nothing when it is refused. */
export function spokenAt(
  port: number,
  offer: { readonly min: SecureVersion; readonly max: SecureVersion; readonly suites: string },
): Promise<{ readonly version: string; readonly suite: string } | undefined> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      minVersion: offer.min,
      maxVersion: offer.max,
      ciphers: `${offer.suites}:@SECLEVEL=0`,
    });
    socket.once('secureConnect', () => {
      resolve({ version: socket.getProtocol() ?? '', suite: socket.getCipher().name });
      socket.destroy();
    });
    socket.once('error', () => resolve(undefined));
  });
}

/** Whether a port shakes hands with whoever knows this one group for the exchange of keys. */
export function isGroupSpokenAt(port: number, group: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ecdhCurve: group });
    socket.once('secureConnect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
  });
}

/** Whether a port lets a caller of TLS 1.2 shake hands a second time on the same connection. */
export function isBegunAnewAt(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    const end = (isBegunAnew: boolean): void => {
      resolve(isBegunAnew);
      socket.destroy();
    };
    socket.on('error', () => end(false)).on('close', () => end(false));
    socket.once('secureConnect', () => socket.renegotiate({}, (error) => end(error === null)));
  });
}
