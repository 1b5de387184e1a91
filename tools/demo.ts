/**
 * `npm run demo`: everything on a throw-away folder, 8 agents as 8 hosts, a real script on all of them, and how to go
 * on.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/base/clock.ts';
import { Waiting } from '../src/base/node-waiting.ts';

const drover = fileURLToPath(new URL('../drover', import.meta.url));
const once = process.argv.includes('--once');

const SCRIPT = `#!/bin/sh
# A real script: looks at its host, uses what it was given, and one host is different.
echo "kernel $(uname -sr), $(nproc) CPUs"
echo "node $(node -p process.version 2>/dev/null || echo missing)"
case $DROVER_HOST in
  local-3) echo "disk almost full on $DROVER_HOST" >&2 ;;
  *) echo "all good" ;;
esac
sleep 0.$(( $(printf %s "$DROVER_HOST" | tail -c 1) ))
`;

let stopping = false;
let up: ChildProcess | undefined;
let run: ChildProcess | undefined;
let isShown = false;
// Whoever has seen the result and stops has not broken anything off. A terminal that is closed stops it too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(isShown ? 0 : 130));

const folder = mkdtempSync(join(tmpdir(), 'drover-demo-'));
// The embedded PostgreSQL runs as a user of its own and must be able to pass.
chmodSync(folder, 0o711);
const script = join(folder, 'check.sh');
writeFileSync(script, SCRIPT);

const waiting = new Waiting({
  clock: systemClock,
  isWatched: process.stderr.isTTY,
  write: (text) => void process.stderr.write(text),
});
waiting.step('Starting server, worker, 8 agents and PostgreSQL …');
up = spawn(drover, ['up', '--data', join(folder, 'data'), '--listen', '127.0.0.1:0', '--agents', '8', '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
  detached: true,
});
up.once('exit', (code) => void (stopping || stop(code ?? 1)));

const ready = await firstLine(up);
waiting.end();
const env = { ...process.env, DROVER_URL: ready.url, DROVER_TOKEN: ready.token };
process.stderr.write('Running check.sh on all hosts …\n');
run = spawn(
  drover,
  ['run', '-t', 'all', '--script', script, '--env', `PATH=${process.env.PATH ?? ''}`, '--name', 'demo'],
  { stdio: 'inherit', env },
);
const code = await new Promise<number>((resolve) => run!.once('exit', (status) => resolve(status ?? 1)));
isShown = true;
if (once) await stop(code);
else if (!stopping)
  process.stdout.write(`
Drover is running at ${ready.url}

  export DROVER_URL=${ready.url}
  export DROVER_TOKEN=${ready.token}

Go on in another terminal:
  ./drover hosts list
  ./drover run -t 'local-[1-4]' -- uptime
  ./drover run -t all --script your-script.sh --max-failed 10%
  ./drover runs list

Ctrl-C stops it and removes everything.
`);

function firstLine(child: ChildProcess): Promise<{ url: string; token: string }> {
  return new Promise((resolve) =>
    createInterface({ input: child.stdout! }).once('line', (line) =>
      resolve(JSON.parse(line) as { url: string; token: string }),
    ),
  );
}

async function stop(exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  waiting.end();
  // It would wait for its server to come back.
  run?.kill('SIGTERM');
  if (up && up.exitCode === null && up.signalCode === null) {
    const exited = new Promise((resolve) => up!.once('exit', resolve));
    up.kill('SIGTERM');
    await exited;
  }
  rmSync(folder, { recursive: true, force: true });
  process.exit(exitCode);
}
