/**
 * `node tools/bootstrap.mjs PROGRAM [ARGS…]`: installs what is missing, then runs a program of this project on its own
 * Node 24. Plain JavaScript for the machine's Node, which may be as old as 20.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.drover-installed');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  const isWatched = process.stderr.isTTY;
  const begunMs = Date.now();
  process.stderr.write('Installing what is missing (once) …');
  // A machine with nothing takes a minute or two; nobody is to think that it hangs.
  const ticking = setInterval(
    () =>
      process.stderr.write(
        isWatched ? `\rInstalling what is missing (once) … ${Math.round((Date.now() - begunMs) / 1_000)} s` : '.',
      ),
    isWatched ? 1_000 : 2_000,
  );
  // npm answers with the cache where it can; a shell is needed on Windows only.
  const install = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    shell: process.platform === 'win32',
  });
  let words = '';
  install.stderr.on('data', (bytes) => (words += bytes));
  const status = await new Promise((resolve) => {
    install.once('error', (error) => resolve((words += error.message)));
    install.once('close', resolve);
  });
  clearInterval(ticking);
  process.stderr.write('\n');
  if (status !== 0) {
    process.stderr.write(`${words}\nnpm ci failed; its words are above.\n`);
    process.exit(1);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lock);
}

const own = join(
  root,
  'node_modules',
  `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`,
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);
const node = existsSync(own) ? own : process.execPath;
if (!existsSync(own) && Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `There is no packaged Node 24 for ${process.platform} ${process.arch}; install Node 24 yourself.\n`,
  );
  process.exit(1);
}
const env = {
  ...process.env,
  PATH: [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
};
const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env,
});
// Ctrl-C reaches the program by the terminal; a signal to us alone is handed on. We wait for it to end in its own way.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.once('error', (error) => {
  process.stderr.write(`${node} did not start: ${error.message}\n`);
  process.exit(1);
});
child.once('exit', (status, signal) => process.exit(status ?? (signal === 'SIGINT' ? 130 : 1)));
