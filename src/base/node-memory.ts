/**
 * What a process that holds thousands of connections asks of the C library and of V8. Node reads each TLS connection into a buffer of
 * 64 KiB; taken from glibc's heap, where it mostly lands on pages in use already, it is paid for in full. Taken from the kernel
 * page by page, it costs the page that is touched: 4 KiB. A small young generation keeps what is short-lived off the rest.
 */
import { readFileSync } from 'node:fs';

const TUNABLES = 'GLIBC_TUNABLES';

/** For whoever starts such a process. Another C library passes over the tunables. */
export const MANY_CONNECTIONS = {
  env: { [TUNABLES]: 'glibc.malloc.mmap_threshold=65536:glibc.malloc.trim_threshold=67108864:glibc.malloc.top_pad=0' },
  nodeFlags: ['--max-semi-space-size=4'],
} as const;

/** Begins this program anew with those settings, as the same process, unless somebody has decided about them. To be called first of all. */
export function settleForManyConnections(): void {
  if (process.platform !== 'linux' || process.env[TUNABLES] !== undefined || !process.execve) return;
  // As it was really called: the program may have taken words off its own list since.
  const [, ...words] = readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(0, -1);
  process.execve(process.execPath, [process.execPath, ...MANY_CONNECTIONS.nodeFlags, ...words], {
    ...process.env,
    ...MANY_CONNECTIONS.env,
  });
}
