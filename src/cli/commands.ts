/**
 * Every command that speaks to a server, in the order of the help. A file of commands is loaded only when one of them is asked for, so that
 * a command starts quickly; the others are names with a summary. A new one is a file and a line here.
 */
import type { Command } from 'commander';

interface CommandFile {
  /** Name to summary, as the file has them. */
  readonly names: Readonly<Record<string, string>>;
  readonly load: () => Promise<(program: Command) => void>;
}

export const COMMAND_FILES: readonly CommandFile[] = [
  {
    names: { run: 'run a script or command on hosts, or on a worker' },
    load: async () => (await import('./runs/run-command.ts')).addRunCommand,
  },
  {
    names: { runs: 'list, show, watch, pause, resume, answer, skip steps of, cancel and retry runs' },
    load: async () => (await import('./runs/runs-command.ts')).addRunsCommands,
  },
  {
    names: { job: 'procedures of several steps: apply, check, convert, publish, run, compare and export them' },
    load: async () => (await import('./jobs/job-command.ts')).addJobCommands,
  },
  {
    names: { hosts: 'list, show, add, import, change and remove hosts' },
    load: async () => (await import('./hosts/hosts-command.ts')).addHostsCommands,
  },
  {
    names: { accounts: 'as whom work runs on hosts, and with which credentials' },
    load: async () => (await import('./accounts/accounts-command.ts')).addAccountsCommands,
  },
  {
    names: { channels: 'mail, webhooks and chats by which people are told of runs' },
    load: async () => (await import('./channels/channels-command.ts')).addChannelsCommands,
  },
  {
    names: { notices: 'what was told to whom, and the rules by which it is' },
    load: async () => (await import('./notices/notices-command.ts')).addNoticesCommands,
  },
  {
    names: { agents: 'agents: their state, revoking them, the tokens they join with' },
    load: async () => (await import('./agents/agents-command.ts')).addAgentsCommands,
  },
  {
    names: { workers: 'show workers and take them out of service' },
    load: async () => (await import('./workers/workers-command.ts')).addWorkersCommands,
  },
  {
    names: { tokens: 'make, list and revoke API tokens' },
    load: async () => (await import('./tokens/tokens-command.ts')).addAccessCommands,
  },
  {
    names: { audit: 'read the audit trail, newest first' },
    load: async () => (await import('./audit/audit-command.ts')).addAuditCommands,
  },
  {
    names: {
      login: 'remember a server and a token',
      logout: 'forget the stored server and token',
      whoami: 'who am I, what may I do, and whose certificate counts',
    },
    load: async () => (await import('./servers/login-command.ts')).addLoginCommands,
  },
  {
    names: { context: 'servers that are stored: list them, choose one, forget one' },
    load: async () => (await import('./servers/context-command.ts')).addContextCommands,
  },
  {
    names: { version: 'tell the version of this command' },
    load: async () => (await import('./version-command.ts')).addVersionCommand,
  },
  {
    names: { completion: 'print completion for a shell' },
    load: async () => (await import('./completion-command.ts')).addCompletionCommand,
  },
  {
    names: {
      up: 'start everything on this machine',
      server: 'start a server on DATABASE_URL',
      worker: 'start a worker',
      agent: 'start the agent of this host',
      backup: 'write a backup of the database, or verify one',
      restore: 'restore a backup into an empty database',
    },
    load: async () => (await import('./role-help.ts')).addRoleHelp,
  },
];

/** `wanted`: the command that will be called; every one when it is `completion`, which tells of all. */
export async function addCommands(program: Command, wanted: string | undefined): Promise<void> {
  for (const { names, load } of COMMAND_FILES) {
    if (wanted === 'completion' || (wanted !== undefined && Object.hasOwn(names, wanted))) (await load())(program);
    else for (const [name, summary] of Object.entries(names)) program.command(name).summary(summary);
  }
}
