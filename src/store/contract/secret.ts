/** Keys and other small secrets of the installation, and those of runs, sealed by the caller. */
import type { RunId } from '../../base/ids.ts';

export interface SealedRunSecrets {
  readonly runId: RunId;
  readonly task: number;
  readonly sealed: Uint8Array;
}

export interface SecretStore {
  secretPut(name: string, sealed: Uint8Array): Promise<'stored' | 'exists'>;
  secretFetch(name: string): Promise<Uint8Array | undefined>;
  secretList(): Promise<readonly { readonly name: string; readonly sealed: Uint8Array }[]>;
  secretReseal(name: string, from: Uint8Array, to: Uint8Array): Promise<boolean>;
  runSecretsList(
    after: { runId: RunId; task: number } | undefined,
    limit: number,
  ): Promise<readonly SealedRunSecrets[]>;
  runSecretsReseal(
    changes: readonly { runId: RunId; task: number; from: Uint8Array; to: Uint8Array }[],
  ): Promise<number>;
}
