/** Where the programs of a cluster's machine keep their data unless they are told. */

export function serverDataDir(): string {
  return process.getuid?.() === 0
    ? '/var/lib/drover-server'
    : `${process.env.HOME ?? '/tmp'}/.local/share/drover-server`;
}
