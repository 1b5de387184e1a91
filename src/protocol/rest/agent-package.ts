/** The executables of the agent as a folder holds them: one manifest per version, one compressed file per processor. */
export interface AgentPackage {
  readonly version: string;
  readonly os: string;
  readonly arch: string;
  /** Of the executable. */
  readonly size: number;
  readonly sha256: string;
  /** By the release key, over version, os, arch, size and sha256. */
  readonly signature: string;
  /** The compressed file that travels, beside the manifest. */
  readonly file: string;
  readonly fileSize: number;
  readonly fileSha256: string;
}

export interface PackagesManifest {
  readonly v: 1;
  readonly version: string;
  /** Ed25519, SPKI in Base64. What a server believes is the key it was configured with, if it was. */
  readonly publicKey: string;
  readonly packages: readonly AgentPackage[];
}

export const PACKAGES_MANIFEST = (version: string): string => `drover-agent-${version}.json`;
