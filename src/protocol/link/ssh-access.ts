/**
 * What a worker is told to open a session on a host over SSH: asked of the server when a connection is opened, kept in the
 * worker's memory only, never in its journal. The path is a chain: each hop is dialled through the one before it.
 */

export interface SshAccess {
  hostId: string;
  /** The account that this access is for; connections are pooled per host × account × path. */
  accountId: string;
  /** From the first jump host to the host itself; never empty, at most `sshHopsMax`. */
  hops: SshHop[];
  /** How the login user of the last hop becomes the user that the work runs as. */
  become: SshBecome;
}

export type SshBecome =
  | { kind: 'direct' }
  /** `password` is the login user's for sudo, the other user's for su; absent where none is needed. */
  | { kind: 'sudo' | 'su'; user: string; password?: string };

export interface SshHop {
  /** The managed host that this hop is; host keys are recorded under it. */
  hostId: string;
  address: string;
  port: number;
  user: string;
  /** Tried in this order; the failure names all that were tried. */
  credentials: SshCredential[];
  /** `strict`: only known keys. `first-use`: the first key seen is recorded, after that as strict. */
  hostKeyPolicy: 'strict' | 'first-use';
  knownHostKeys: SshHostKey[];
  /** The host has shown a key that is not believed, and nobody has decided: a connection of before it did is not gone on with. */
  isOtherKeyShown?: boolean;
  /** Overrides of what is offered, each list whole; absent: the library's modern defaults. */
  algorithms?: { kex?: string[]; cipher?: string[]; serverHostKey?: string[]; hmac?: string[] };
}

/** `key` is the public key blob of RFC 4253 §6.6; its fingerprint is SHA-256 in base64, as OpenSSH prints it. */
export interface SshHostKey {
  algorithm: string;
  key: Uint8Array;
}

export type SshCredential =
  /** OpenSSH or PEM text, ed25519, RSA or ECDSA; `certificate` is the text of an OpenSSH user certificate for the key. */
  | { kind: 'key'; name: string; privateKey: string; passphrase?: string; certificate?: string }
  | { kind: 'password'; name: string; password: string }
  /** One answer for every prompt that does not echo. */
  | { kind: 'keyboard-interactive'; name: string; password: string }
  /** The socket of an ssh-agent on the worker's machine. */
  | { kind: 'agent'; name: string; socket: string };
