/** The `drover` command. Commands of the client are defined in `cli`; the roles are separate programs, loaded only when asked for. */
import module from 'node:module';
module.enableCompileCache();

const ROLES: Readonly<Record<string, () => Promise<unknown>>> = {
  server: () => import('./drover-server.ts'),
  worker: () => import('./drover-worker.ts'),
  agent: () => import('./drover-agent.ts'),
  up: () => import('./drover-up.ts'),
};

async function main(): Promise<void> {
  // Node has forgotten that it was to ignore this.
  if (process.env.DROVER_NOHUP === '1') process.on('SIGHUP', () => undefined);
  const [first, ...rest] = process.argv.slice(2);
  const role = first === undefined ? undefined : Object.hasOwn(ROLES, first) ? ROLES[first] : undefined;
  if (role && !rest.includes('--help') && !rest.includes('-h')) {
    process.argv.splice(2, 1);
    await role();
    return;
  }
  const { Command, CommanderError } = await import('commander');
  const [{ addCommands }, { explain, EXIT }, { note }] = await Promise.all([
    import('../cli/commands.ts'),
    import('../cli/exit.ts'),
    import('../cli/out.ts'),
  ]);
  const { version } = await import('../base/node-process.ts');
  const program = new Command('drover')
    .description('Operations work on fleets of servers.')
    .version(version())
    .exitOverride()
    .showHelpAfterError('(drover COMMAND --help tells more)');
  addCommands(program);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => error.code === 'EPIPE' && process.exit(0));
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.succeeded : EXIT.usage;
    else {
      const { message, code } = explain(error);
      note(`drover: ${message}`);
      process.exitCode = code;
    }
  }
}

await main();
