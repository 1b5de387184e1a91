/** What `drover --help` says of the roles, which are programs of their own; their programs read their flags themselves. */
import type { Command } from 'commander';

const ROLES: readonly {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly options: readonly (readonly [flags: string, text: string])[];
  /** After the name, where it takes more than options. */
  readonly usage?: string;
  readonly examples: readonly string[];
}[] = [
  {
    name: 'up',
    summary: 'start everything on this machine',
    description:
      'Start server, worker and agents on this machine, on embedded PostgreSQL or on DATABASE_URL. Commands on ' +
      'this machine find it by themselves.',
    options: [
      ['--data <dir>', 'data folder (default: DROVER_DATA, else /var/lib/drover for root, else ~/.local/share/drover)'],
      ['--listen <host:port>', 'where to listen; port 0 takes any (default: 127.0.0.1:7400)'],
      [
        '--call-allow <addresses>',
        'where calls of jobs may go beside public addresses, such as 127.0.0.1,10.0.0.0/8 (default: nowhere)',
      ],
      [
        '--agents-as <user>',
        'user that scripts on this machine run as (default: nobody for root, else yourself; then tokens for operators are refused)',
      ],
      ['--agents <n>', 'agents, as hosts local-1 … local-n (default: one, as this machine)'],
      ['--process-user <user>', 'carry out tasks without hosts on this machine too, as this user (default: none)'],
      ['--json', 'print {"ready":true,"url":…,"token":…} when it can take work'],
    ],
    examples: ['drover up', 'drover up --data ./data --listen 127.0.0.1:0 --agents 3 --json'],
  },
  {
    name: 'server',
    summary: 'start a server on DATABASE_URL',
    description: 'Start a server on the PostgreSQL database of DATABASE_URL. Any number of them share the work.',
    options: [
      [
        '--data <dir>',
        'data folder: holds the master key unless DROVER_MASTER_KEY is set ' +
          '(default: /var/lib/drover-server for root, else ~/.local/share/drover-server)',
      ],
      ['--listen <host:port>', 'API and links of workers (default: 127.0.0.1:7400)'],
      ['--advertise <host:port>', 'how others reach it'],
      ['--bootstrap-token', 'make an admin token and print it'],
      ['--packages <dir>', 'packages of agents, or DROVER_PACKAGES (default: packages in the data folder)'],
      ['--migrate-only', 'migrate the database, as DATABASE_OWNER_URL where it is set, and end'],
      ['--json', 'one line when ready'],
    ],
    examples: [
      'DATABASE_URL=postgres://drover@db/drover drover server --listen 0.0.0.0:7400 --advertise drover-1:7400 --bootstrap-token',
    ],
  },
  {
    name: 'worker',
    summary: 'start a worker',
    description: 'Start a worker, which holds the links of the agents of its zone.',
    options: [
      ['--data <dir>', 'data folder (default: /var/lib/drover-worker for root, else ~/.local/share/drover-worker)'],
      ['--join <token>', 'join token of role worker, or DROVER_JOIN; needed once'],
      ['--listen <host:port>', 'links of agents (default: 0.0.0.0:7401)'],
      ['--advertise <host:port>', 'how agents reach it'],
      ['--name <name>', 'its name (default: that of the machine)'],
      ['--server <url>', 'server to dial first, when it has moved'],
      ['--capacity <n>', 'executions under way at once over its agents (default: 50000)'],
      ['--ssh-capacity <n>', 'the same over SSH (default: 1000)'],
      ['--process-user <user>', 'carry out tasks without hosts on this machine, as this user (default: none)'],
      ['--process-capacity <n>', 'so many of them under way at once (default: 16)'],
      [
        '--call-allow <addresses>',
        'where calls of jobs may go beside public addresses, such as 10.0.0.0/8,api.lan (default: nowhere)',
      ],
      ['--call-capacity <n>', 'so many calls under way at once (default: 100); 0: this worker makes none'],
      ['--queue-weights <high:normal:low>', 'how often each queue is picked (default: 6:3:1)'],
      ['--json', 'one line when ready'],
    ],
    examples: ['drover worker --join TOKEN --advertise worker-1:7401'],
  },
  {
    name: 'agent',
    summary: 'start the agent of this host',
    description: 'Start the agent of this host. As root it can run scripts as any user of the host.',
    options: [
      ['--data <dir>', 'data folder (default: /var/lib/drover-agent for root, else ~/.local/share/drover-agent)'],
      ['--join <token>', 'join token, or DROVER_JOIN; needed once'],
      ['--name <name>', 'name of the host (default: that of the machine)'],
      ['--label <k=v>', 'label of the host (repeatable)'],
      ['--run-as <user>', 'started as root: become this user, once the data folder is its own'],
      ['--worker <host:port>', 'worker to dial, when those it knows have moved (repeatable)'],
      ['--machine-id <id>', "or DROVER_MACHINE_ID: identity of the host, when the machine's own is not unique"],
    ],
    examples: ['drover agent --join TOKEN', 'drover agent --join TOKEN --name web-7 --label zone=a --label role=front'],
  },
  {
    name: 'backup',
    summary: 'write a backup of the database, or verify one',
    description:
      'On the machine of the server: write a backup of the database of DATABASE_URL, or of the data folder of ' +
      'drover up, while everything goes on. `drover backup verify FILE` reads one to its end. The master key is ' +
      'not in it: keep it apart.',
    usage: '[options] FILE | verify FILE',
    options: [
      ['--data <dir>', 'data folder of drover up, or with DATABASE_URL that of the server (for the names of keys)'],
      ['--json', 'one line when it is done'],
    ],
    examples: [
      'drover backup /backups/drover.backup',
      'drover backup verify /backups/drover.backup',
      'drover backup - | ssh vault "cat > drover.backup"',
    ],
  },
  {
    name: 'restore',
    summary: 'restore a backup into an empty database',
    description:
      'On the machine of the server, before it is started: restore a backup into the empty database of ' +
      'DATABASE_URL (made as the role of DATABASE_OWNER_URL, if that is set), or into a new data folder of ' +
      'drover up.',
    usage: '[options] FILE',
    options: [
      ['--data <dir>', 'data folder to make for drover up; with DATABASE_URL that of the server'],
      ['--master-key <file>', 'master key of the time of the backup; copied to where the server looks for it'],
      ['--json', 'one line when it is done'],
    ],
    examples: [
      'drover restore drover.backup --master-key master.key',
      'drover restore drover.backup --data /srv/drover --master-key master.key',
    ],
  },
];

export function addRoleHelp(program: Command): void {
  for (const { name, summary, description, options, usage, examples } of ROLES) {
    const role = program
      .command(name)
      .summary(summary)
      .description(description)
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`);
    if (usage !== undefined) role.usage(usage);
    for (const [flags, text] of options) role.option(flags, text);
  }
}
