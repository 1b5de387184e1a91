/** A `RemoteShell` on this machine: each command in a session of its own, as sshd runs it. `cut` ends the channels as a lost connection does. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { RemoteChannel, RemoteEnd, RemoteShell } from '../../src/engines/ssh/remote/remote-shell.ts';

export interface LocalShell extends RemoteShell {
  readonly commands: string[];
  /** Every byte that was sent to standard inputs. */
  readonly sent: Buffer[];
  /** Cuts instead of sending more than this in one piece. */
  cutAt: number;
  cut(): void;
}

/** `login` gets `-c COMMAND`, as a login shell does; `keeps`: channels may be used again. */
export function localShell(
  login: readonly string[],
  env: Readonly<Record<string, string>> = {},
  keeps = false,
): LocalShell {
  const open = new Set<(reason: string) => void>();
  const shell: LocalShell = {
    commands: [],
    sent: [],
    cutAt: Number.POSITIVE_INFINITY,
    async exec(command): Promise<RemoteChannel> {
      shell.commands.push(command);
      const [program, ...args] = login;
      const child = spawn(program!, [...args, '-c', command], {
        detached: true,
        cwd: '/',
        env: {
          PATH: '/usr/bin:/bin',
          HOME: process.env.HOME ?? '/',
          USER: process.env.USER ?? 'root',
          SHELL: '/bin/sh',
          LEAKED: 'yes',
          ...env,
        },
      });
      const write = child.stdin.write.bind(child.stdin) as (chunk: Buffer | string) => boolean;
      child.stdin.write = ((chunk: Buffer | string) => {
        shell.sent.push(Buffer.from(chunk));
        if (chunk.length <= shell.cutAt) return write(chunk);
        write(chunk.slice(0, shell.cutAt));
        shell.cut();
        return false;
      }) as typeof child.stdin.write;
      return channelOf(child, open, keeps);
    },
    cut() {
      for (const lose of open) lose('cut');
    },
  };
  return shell;
}

function channelOf(
  child: ChildProcess & {
    stdin: NonNullable<ChildProcess['stdin']>;
    stdout: NonNullable<ChildProcess['stdout']>;
    stderr: NonNullable<ChildProcess['stderr']>;
  },
  open: Set<(reason: string) => void>,
  keeps: boolean,
): RemoteChannel {
  const destroy = (): void => {
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
  };
  let lose: (reason: string) => void = () => undefined;
  const ended = new Promise<RemoteEnd>((resolve) => {
    lose = (reason) => {
      resolve({ kind: 'lost', reason });
      destroy();
    };
    open.add(lose);
    child.once('error', (error) => resolve({ kind: 'lost', reason: error.message }));
    child.once('close', (code, signal) =>
      resolve(signal ? { kind: 'signalled', signal: signal.slice(3) } : { kind: 'exited', code: code ?? 0 }),
    );
  });
  void ended.then(() => open.delete(lose));
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    close: () => lose('closed'),
    rest: () => keeps,
    wake: () => child.exitCode === null && child.signalCode === null && open.has(lose),
  };
}
