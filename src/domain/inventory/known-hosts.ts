/**
 * Host keys from a known_hosts file (sshd(8)), names hashed or not. A line belongs to a host when one of its patterns is the host's name
 * or address, with its port. Revoked keys, certificate authorities and lines that are odd
 * are told, and the others taken.
 */
import { createHmac } from 'node:crypto';
import { wildcardMatcher } from '../target/name-pattern.ts';
import type { InventoryFault } from './host-draft.ts';

export interface KnownHostLine {
  readonly line: number;
  readonly patterns: readonly string[];
  readonly algorithm: string;
  readonly key: string;
}

export function parseKnownHosts(file: string, text: string): { lines: KnownHostLine[]; remarks: InventoryFault[] } {
  const [lines, remarks]: [KnownHostLine[], InventoryFault[]] = [[], []];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    if (raw.trim() === '' || raw.trim().startsWith('#')) continue;
    const words = raw.trim().split(/\s+/);
    const marker = words[0]!.startsWith('@') ? words.shift()! : undefined;
    const [patterns, algorithm, key] = words;
    if (marker !== undefined)
      remarks.push({
        file,
        line,
        detail:
          `${marker} is not taken over: ` +
          `${marker === '@revoked' ? 'remove a revoked key with drover hosts keys remove' : 'host certificates are not supported'}`,
      });
    else if (patterns === undefined || algorithm === undefined || key === undefined)
      remarks.push({ file, line, detail: 'left out: expected host names, the kind of the key, and the key' });
    else if (publicKeyAlgorithm(key) !== algorithm)
      remarks.push({ file, line, detail: `left out: the key is not one of kind ${algorithm}` });
    else lines.push({ line, patterns: patterns.split(','), algorithm, key });
  }
  return { lines, remarks };
}

/** The kind that a key in Base64 says of itself (RFC 4253 §6.6), or undefined when it is no key. */
export function publicKeyAlgorithm(key: string): string | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(key)) return undefined;
  const blob = Buffer.from(key, 'base64');
  if (blob.length < 8) return undefined;
  const length = blob.readUInt32BE(0);
  return length > 0 && length < 100 && length + 4 < blob.length ? blob.toString('latin1', 4, 4 + length) : undefined;
}

/** The names under which OpenSSH files a host: bare on port 22, `[name]:port` otherwise. */
export function knownHostNames(host: {
  readonly name: string;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
}): string[] {
  const names = [
    ...new Set([host.address, host.name].filter((name) => name !== undefined).map((name) => name.toLowerCase())),
  ];
  return host.port === undefined || host.port === 22 ? names : names.map((name) => `[${name}]:${host.port}`);
}

export function matchesKnownHost(line: KnownHostLine, names: readonly string[]): boolean {
  let matched = false;
  for (const pattern of line.patterns) {
    if (pattern.startsWith('|1|')) {
      const [, , salt, hash] = pattern.split('|');
      matched ||= names.some(
        (name) =>
          createHmac('sha1', Buffer.from(salt ?? '', 'base64'))
            .update(name)
            .digest('base64') === hash,
      );
    } else if (pattern.startsWith('!')) {
      if (names.some((name) => knownHostMatcher(pattern.slice(1))(name))) return false;
    } else matched ||= names.some((name) => knownHostMatcher(pattern)(name));
  }
  return matched;
}

/** Brackets stand for themselves here, unlike in a target. */
function knownHostMatcher(pattern: string): (name: string) => boolean {
  const lower = pattern.toLowerCase();
  if (!/[*?]/.test(lower)) return (name) => name === lower;
  const matches = wildcardMatcher(lower);
  return (name) => matches(name);
}
