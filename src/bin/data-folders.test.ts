import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { requiring } from '../../test/support/needs.ts';

const PROGRAM = `
const { dataFolderOf } = await import(${JSON.stringify(new URL('./data-folders.ts', import.meta.url).href)});
try { console.log(dataFolderOf('agent')); } catch (error) { console.log(error.code); }`;

/** As a user who is nobody's on this machine, or root. */
function folder(env: Readonly<Record<string, string>>, uid: number): string {
  const { stdout } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', PROGRAM], {
    env: { PATH: process.env.PATH ?? '', NODE_NO_WARNINGS: '1', ...env },
    encoding: 'utf8',
    uid,
    gid: uid,
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  return stdout.trim();
}

requiring('root').it('data lie where no other user may have made the folder before', () => {
  expect(folder({ HOME: '/srv/root' }, 0)).toBe('/var/lib/drover-agent');
  expect(folder({ HOME: '/srv/ann' }, 54_321)).toBe('/srv/ann/.local/share/drover-agent');
  // Not below /tmp, where everybody writes.
  expect(folder({}, 54_321)).toBe('bad-input');
});
