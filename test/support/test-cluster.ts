/** Installations on a database of their own in the PostgreSQL of the whole test run: what is not about PostgreSQL need not start another one. */
import { Cluster, type ClusterOptions } from './cluster.ts';
import { testDatabase } from './database.ts';

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
