/**
 * The key exchanges that hosts are offered. Never the group exchange: there whoever answers chooses a prime, before anybody knows who that
 * is, and OpenSSL looks whether it is one in one turn of the worker: a minute and a half for 8,191 bits.
 */
const DEFAULTS = [
  'curve25519-sha256@libssh.org',
  'curve25519-sha256',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group15-sha512',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group17-sha512',
  'diffie-hellman-group18-sha512',
];

/** `own`: a list of the host's own, which is kept to, in its order; one that was stored before may name the group exchange. */
export function keyExchanges(own: readonly string[] | undefined): string[] {
  return (own ?? DEFAULTS).filter((name) => !name.startsWith('diffie-hellman-group-exchange-'));
}
