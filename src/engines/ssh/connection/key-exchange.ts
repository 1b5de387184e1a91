/**
 * The key exchanges that hosts are offered. Never the group exchange: there whoever answers chooses a prime, before anybody knows who that
 * is, and OpenSSL looks whether it is one in one turn of the worker: a minute and a half for 8,191 bits.
 */
const GROUP_EXCHANGES = ['diffie-hellman-group-exchange-sha256', 'diffie-hellman-group-exchange-sha1'];

/**
 * As ssh2 takes them. `own`: a list of the host's own, which is kept to, in its order; one that was stored before may name the group
 * exchange. Throws where there is nothing else in it: ssh2 takes an empty list for its own, with the group exchange.
 */
export function keyExchanges(own: readonly string[] | undefined): string[] | { remove: string[] } {
  if (own === undefined) return { remove: GROUP_EXCHANGES };
  const spoken = own.filter((name) => !GROUP_EXCHANGES.includes(name));
  if (spoken.length === 0) throw new Error(`of its key exchanges (${own.join(', ')}) none is offered any more`);
  return spoken;
}
