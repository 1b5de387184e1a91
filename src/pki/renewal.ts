/**
 * Keeps a process's certificate alive. The next key is on disk before anybody hears of it and stays the next one until its
 * certificate is there: an answer that is lost on the way, or a crash in between, only means that the same request is made again.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { certificateRequest, renewalTimes, signWith } from './identity.ts';

/** An identity that the disk did not take is written again so soon. */
const UNSAVED_LOOK_MS = 10_000;
/** Nothing is won by looking more often, or lost by looking as often. */
const LOOK_MS_MIN = 1_000;
const LOOK_MS_MAX = 60 * 60_000;

export interface RenewableIdentity {
  privateKey: string;
  certificate: string;
  readonly ca: string;
  nextKey?: string | undefined;
}

export class CertificateRenewal {
  readonly #identity: RenewableIdentity;
  readonly #newKey: () => string;
  readonly #save: () => boolean;
  #isSaved = true;

  /** `save` makes the identity durable as it is now; false when the disk does not take it, which ends nobody: it is tried again. */
  constructor(identity: RenewableIdentity, newKey: () => string, save: () => boolean) {
    this.#identity = identity;
    this.#newKey = newKey;
    this.#save = save;
  }

  /** What to ask for now, signed with the present key; undefined while the certificate is young. */
  request(nowMs: number): { csr: string; signature: Buffer } | undefined {
    const identity = this.#identity;
    if (!this.#isSaved) this.#isSaved = this.#save();
    if (nowMs < renewalTimes(identity.certificate).dueMs) return undefined;
    if (identity.nextKey === undefined) {
      identity.nextKey = this.#newKey();
      this.#isSaved = this.#save();
    }
    // Nobody hears of a key that a crash would lose.
    if (!this.#isSaved) return undefined;
    const csr = certificateRequest(identity.nextKey);
    return { csr, signature: signWith(identity.privateKey, csr) };
  }

  /** When to look again: as it is due; while it is overdue sooner and sooner, for an answer may be lost. */
  nextLookMs(nowMs: number): number {
    const { dueMs, untilMs } = renewalTimes(this.#identity.certificate);
    if (!this.#isSaved) return UNSAVED_LOOK_MS;
    return Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, nowMs < dueMs ? dueMs - nowMs : (untilMs - nowMs) / 10));
  }

  /** False for a certificate that is not for the key we asked with, not for us, or not of our authority: it came through others. */
  accept(certificatePem: string): boolean {
    const identity = this.#identity;
    if (identity.nextKey === undefined || !this.#fits(certificatePem, identity.nextKey)) return false;
    [identity.privateKey, identity.certificate, identity.nextKey] = [identity.nextKey, certificatePem, undefined];
    // On disk it still is the next key: started again from there, the same request is made again.
    this.#isSaved = this.#save();
    return true;
  }

  #fits(certificatePem: string, privateKeyPem: string): boolean {
    try {
      const certificate = new X509Certificate(certificatePem);
      return (
        certificate.checkPrivateKey(createPrivateKey(privateKeyPem)) &&
        certificate.verify(new X509Certificate(this.#identity.ca).publicKey) &&
        certificate.subject === new X509Certificate(this.#identity.certificate).subject
      );
    } catch {
      return false;
    }
  }
}
