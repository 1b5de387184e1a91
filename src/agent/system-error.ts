/** Errors of the machine an agent lives on: it goes on in spite of them. */

/** What the machine refuses (`ENOSPC`, `EIO`), as opposed to what we did wrong; also where we have said it in our own words. */
export function isOfSystem(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return /^E[A-Z0-9]+$/.test(String(code)) || (cause !== undefined && isOfSystem(cause));
}
