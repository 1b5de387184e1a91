/** What the operating system refuses, in words for whoever gave a path: `ENOENT` says nothing to most. */

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not do that there',
  EBUSY: 'something else uses it',
  EDQUOT: 'the quota of this user is used up',
  EEXIST: 'it is there already',
  EFBIG: 'it is larger than this system takes',
  EIO: 'the disk does not answer as it should',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links lead in a circle',
  EMFILE: 'this process has as many files open as it may (ulimit -n)',
  ENAMETOOLONG: 'the path is too long',
  ENFILE: 'this machine has as many files open as it may',
  ENODEV: 'there is no such device',
  ENOENT: 'there is no such file or folder',
  ENOSPC: 'no space is left on the disk',
  ENOTDIR: 'a part of the path is no folder',
  ENOTEMPTY: 'the folder is not empty',
  ENXIO: 'it is a socket or a device that nobody serves',
  EPERM: 'this user may not do that there',
  EROFS: 'that file system is read-only',
  ETXTBSY: 'it is a program that runs',
};

/** Of anything that was thrown; without the code and the path, which are told by whoever knows what they were for. */
export function systemWords(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string' && Object.hasOwn(WORDS, code)) return WORDS[code]!;
  // `ESTALE: stale file handle, open '/x'`
  return String(message ?? error).replace(/^E[A-Z0-9]+: (.+?)(?:, \w+(?: '.*')?)?$/s, '$1');
}

/** The same, after the part of a path that it is about where that is another than the one that was given: a parent, say. */
export function systemWordsOf(error: unknown, given: string): string {
  const { path } = error as { readonly path?: unknown };
  return typeof path === 'string' && path !== given ? `${path}: ${systemWords(error)}` : systemWords(error);
}

/** An error of a call to the system about a path, which is no fault of the program. */
export function isAboutPath(error: unknown): error is NodeJS.ErrnoException & { readonly path: string } {
  const { code, path, syscall } = (error ?? {}) as { code?: unknown; path?: unknown; syscall?: unknown };
  return typeof path === 'string' && typeof syscall === 'string' && /^E[A-Z0-9]+$/.test(String(code));
}
