/** Every command that speaks to a server, in the order of the help. A new one is a file and a line here. */
import type { Command } from 'commander';
import { addAccessCommands } from './access-command.ts';
import { addAccountsCommands } from './accounts-command.ts';
import { addAgentsCommands } from './agents-command.ts';
import { addAuditCommands } from './audit-command.ts';
import { addHostsCommands } from './hosts-command.ts';
import { addLoginCommands } from './login-command.ts';
import { addRoleHelp } from './role-help.ts';
import { addRunCommand } from './run-command.ts';
import { addRunsCommands } from './runs-command.ts';
import { addWorkersCommands } from './workers-command.ts';

const COMMANDS: readonly ((program: Command) => void)[] = [
  addRunCommand,
  addRunsCommands,
  addHostsCommands,
  addAccountsCommands,
  addAgentsCommands,
  addWorkersCommands,
  addAccessCommands,
  addAuditCommands,
  addLoginCommands,
  addRoleHelp,
];

export function addCommands(program: Command): void {
  for (const add of COMMANDS) add(program);
}
