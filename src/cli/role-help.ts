/** Help of the commands that are processes of their own; their programs read their flags themselves. */
import type { Command } from 'commander';

export function addRoleHelp(program: Command): void {
  program.command('up').summary('start everything on this machine').description('Start server, worker and agents on this machine, on embedded PostgreSQL or on DATABASE_URL.')
    .option('--data <dir>', 'data folder').option('--listen <host:port>', 'where to listen (port 0: any)', '127.0.0.1:7400').option('--agents <n>', 'agents, as hosts local-1 … local-n').option('--json', 'print {"ready":true,"url":…,"token":…} when it can take work');
  program.command('server').summary('start a server on DATABASE_URL').option('--data <dir>', 'data folder: holds the master key unless DROVER_MASTER_KEY is set').option('--listen <host:port>', 'API and links of workers', '127.0.0.1:7400').option('--advertise <host:port>', 'how others reach it').option('--bootstrap-token', 'make an admin token and print it').option('--json', 'one line when ready');
  program.command('worker').summary('start a worker').option('--data <dir>', 'data folder').option('--join <token>', 'join token of role worker; needed once').option('--listen <host:port>', 'links of agents', '0.0.0.0:7401').option('--advertise <host:port>', 'how agents reach it').option('--name <name>').option('--server <url>', 'server to dial first, when it has moved').option('--capacity <n>', 'executions under way at once over its agents').option('--ssh-capacity <n>', 'the same over SSH').option('--queue-weights <high:normal:low>', 'how often each queue is picked', '6:3:1').option('--json', 'one line when ready');
  program.command('agent').summary('start the agent of this host').option('--data <dir>', 'data folder').option('--join <token>', 'join token; needed once').option('--name <name>', 'name of the host').option('--label <k=v>', 'label of the host (repeatable)');
}
