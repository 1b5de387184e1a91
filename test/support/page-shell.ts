/**
 * A reader at a shell: works through the commands of a page in their order, in a clean folder with a home of its own, where `drover` is
 * the command of this tree. What the reader exports stays; a server, worker or agent is started as in another terminal and left running
 * until the page is done; `drover login` is answered at a terminal. Names that a page gives for an example stand for what is here.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { openTerminal } from './terminal.ts';
import { until } from './until.ts';
import { cleanEnv, drover } from './up.ts';

/** What stays running, and what it says once it can take work. */
const STAYS = /^(?:[A-Z_]+=\S*\s+)*(?:\.\/)?drover (up|server|worker|agent)\b(?!.*--(?:migrate-only|help))/;
/** Without `--data` they take this machine's own folder, which is not the reader's. */
const HAS_FOLDER =
  /^(?:[A-Z_]+=\S*\s+)*(?:\.\/)?drover (?:up|server|worker|agent|backup|restore) (?!.*--(?:data|migrate-only)\b)(?!verify)/;
const READY = {
  up: /^Drover is up at (\S+)$/m,
  server: /"msg":"ready"/,
  worker: /"msg":"listening for agents"/,
  agent: /^linked /,
} as const;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class PageShell {
  readonly home: string;
  /** Where the reader stands. */
  readonly folder: string;
  /** What a page writes for an example, and what it is here; changes as commands tell of more. */
  readonly standsFor = new Map<string, string>();
  readonly #shell: ChildProcess;
  readonly #codes: Interface;
  readonly #running: { readonly pid: number; readonly name: string }[] = [];
  #count = 0;
  #isDone = false;
  #up: { readonly url: string; readonly token: string; readonly ca: string | undefined } | undefined;

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.home = mkdtempSync(join(tmpdir(), 'drover-page-'));
    // Agents of another user, and the embedded PostgreSQL, pass through it.
    chmodSync(this.home, 0o711);
    this.folder = join(this.home, 'clone');
    for (const name of ['clone', 'bin', 'typed']) mkdirSync(join(this.home, name));
    symlinkSync(drover, join(this.home, 'bin', 'drover'));
    symlinkSync(drover, join(this.folder, 'drover'));
    const { XDG_CONFIG_HOME: _config, ...rest } = cleanEnv();
    this.#shell = spawn('sh', [], {
      cwd: this.folder,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...rest, HOME: this.home, PATH: `${join(this.home, 'bin')}:${process.env.PATH}`, ...env },
    });
    this.#codes = createInterface({ input: this.#shell.stdout! });
    this.standsFor.set('/var/lib/', `${join(this.home, 'lib')}/`);
  }

  /** A file that the page supposes; `~/` is the home, all else is beside the reader. */
  file(name: string, text: string, mode = 0o600): string {
    const path = name.startsWith('~/') ? join(this.home, name.slice(2)) : join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    return path;
  }

  /** The command with what its examples stand for here. */
  here(text: string): string {
    let result = text;
    for (const [from, to] of this.standsFor)
      result = /^\w+$/.test(from) ? result.replace(new RegExp(`\\b${from}\\b`, 'g'), to) : result.replaceAll(from, to);
    return result;
  }

  async run(text: string): Promise<Ran> {
    const line = this.here(text);
    if (HAS_FOLDER.test(`${line} `))
      throw new Error(`${line} would use the data folder of this machine: say what it stands for`);
    const role = STAYS.exec(line)?.[1] as keyof typeof READY | undefined;
    const ran = role
      ? await this.#start(role, line)
      : /^(?:\.\/)?drover login /.test(line)
        ? await this.#login(line)
        : await this.#type(line);
    // What is shown once is what the reader copies into the next command.
    const [join, token, run] = [/\bdrj_\S+/, /\bdrt_\S+/, /\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}\b/].map(
      (shown) => shown.exec(`${ran.stdout}\n${ran.stderr}`)?.[0],
    );
    if (join) this.standsFor.set('TOKEN', join);
    if (token) this.standsFor.set('drt_…', token);
    if (run) for (const word of ['ID', 'RUN']) this.standsFor.set(word, run);
    return ran;
  }

  /** The reader copies what `up` printed; as from its default folder, where commands find it by themselves. */
  async findUp(): Promise<void> {
    const { url, token, ca } = this.#up!;
    this.standsFor.set('drt_…', token);
    if (ca) this.standsFor.set('DROVER_CA=…', `DROVER_CA=${ca}`);
    for (const example of ['https://127.0.0.1:7400', 'https://drover.example:7400']) this.standsFor.set(example, url);
    await this.#type(`export DROVER_URL=${url} DROVER_TOKEN=${token}`);
  }

  async end(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    for (const { pid, name } of this.#running.reverse()) {
      if (!existsSync(`/proc/${pid}/exe`)) continue;
      process.kill(pid, 'SIGTERM');
      await until(
        `${name} has ended`,
        () => !existsSync(`/proc/${pid}/exe`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')),
      );
    }
    if (this.#shell.exitCode === null) this.#shell.stdin!.end();
    this.#codes.close();
    rmSync(this.home, { recursive: true, force: true });
  }

  async #type(line: string, after = ''): Promise<Ran & { readonly pid: number }> {
    const typed = join(this.home, 'typed', String(++this.#count));
    writeFileSync(typed, `${line}${after}\n`);
    this.#shell.stdin!.write(`. '${typed}' >'${typed}.out' 2>'${typed}.err' </dev/null; echo $? $!\n`);
    const [code, pid] = await new Promise<number[]>((resolve, reject) => {
      const ended = (): void => reject(new Error(`the shell ended at: ${line}`));
      this.#shell.once('exit', ended);
      this.#codes.once('line', (text) => {
        this.#shell.off('exit', ended);
        resolve(text.split(' ').map(Number));
      });
    });
    const read = (kind: string): string => readFileSync(`${typed}.${kind}`, 'utf8');
    return { code: code!, pid: pid!, stdout: read('out'), stderr: read('err') };
  }

  async #start(role: keyof typeof READY, line: string): Promise<Ran> {
    const { pid } = await this.#type(line, ' &');
    this.#running.push({ pid, name: role });
    const typed = join(this.home, 'typed', String(this.#count));
    const data = /--data (\S+)/.exec(line)?.[1]?.replace(/^~/, this.home);
    const said = (): string => {
      const words = ['out', 'err'].map((kind) => readFileSync(`${typed}.${kind}`, 'utf8')).join('');
      return role !== 'agent' || !data || !existsSync(join(data, 'link'))
        ? words
        : readFileSync(join(data, 'link'), 'utf8');
    };
    await until(`${line} is ready`, () => {
      if (!existsSync(`/proc/${pid}/exe`)) throw new Error(`${line} ended: ${said()}`);
      return READY[role].test(said());
    });
    const stdout = readFileSync(`${typed}.out`, 'utf8');
    const [, url, token, ca] = /DROVER_URL=(\S+) DROVER_TOKEN=(\S+)(?: DROVER_CA=(\S+))?/.exec(stdout) ?? [];
    if (url && token) this.#up = { url, token, ca };
    return { code: 0, stdout, stderr: readFileSync(`${typed}.err`, 'utf8') };
  }

  /** At a terminal, as Ann: it asks whom to trust where the server's authority is its own, and for the token. */
  async #login(line: string): Promise<Ran> {
    const { stdout } = await this.#type('env');
    const exported = [...stdout.matchAll(/^(HOME|PATH|NODE_COMPILE_CACHE)=(.*)$/gm)].map(([, name, value]) => [
      name!,
      value!,
    ]);
    const terminal = openTerminal(['sh', '-c', `cd '${this.folder}' && exec ${line}`], {
      ...(Object.fromEntries(exported) as Record<string, string>),
      XDG_CONFIG_HOME: join(this.home, '.config'),
    });
    await terminal.shows(/Token: |\[y\/N\]/);
    if (terminal.shown().includes('[y/N]')) terminal.type('y\r');
    await terminal.shows('Token: ');
    terminal.type(`${this.here('drt_…')}\r`);
    return { code: await terminal.ended, stdout: terminal.shown(), stderr: '' };
  }
}
