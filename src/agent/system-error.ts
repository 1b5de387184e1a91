/** Errors of the machine an agent lives on: it goes on in spite of them. */

/** What the machine refuses (`ENOSPC`, `EIO`), as opposed to what we did wrong. */
export function isOfSystem(error: unknown): boolean {
  return /^E[A-Z0-9]+$/.test(String((error as { code?: unknown } | undefined)?.code));
}
