/**
 * Other programs that run a command on many hosts over SSH, each as its own manual says it is fast; those that are
 * installed.
 */
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';

export interface PeerSetup {
  readonly folder: string;
  readonly names: readonly string[];
  readonly addressOf: (index: number) => string;
  readonly port: number;
  readonly user: string;
  readonly keyPath: string;
  readonly concurrent: number;
}
export interface Peer {
  readonly name: string;
  readonly warm: boolean;
  run(): Promise<number>;
  end(): Promise<void>;
}

export function installedPeers(setup: PeerSetup): Peer[] {
  const { folder, concurrent } = setup;
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, `${setup.names.join('\n')}\n`);
  const cold = writeConfig(setup, 'cold', []);
  // One master per host stays open; the path must be short enough for a socket.
  const warm = writeConfig(setup, 'warm', ['ControlMaster auto', `ControlPath ${folder}/m-%n`, 'ControlPersist 120']);
  const onHosts = (config: string): string => `xargs -a ${hosts} -P${concurrent} -I{} ssh -F ${config} {} true`;
  const peer = (name: string, program: string, command: string): Peer[] =>
    isInstalled(program) ? [{ name, warm: false, run: () => timed(command), end: async () => undefined }] : [];
  return [
    ...peer('xargs+ssh', 'ssh', onHosts(cold)),
    ...peer('pdsh', 'pdsh', `PDSH_SSH_ARGS_APPEND='-F ${cold}' pdsh -R ssh -f ${concurrent} -w ^${hosts} true`),
    ...peer('clush', 'clush', `clush -q -f ${concurrent} --hostfile ${hosts} -o '-F ${cold}' true`),
    ...peer('parallel-ssh', 'parallel-ssh', `parallel-ssh -h ${hosts} -p ${concurrent} -t 0 -x '-F ${cold}' true`),
    // By the Python that has it, which need not be the first one.
    ...peer('fabric', 'fab', `$(sed -n '1s/^#!//p' "$(command -v fab)") ${writeFabric(setup)}`),
    ...peer('ansible', 'ansible', writeAnsible(setup, cold)),
    ...(isInstalled('ssh')
      ? [
          {
            name: 'ControlMaster',
            warm: true,
            run: () => timed(onHosts(warm)),
            end: async () => void (await timed(`xargs -a ${hosts} -P${concurrent} -I{} ssh -F ${warm} -O exit {}`)),
          },
        ]
      : []),
  ];
}

function writeConfig(
  { folder, names, addressOf, port, user, keyPath }: PeerSetup,
  name: string,
  more: readonly string[],
): string {
  const path = join(folder, `ssh-${name}`);
  const common = [
    'StrictHostKeyChecking no',
    `UserKnownHostsFile ${folder}/known`,
    'LogLevel ERROR',
    `User ${user}`,
    `Port ${port}`,
    `IdentityFile ${keyPath}`,
    'IdentitiesOnly yes',
    'BatchMode yes',
    'KexAlgorithms curve25519-sha256',
    ...more,
  ];
  writeFileSync(
    path,
    [...names.map((host, i) => `Host ${host}\nHostName ${addressOf(i)}`), 'Host *', ...common].join('\n') + '\n',
  );
  return path;
}

/** The threads of `ThreadingGroup`, without its results by address, of which many hosts share one here. */
function writeFabric({ folder, names, addressOf, port, user, keyPath, concurrent }: PeerSetup): string {
  const path = join(folder, 'fabric-run.py');
  writeFileSync(
    path,
    `from concurrent.futures import ThreadPoolExecutor
from fabric import Connection
def run(address):
    with Connection(address, user=${JSON.stringify(user)}, port=${port}, connect_kwargs={'key_filename': ${JSON.stringify(keyPath)}, 'look_for_keys': False, 'allow_agent': False}) as connection:
        connection.run('true', hide=True)
with ThreadPoolExecutor(${concurrent}) as pool:
    list(pool.map(run, ${JSON.stringify(names.map((_, i) => addressOf(i)))}))
`,
  );
  return path;
}

/** The module `command`, over pipelines, without connections that persist. */
function writeAnsible(
  { folder, names, addressOf, port, user, keyPath, concurrent }: PeerSetup,
  config: string,
): string {
  const inventory = join(folder, 'inventory');
  const common = `ansible_port=${port} ansible_user=${user} ansible_ssh_private_key_file=${keyPath} ansible_python_interpreter=/usr/bin/python3`;
  writeFileSync(inventory, `${names.map((name, i) => `${name} ansible_host=${addressOf(i)} ${common}`).join('\n')}\n`);
  writeFileSync(
    join(folder, 'ansible.cfg'),
    `[defaults]\nlocal_tmp = ${folder}/ansible\nhost_key_checking = False\n[ssh_connection]\npipelining = True\nssh_args = -F ${config} -o ControlMaster=no\n`,
  );
  return `ANSIBLE_CONFIG=${folder}/ansible.cfg ansible all -i ${inventory} -f ${concurrent} -m command -a true`;
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
    child.once('exit', (code) =>
      code === 0 ? resolve(systemClock.monotonicMs() - began) : reject(new Error(`${command}: exit ${code}: ${said}`)),
    );
  });
}
