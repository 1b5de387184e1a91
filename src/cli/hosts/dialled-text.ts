/** Where workers dial a host, the port where it is not the usual one; an IPv6 address is put in brackets before a port. */
export function dialledText(host: { readonly address: string; readonly port?: number }): string;
export function dialledText(host: { readonly address?: string; readonly port?: number }): string | undefined;
export function dialledText({
  address,
  port,
}: {
  readonly address?: string;
  readonly port?: number;
}): string | undefined {
  if (address === undefined || port === undefined || port === 22) return address;
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
