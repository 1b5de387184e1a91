/** The installer of the agent under the shells that it has to work with, on this machine, below a prefix. */
import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installProgram } from '../../src/agent-install/install-program.ts';

/** All that the installer and the launcher may lean on. */
const PROGRAMS = [
  ...[
    'sh',
    'awk',
    'cat',
    'chmod',
    'cmp',
    'cp',
    'cut',
    'df',
    'dirname',
    'grep',
    'gzip',
    'head',
    'id',
    'kill',
    'ln',
    'ls',
    'mkdir',
    'mv',
  ],
  ...['od', 'readlink', 'rm', 'sed', 'sha256sum', 'sleep', 'tail', 'tr', 'uname', 'wc', 'wget', 'xargs'],
];

export interface InstallerShell {
  readonly name: string;
  readonly program: string;
  readonly path: string;
}

export interface InstallerAnswer {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** dash with what this machine has, and busybox alone; what they need is put into `folder`. */
export class Installer {
  readonly shells: readonly InstallerShell[];
  readonly #script: string;
  readonly #busybox: string;

  constructor(folder: string) {
    this.#script = join(folder, 'install.sh');
    this.#busybox = join(folder, 'busybox-bin');
    this.shells = [
      { name: 'dash', program: '/bin/dash', path: '/usr/sbin:/usr/bin:/sbin:/bin' },
      { name: 'busybox', program: join(this.#busybox, 'sh'), path: this.#busybox },
    ];
  }

  prepare(): void {
    mkdirSync(this.#busybox);
    for (const name of PROGRAMS) symlinkSync('/bin/busybox', join(this.#busybox, name));
    writeFileSync(this.#script, installProgram());
  }

  run(
    shell: InstallerShell,
    prefix: string,
    args: readonly string[],
    env: Record<string, string> = {},
    stdin?: Buffer,
  ): Promise<InstallerAnswer> {
    return new Promise((resolve) => {
      const child = spawn(shell.program, [this.#script, ...args], {
        // Each prefix stands for a machine; on one machine a second agent would be a twin.
        env: { PATH: shell.path, PREFIX: prefix, DROVER_MACHINE_ID: prefix, ...env },
      });
      const [out, error]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
      child.stderr.on('data', (bytes: Buffer) => error.push(bytes));
      child.stdin.on('error', () => undefined);
      child.stdin.end(stdin);
      // What it starts in the background keeps its own output; the end of the installer is what counts.
      child.once('exit', (code) =>
        setImmediate(() =>
          resolve({ code, out: Buffer.concat(out).toString(), error: Buffer.concat(error).toString() }),
        ),
      );
    });
  }
}
