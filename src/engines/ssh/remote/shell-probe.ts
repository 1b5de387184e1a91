/**
 * What is wrong with an account that logs in and does not run what it is told: asked only when something failed, so that
 * ordinary work does not pay for it.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';
import type { DroverError } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { SshHop } from '../../../protocol/link/ssh-access.ts';
import type { RemoteEnd, RemoteShell } from './remote-shell.ts';
import { quoted, sshError } from '../connection/ssh-faults.ts';

const OUTPUT_BYTES_MAX = 4_096;

export interface CommandAnswer {
  /** What the command wrote; undefined when it was never run. What start files write before it and after it is none of it. */
  readonly stdout: string | undefined;
  /** All that was written to it, by whomever. */
  readonly stderr: string;
  /** What was written before the command, which tells why it was not run. */
  readonly noise: string;
  readonly end: RemoteEnd;
}

/** Runs a command that writes little; what is more is cut off, and one that does not end is given up. */
export async function runBriefly(
  shell: RemoteShell,
  command: string,
  input: string,
  clock: Clock,
): Promise<CommandAnswer> {
  const mark = `drover-${randomBytes(8).toString('hex')}`;
  // Each shell has `echo` and `;`.
  const channel = await shell.exec(`echo ${mark}; ${command}`);
  let [noise, stdout, stderr]: [string, string | undefined, string] = ['', undefined, ''];
  channel.stdout.on('data', (bytes: Buffer) => {
    if (stdout !== undefined) {
      stdout = (stdout + bytes.toString('latin1')).slice(0, OUTPUT_BYTES_MAX);
      return;
    }
    noise += bytes.toString('latin1');
    const at = noise.indexOf(`${mark}\n`);
    if (at >= 0) {
      stdout = noise.slice(at + mark.length + 1, at + OUTPUT_BYTES_MAX);
      noise = noise.slice(0, at);
    }
    noise = noise.slice(-OUTPUT_BYTES_MAX);
  });
  channel.stderr.on('data', (bytes: Buffer) => {
    stderr = (stderr + bytes.toString('latin1')).slice(-OUTPUT_BYTES_MAX);
  });
  channel.stdin.on('error', () => undefined);
  channel.stdin.end(input);
  // A server tells the end of a channel when its command ends: one that hangs is not waited for.
  let cancel: () => void = () => undefined;
  const silence = new Promise<RemoteEnd>((resolve) => {
    cancel = clock.after(limits.sshProbeMs, () => {
      channel.close();
      resolve({ kind: 'lost', reason: `no answer within ${limits.sshProbeMs / 1_000} s` });
    });
  });
  const end = await Promise.race([channel.ended, silence]);
  cancel();
  return { stdout, stderr, noise, end };
}

/**
 * Undefined when the account runs commands. Rejects as `exec` does. `isSilent` in the context: it gave no answer, and
 * may run later what it was told.
 */
export async function shellFault(shell: RemoteShell, hop: SshHop, clock: Clock): Promise<DroverError | undefined> {
  const answer = await runBriefly(shell, 'true', '', clock);
  if (answer.stdout !== undefined) return undefined;
  const said = quoted(`${answer.stderr} ${answer.noise}`);
  if (/password.*(has )?expired|password change required|required to change your password/i.test(said)) {
    return sshError(
      'ssh-password-expired',
      hop,
      `the password has expired, and the host wants a new one ("${said}"). Change it there (passwd), then store ` +
        'the new one in the account.',
    );
  }
  if (answer.end.kind === 'lost')
    return sshError(
      'ssh-no-shell',
      hop,
      `it took the command and gave no answer${said ? ` but "${said}"` : ''} (${answer.end.reason}). Look at the ` +
        "account's shell and at ForceCommand.",
      undefined,
      { isSilent: true },
    );
  const how = answer.end.kind === 'exited' ? `exit code ${answer.end.code}` : `signal ${answer.end.signal}`;
  return sshError(
    'ssh-no-shell',
    hop,
    `the account logs in and runs no commands: ${said ? `it said "${said}"` : 'it said nothing'} (${how}). Its ` +
      'shell is /bin/false or nologin, restricted, or replaced by ForceCommand; give it a shell (chsh), or use ' +
      'another account.',
  );
}
