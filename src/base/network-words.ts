/** Why nobody was reached over the network, in words for whoever gave the address: `ECONNREFUSED` says nothing to most. */

interface Cause {
  readonly code?: unknown;
  readonly port?: unknown;
  readonly hostname?: unknown;
  readonly syscall?: unknown;
  /** One for each address of a name. */
  readonly errors?: readonly unknown[];
}

/** The end of a sentence about an address; undefined for what has words of its own, as of certificates. */
export function networkWords(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null) return undefined;
  const { code, port, hostname, syscall, errors } = cause as Cause;
  if (errors?.[0] !== undefined) return networkWords(errors[0]);
  const name = typeof hostname === 'string' ? `the name ${hostname}` : 'its name';
  switch (code) {
    case 'ECONNREFUSED':
      return typeof port === 'number' ? `nothing listens on port ${port}` : 'nothing listens there';
    case 'ENOENT':
      return syscall === 'connect' ? 'no socket is there' : undefined;
    case 'ENOTFOUND':
      return `${name} is not known`;
    case 'EAI_AGAIN':
      return `${name} could not be looked up: no name server answers`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no way leads there from this machine';
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'there was no answer in time';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return 'the connection was cut';
    default:
      return undefined;
  }
}
