/** Installations on a database of their own in the PostgreSQL of the whole test run: what is not about PostgreSQL need not start another one. */
import { Cluster, type ClusterOptions } from './cluster.ts';
import { testDatabase } from './database.ts';
import { packagedDrover } from './programs.ts';
import { removeDataDir, runCli, startUp, stopUp, type RunningUp } from './up.ts';

/** Its `stop` drops the database too. */
export async function testCluster(options: Omit<ClusterOptions, 'databaseUrl' | 'postgres'>): Promise<Cluster> {
  const database = await testDatabase();
  const cluster = await Cluster.start({ ...options, databaseUrl: database.url }).catch(async (error: unknown) => {
    await database.drop();
    throw error;
  });
  const stop = cluster.stop.bind(cluster);
  cluster.stop = async (how) => {
    await stop(how);
    await database.drop();
  };
  return cluster;
}

/** Of the packaged `program`. `end` stops it and takes its data folder and its database away. */
export type TestUp = RunningUp & { readonly program: string; end(): Promise<void> };

export async function testUp(
  dataDir: string,
  agents: number,
  more: Omit<NonNullable<Parameters<typeof startUp>[2]>, 'program'> = {},
): Promise<TestUp> {
  const database = await testDatabase();
  const program = packagedDrover();
  const env = { ...more.env, DATABASE_URL: database.url };
  const up = await startUp(dataDir, agents, { program, ...more, env });
  return {
    ...up,
    program,
    async end() {
      await stopUp(up);
      removeDataDir(dataDir);
      await database.drop();
    },
  };
}

/** As `runCli`, by the packaged command. */
export function runPackaged(args: readonly string[], env: Record<string, string> = {}): ReturnType<typeof runCli> {
  return runCli(args, env, packagedDrover());
}
