/** `drover context list|use|remove`: which of the stored servers commands speak to. */
import type { Command } from 'commander';
import { answer, command, group, listText, type AnswerFlags } from '../command.ts';
import { forgetContext, readContexts, useContext } from './contexts.ts';

export function addContextCommands(program: Command): void {
  const contexts = group(program, 'context', 'servers that are stored: list them, choose one, forget one');
  command(contexts, 'list', {
    summary: 'list the servers that are stored',
    description:
      'List the servers that drover login has stored, and the one that drover up runs on this machine (local). ' +
      'Tokens are not shown. DROVER_URL and DROVER_TOKEN go before all of them.',
    examples: ['drover context list', 'drover context list -o name'],
  }).action(async (flags: AnswerFlags) => {
    const { current, contexts: stored } = readContexts();
    const items = [...stored].map(([name, { url, ca }]) => ({
      name,
      url,
      current: name === current,
      authority: ca === undefined ? 'public' : 'own',
    }));
    await answer(flags, { items }, () =>
      listText(flags, items, [
        ['', (item) => (item.current ? '*' : '')],
        ['NAME', (item) => item.name],
        ['SERVER', (item) => item.url],
        ['AUTHORITY', (item) => item.authority, 'wide'],
      ]),
    );
  });
  command(contexts, 'use', {
    summary: 'choose the server that commands speak to',
    description:
      'Choose the server that commands speak to from now on. For one command: --context NAME or DROVER_CONTEXT.',
    examples: ['drover context use staging', 'drover hosts list --context staging'],
  })
    .argument('<name>')
    .action(async (name: string, flags: AnswerFlags) => {
      const { url } = useContext(name);
      await answer(flags, { name, url }, () => `commands speak to ${name} (${url}) now`);
    });
  command(contexts, 'remove', {
    summary: 'forget a server and its token',
    description: 'Forget a server and its token. The token stays valid until it expires or is revoked.',
    examples: ['drover context remove staging'],
  })
    .argument('<name>')
    .action(async (name: string, flags: AnswerFlags) => {
      forgetContext(name);
      await answer(flags, { removed: name }, () => `forgot ${name}`);
    });
}
