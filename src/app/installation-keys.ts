/** What an installation is known by, kept sealed in its database: its authority, and the root of the keys that outlive any master key. */
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { CertificateAuthority, type CaMaterial } from '../pki/ca.ts';
import type { MasterKey } from '../pki/sealer.ts';
import type { Store } from '../store/contract/store.ts';

type SecretStore = Pick<Store, 'secretPut' | 'secretFetch'>;

/** Made by the first server, found by all others. Throws `data-folder-foreign` when they are sealed under a key that is not given. */
export async function installationKeys(
  store: SecretStore,
  masterKey: MasterKey,
  clock: Clock,
): Promise<{ readonly ca: CertificateAuthority; readonly masterKey: MasterKey }> {
  const material = await loadCa(store, masterKey, clock);
  return { ca: await CertificateAuthority.load(material), masterKey: await withKeptDispatchRoot(store, masterKey) };
}

/** The first server makes the authority; of two at once, one finds the other's. */
async function loadCa(store: SecretStore, masterKey: MasterKey, clock: Clock): Promise<CaMaterial> {
  const NAME = 'ca';
  let sealed = await store.secretFetch(NAME);
  if (!sealed) {
    await store.secretPut(
      NAME,
      masterKey.seal(NAME, Buffer.from(JSON.stringify(await CertificateAuthority.create(clock.nowMs())))),
    );
    sealed = (await store.secretFetch(NAME))!;
  }
  try {
    return JSON.parse(Buffer.from(masterKey.open(NAME, sealed)).toString()) as CaMaterial;
  } catch (error) {
    throw new DroverError('data-folder-foreign', {
      detail:
        'The database was set up under another master key. All servers of one database need the same ' +
        'DROVER_MASTER_KEY (or the same master.key file).',
      cause: error,
    });
  }
}

/**
 * Dispatch keys are with the agents and outlive any master key, so what they derive from is kept on its own. It comes of the
 * key that the authority was sealed under when this was first looked at: that key made the agents' keys.
 */
async function withKeptDispatchRoot(store: SecretStore, masterKey: MasterKey): Promise<MasterKey> {
  const NAME = 'dispatch-root';
  let sealed = await store.secretFetch(NAME);
  if (!sealed) {
    const first = masterKey.keyIdOf('ca', (await store.secretFetch('ca'))!);
    await store.secretPut(NAME, masterKey.seal(NAME, masterKey.dispatchRootOf(first)));
    sealed = (await store.secretFetch(NAME))!;
  }
  return masterKey.withDispatchRoot(masterKey.open(NAME, sealed));
}
