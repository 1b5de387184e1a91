/** A command as a person at a terminal has it: shown text may be awaited, keys may be pressed. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { authorityOf } from './authorities.ts';
import { until } from './until.ts';
import { cleanEnv } from './up.ts';

const program = fileURLToPath(new URL('../fixtures/terminal.py', import.meta.url));

export interface Terminal {
  /** Everything shown so far. */
  readonly shown: () => string;
  shows(text: string | RegExp): Promise<void>;
  type(keys: string): void;
  readonly ended: Promise<number>;
}

export function openTerminal(command: readonly string[], env: Readonly<Record<string, string>>): Terminal {
  const child = spawn('python3', [program, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...cleanEnv(), TERM: 'xterm', ...authorityOf(env['DROVER_URL']), ...env },
  });
  let text = '';
  child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()));
  return {
    shown: () => text,
    shows: async (wanted) => {
      await until(`the terminal shows ${String(wanted)}`, () =>
        typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text),
      ).catch((error: Error) => {
        throw new Error(`${error.message}; it showed: ${JSON.stringify(text)}`);
      });
    },
    type: (keys) => void child.stdin.write(keys),
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code ?? -1))),
  };
}
