/** `drover tokens create|list|revoke`: who may do what. */
import { dataOf, type Schemas } from '@drover/sdk';
import { Option, type Command } from 'commander';
import { limits } from '../../base/limits.ts';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { duration, Faults } from '../input.ts';
import { timeText } from '../render.ts';
import { plainText } from '../text-width.ts';
import { openSession } from '../servers/session.ts';

interface TokenFlags extends AnswerFlags {
  readonly name: string;
  readonly role: Schemas['ApiTokenCreate']['role'];
  readonly lifetime: string;
}
export function addAccessCommands(program: Command): void {
  addTokens(program);
}

function addTokens(program: Command): void {
  const tokens = group(program, 'tokens', 'make, list and revoke API tokens');
  command(tokens, 'create', {
    summary: 'make an API token and print it',
    description: 'Make an API token and print it. It is shown this once: the server keeps its hash only.',
    examples: [
      'drover tokens create --name ci --role operator',
      'drover tokens create --name dashboard --role viewer --lifetime 30d',
    ],
  })
    .requiredOption('--name <text>', 'who or what it is for')
    .addOption(
      new Option('--role <role>', 'what it may do').choices(['viewer', 'operator', 'admin']).makeOptionMandatory(),
    )
    .option('--lifetime <duration>', 'how long it is good', '90d')
    .action(async (flags: TokenFlags) => {
      const faults = new Faults();
      const lifetime = duration(faults, '--lifetime', flags.lifetime, limits.apiTokenMsMax) ?? '90d';
      faults.end();
      const created = dataOf(
        await openSession().client.POST('/api/v1/tokens', { body: { name: flags.name, role: flags.role, lifetime } }),
      );
      await answer(flags, created, () => created.token);
    });
  withUtc(command(tokens, 'list', { summary: 'list API tokens', examples: ['drover tokens list'] })).action(
    async (flags: AnswerFlags) => {
      const page = dataOf(await openSession().client.GET('/api/v1/tokens'));
      const utc = flags.utc === true;
      await answer(flags, page, () =>
        listText(flags, page.items, [
          ['ID', (token) => token.id],
          ['NAME', (token) => token.name],
          ['ROLE', (token) => token.role],
          ['MADE', (token) => timeText(token.createdAt, utc), 'wide'],
          ['EXPIRES', (token) => timeText(token.expiresAt, utc)],
          ['REVOKED', (token) => timeText(token.revokedAt, utc)],
        ]),
      );
    },
  );
  command(tokens, 'revoke', {
    summary: 'revoke an API token',
    description:
      'Revoke an API token: it is good for nothing from then on. Runs that it has begun go on, unless --cancel-runs ' +
      'cancels those that are under way.',
    examples: ['drover tokens revoke ci', 'drover tokens revoke ci --cancel-runs'],
  })
    .argument('<token>', 'name or id')
    .option('--cancel-runs', 'also cancel its runs that are under way')
    .action(async (token: string, flags: AnswerFlags & { readonly cancelRuns?: boolean }) => {
      const query = { cancelRuns: flags.cancelRuns ? 'true' : 'false' } as const;
      const { cancelledRuns } = dataOf(
        await openSession().client.DELETE('/api/v1/tokens/{token}', { params: { path: { token }, query } }),
      );
      const runs = flags.cancelRuns ? `, and cancelled ${cancelledRuns} ${cancelledRuns === 1 ? 'run' : 'runs'}` : '';
      await answer(flags, { revoked: token, cancelledRuns }, () => `revoked ${plainText(token)}${runs}`);
    });
}
