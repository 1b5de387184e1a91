/**
 * Whom this process of tests believes, and what commands that it starts are told: the authorities of the installations that it has started,
 * by the addresses of their servers.
 */
import { writeFileSync } from 'node:fs';
import tls from 'node:tls';

const files = new Map<string, string>();

/** Connections of this process to that server are believed from now on. */
export function believe(url: string, pem: string, file: string): void {
  if (!files.has(url)) tls.setDefaultCACertificates([...tls.getCACertificates('default'), pem]);
  writeFileSync(file, pem);
  files.set(url, file);
}

/** The file with the authority of the server at this address, if it is one of those. */
export function authorityOf(url: string | undefined): { DROVER_CA?: string } {
  const file = url === undefined ? undefined : files.get(url);
  return file === undefined ? {} : { DROVER_CA: file };
}
