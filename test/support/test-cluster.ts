/** Installations on a database of their own in the PostgreSQL of the whole test run: what is not about PostgreSQL need not start another one. */
import { Cluster, type ClusterOptions } from './cluster.ts';
import { testDatabase } from './database.ts';
import { removeDataDir, startUp, stopUp, type RunningUp } from './up.ts';

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

/** `end` stops it and takes its data folder and its database away. */
export type TestUp = RunningUp & { end(): Promise<void> };

export async function testUp(
  dataDir: string,
  agents: number,
  more: Parameters<typeof startUp>[2] = {},
): Promise<TestUp> {
  const database = await testDatabase();
  const up = await startUp(dataDir, agents, { ...more, env: { ...more.env, DATABASE_URL: database.url } });
  return {
    ...up,
    async end() {
      await stopUp(up);
      removeDataDir(dataDir);
      await database.drop();
    },
  };
}
