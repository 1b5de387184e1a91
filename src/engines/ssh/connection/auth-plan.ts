/**
 * In which order credentials are offered to one host, and what is told when none is taken. Methods that the host does not take
 * are not tried at it; where it wants several (key, then password), the plan goes on with what is left.
 */
import type { AnyAuthMethod, AuthenticationType } from 'ssh2';
import { DroverError } from '../../../base/errors.ts';
import type { SshCredential, SshHop } from '../../../protocol/link/ssh-access.ts';
import { isKeyFault, type UsableKeys, type KeyFault } from './private-key.ts';
import { hopName, quoted, sshError } from './ssh-faults.ts';

type Wire = 'publickey' | 'password' | 'keyboard-interactive';
interface Offer {
  readonly wire: Wire;
  readonly label: string;
  readonly method: AnyAuthMethod;
}
/** `isBlind`: before the host had said what it takes. */
interface Offered {
  readonly offer: Offer;
  readonly isBlind: boolean;
}

/** Rounds of questions after which a host that goes on asking is given up. */
const QUESTION_ROUNDS_MAX = 8;
/** Questions of one round: a host may ask thousands, and each answer is the password. */
const QUESTIONS_MAX = 16;

/** sshd hands on what PAM says of an account that is right and may not log in, and hangs up without a word of its own. */
const ACCOUNT_REFUSED = /\baccount\b.{0,20}\b(expired|locked|disabled)\b/i;

export class AuthPlan {
  readonly #hop: SshHop;
  #left: Offer[];
  /** On its way to the host, which has not answered to it. */
  #last: Offered | undefined;
  #saysPassword = false;
  readonly #tried: string[] = [];
  readonly #refused: string[] = [];
  readonly #faults: KeyFault[] = [];
  readonly #notes: string[] = [];
  #taken: readonly string[] = [];
  /** Said by the host, which makes all further tries pointless. */
  #passwordExpired: string | undefined;
  #banner = '';

  readonly #keys: UsableKeys;

  /** Throws when there is no credential that could be tried: then nobody needs to be dialled. */
  constructor(hop: SshHop, keys: UsableKeys) {
    this.#hop = hop;
    this.#keys = keys;
    this.#left = hop.credentials.flatMap((credential) => this.#offers(credential));
    if (this.#left.length > 0) return;
    const fault = this.#faults[0];
    if (fault)
      throw new DroverError(fault.code, {
        detail: `${hopName(hop)}: ${fault.detail}`,
        context: { hostId: hop.hostId },
      });
    throw sshError('ssh-auth-failed', hop, 'the account has no credential. Give it a key or a password.');
  }

  /** `allowed` is what the host says that it takes now, null before it has said anything; `partial`: the last was right, and not enough. */
  next(allowed: readonly string[] | null, partial: boolean): AnyAuthMethod | false {
    if (allowed) this.#taken = allowed;
    this.#settleLast(allowed, partial);
    if (this.#passwordExpired !== undefined) return false;
    const at = this.#left.findIndex((offer) => !allowed || allowed.includes(offer.wire));
    if (at < 0) return false;
    const [offer] = this.#left.splice(at, 1);
    this.#tried.push(offer!.label);
    this.#saysPassword = offer!.wire !== 'publickey';
    this.#last = { offer: offer!, isBlind: !allowed };
    return offer!.method;
  }

  #settleLast(allowed: readonly string[] | null, partial: boolean): void {
    const last = this.#last;
    this.#last = undefined;
    if (!last || partial) return;
    const {
      offer: { wire, label },
      isBlind,
    } = last;
    if (!allowed) {
      this.#tried.pop();
      this.#notes.push(`${label} had nothing to offer that fits the host`);
    } else if (isBlind && !allowed.includes(wire)) {
      // Offered before its turn (key first, then password): it was not looked at, and keeps its chance.
      this.#tried.pop();
      this.#left.push(last.offer);
    } else this.#refused.push(label);
  }

  /** The last was never shown to the host, or not proved to it, because of something on this side. */
  failHere(why: string): void {
    const last = this.#last;
    this.#last = undefined;
    // The host had asked for the signature, so it was tried there.
    if (!last || /sign/i.test(why)) return void this.#notes.push(quoted(why));
    this.#tried.pop();
    const { label, method } = last.offer;
    const where =
      method.type === 'agent'
        ? `: the socket ${JSON.stringify(method.agent)} on the worker's machine is not that of an ssh-agent that the worker may use`
        : '';
    this.#notes.push(`${label} could not be tried${where} (${quoted(why)})`);
  }

  heardBanner(text: string): void {
    this.#banner = quoted(`${this.#banner} ${text}`);
  }

  expirePassword(what: string): void {
    this.#passwordExpired = what;
  }

  /** Secrets are let go of once they are of no use any more. */
  forget(): void {
    this.#last = undefined;
    this.#left = [];
  }

  /** The line went while the login was under way, and the host did not say that this is its answer. */
  cut(why: string): DroverError {
    if (this.#passwordExpired !== undefined || ACCOUNT_REFUSED.test(this.#banner)) return this.failure(why);
    const parts = [`the connection ended during the login: ${quoted(why)}.`];
    if (this.#refused.length > 0) parts.push(`The host had refused ${this.#refused.join(', ')} before.`);
    else if (this.#tried.length > 0) parts.push(`The host had not answered yet to ${this.#tried.at(-1)}.`);
    if (this.#banner) parts.push(`It said: "${this.#banner}".`);
    parts.push(
      "Where this happens each time, sshd's log tells why: some servers hang up so after a few refused " +
        'credentials, or when PAM refuses the account.',
    );
    // Hosts count what they refuse, and some lock the account: another try is for people to decide.
    return sshError('ssh-lost', this.#hop, parts.join(' '), undefined, {
      mayBeCounted: this.#refused.length > 0 || this.#saysPassword,
    });
  }

  failure(why?: string): DroverError {
    if (this.#passwordExpired !== undefined) {
      return sshError(
        'ssh-password-expired',
        this.#hop,
        `the password has expired, and the host wants a new one ("${quoted(this.#passwordExpired)}"). Change it ` +
          'there (passwd), then store the new one in the account.',
      );
    }
    const parts = [`none of the account's credentials was accepted. Tried: ${this.#tried.join(', ') || 'nothing'}.`];
    if (this.#left.length > 0)
      parts.push(
        `Not tried, because the host does not take that kind: ${this.#left.map((offer) => offer.label).join(', ')}.`,
      );
    for (const fault of this.#faults) parts.push(fault.detail);
    if (this.#notes.length > 0) parts.push(`${this.#notes.join('; ')}.`);
    if (this.#taken.length > 0) parts.push(`The host takes ${this.#taken.join(', ')}.`);
    if (why) parts.push(`It closed with "${quoted(why)}".`);
    if (this.#banner) parts.push(`It said: "${this.#banner}".`);
    if (this.#tried.length > 0)
      parts.push(
        'Check user name and authorized_keys; a locked or expired account, AllowUsers and file modes look alike ' +
          "from outside and stand in sshd's log.",
      );
    else if (this.#left.length > 0) parts.push('Give the account a credential of a kind that the host takes.');
    return sshError('ssh-auth-failed', this.#hop, parts.join(' '));
  }

  #offers(credential: SshCredential): Offer[] {
    const username = this.#hop.user;
    switch (credential.kind) {
      case 'key': {
        const usable = this.#keys.of(credential);
        if (isKeyFault(usable)) {
          this.#faults.push(usable);
          return [];
        }
        const { key, fingerprint } = usable;
        const label = `${credential.certificate === undefined ? 'key' : 'certificate'} "${credential.name}" (${fingerprint})`;
        return [{ wire: 'publickey', label, method: { type: 'publickey', username, key } }];
      }
      case 'password': {
        const asked = this.#asked(credential.name, credential.password);
        return [
          {
            wire: 'password',
            label: `password "${credential.name}"`,
            method: { type: 'password', username, password: credential.password },
          },
          { ...asked, label: `password "${credential.name}" by keyboard-interactive` },
        ];
      }
      case 'keyboard-interactive':
        return [this.#asked(credential.name, credential.password)];
      case 'agent':
        return [
          {
            wire: 'publickey',
            label: `ssh-agent "${credential.name}"`,
            method: { type: 'agent', username, agent: credential.socket },
          },
        ];
    }
  }

  #asked(name: string, password: string): Offer {
    let rounds = 0;
    return {
      wire: 'keyboard-interactive',
      label: `keyboard-interactive "${name}"`,
      method: {
        type: 'keyboard-interactive' as AuthenticationType,
        username: this.#hop.user,
        prompt: (
          _name: string,
          instructions: string,
          _lang: string,
          prompts: { prompt: string; echo?: boolean }[],
          finish: (answers: string[]) => void,
        ) => {
          const asksForNew = [instructions, ...prompts.map((one) => one.prompt)].find((text) =>
            /new (unix )?password|password.*(expired|must be changed)|change your password/i.test(text),
          );
          if (asksForNew !== undefined) this.expirePassword(asksForNew);
          rounds++;
          const answers =
            asksForNew !== undefined || rounds > QUESTION_ROUNDS_MAX || prompts.length > QUESTIONS_MAX
              ? []
              : prompts.map((one) => (one.echo ? '' : password));
          finish(answers);
        },
      } as AnyAuthMethod,
    };
  }
}
