/** Other programs that run a command on many hosts over SSH, each as its own manual says it is fast; those that are installed. */
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';

export interface PeerSetup { readonly folder: string; readonly names: readonly string[]; readonly addressOf: (index: number) => string; readonly port: number; readonly user: string; readonly keyPath: string; readonly concurrent: number }
export interface Peer { readonly name: string; readonly warm: boolean; run(): Promise<number>; end(): Promise<void> }

export function installedPeers(setup: PeerSetup): Peer[] {
  const { folder, concurrent } = setup;
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, `${setup.names.join('\n')}\n`);
  const cold = writeConfig(setup, 'cold', []);
  // One master per host stays open; the path must be short enough for a socket.
  const warm = writeConfig(setup, 'warm', ['ControlMaster auto', `ControlPath ${folder}/m-%n`, 'ControlPersist 120']);
  const onHosts = (config: string): string => `xargs -a ${hosts} -P${concurrent} -I{} ssh -F ${config} {} true`;
  const peer = (name: string, program: string, command: string): Peer[] => (isInstalled(program) ? [{ name, warm: false, run: () => timed(command), end: async () => undefined }] : []);
  return [
    ...peer('xargs+ssh', 'ssh', onHosts(cold)),
    ...peer('pdsh', 'pdsh', `PDSH_SSH_ARGS_APPEND='-F ${cold}' pdsh -R ssh -f ${concurrent} -w ^${hosts} true`),
    ...peer('clush', 'clush', `clush -q -f ${concurrent} --hostfile ${hosts} -o '-F ${cold}' true`),
    ...peer('parallel-ssh', 'parallel-ssh', `parallel-ssh -h ${hosts} -p ${concurrent} -t 0 -x '-F ${cold}' true`),
    ...(isInstalled('ssh') ? [{ name: 'ControlMaster', warm: true, run: () => timed(onHosts(warm)), end: async () => void (await timed(`xargs -a ${hosts} -P${concurrent} -I{} ssh -F ${warm} -O exit {}`)) }] : []),
  ];
}

function writeConfig({ folder, names, addressOf, port, user, keyPath }: PeerSetup, name: string, more: readonly string[]): string {
  const path = join(folder, `ssh-${name}`);
  const common = ['StrictHostKeyChecking no', `UserKnownHostsFile ${folder}/known`, 'LogLevel ERROR', `User ${user}`, `Port ${port}`, `IdentityFile ${keyPath}`, 'IdentitiesOnly yes', 'BatchMode yes', 'KexAlgorithms curve25519-sha256', ...more];
  writeFileSync(path, [...names.map((host, i) => `Host ${host}\nHostName ${addressOf(i)}`), 'Host *', ...common].join('\n') + '\n');
  return path;
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

function timed(command: string): Promise<number> {
  const began = systemClock.monotonicMs();
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(0, 2_000)));
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve(systemClock.monotonicMs() - began) : reject(new Error(`${command}: exit ${code}: ${said}`))));
  });
}
