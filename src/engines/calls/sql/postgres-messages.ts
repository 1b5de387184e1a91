/**
 * What comes of a database is held against the protocol of PostgreSQL before the driver hears it: the driver believes every length, reads
 * on where an error has no end, and reckons each challenge of a login anew. Only whole messages are passed on, each no longer than
 * `sqlMessageBytesMax`, of a kind that a client is told, with all that they say inside them; and nobody logs in twice.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import { callLimits } from '../../../base/call-limits.ts';
import { DroverError } from '../../../base/errors.ts';
import type { MessageGuard } from './database-stream.ts';

/** A letter, and the length of all behind it. */
const HEAD = 5;
const [NUL, NULL_VALUE] = [0, -1];

export class PostgresMessages implements MessageGuard {
  readonly #head = Buffer.alloc(HEAD);
  #headLength = 0;
  /** Of the message that is coming, with its head; none is begun before its head is here. */
  #message: Buffer | undefined;
  #length = 0;
  readonly #login = new Login();

  /** Those that are whole by now. Throws `call-broken` and `output-limit`. */
  take(bytes: Buffer): Buffer[] {
    const whole: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (!this.#message) {
        const taken = bytes.copy(this.#head, this.#headLength, at, at + HEAD - this.#headLength);
        at += taken;
        this.#headLength += taken;
        if (this.#headLength < HEAD) break;
        this.#begin();
      }
      const message = this.#message!;
      const taken = bytes.copy(message, this.#length, at, at + message.length - this.#length);
      at += taken;
      this.#length += taken;
      if (this.#length < message.length) break;
      this.#judge(message);
      whole.push(message);
      this.#message = undefined;
      this.#headLength = 0;
    }
    return whole;
  }

  #begin(): void {
    const length = this.#head.readUInt32BE(1);
    if (length < 4) throw noPostgres();
    if (length > callLimits.sqlMessageBytesMax) throw tooLarge();
    this.#message = Buffer.allocUnsafe(1 + length);
    this.#head.copy(this.#message);
    this.#length = HEAD;
  }

  #judge(message: Buffer): void {
    const kind = String.fromCharCode(message[0]!);
    const isFit = Object.hasOwn(FORMS, kind) && FORMS[kind]!(new Body(message));
    if (!isFit || (kind === 'R' && !this.#login.mayBe(message.readInt32BE(HEAD)))) throw noPostgres();
  }
}

/** Each challenge once, and in its order; none when it is over. */
class Login {
  /** Of SASL: asked for, continued, over. */
  #sasl = 10;
  #isAsked = false;
  #isOver = false;

  mayBe(code: number): boolean {
    if (this.#isOver) return false;
    if (code === 0) return (this.#isOver = true);
    if (code === 10 || code === 11 || code === 12) {
      if (code !== this.#sasl || (code === 10 && this.#isAsked)) return false;
      this.#isAsked = true;
      this.#sasl++;
      return true;
    }
    // Others the driver does not know, and says so.
    const isFirst = !this.#isAsked;
    this.#isAsked = true;
    return isFirst;
  }
}

/** What a message says, read from its front. */
class Body {
  readonly #bytes: Buffer;
  #at = HEAD;

  constructor(message: Buffer) {
    this.#bytes = message;
  }

  get isOver(): boolean {
    return this.#at === this.#bytes.length;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** So many bytes are there. */
  skip(count: number): boolean {
    this.#at += count;
    return count >= 0 && this.#at <= this.#bytes.length;
  }

  text(): boolean {
    const end = this.#bytes.indexOf(NUL, this.#at);
    if (end < 0) return false;
    this.#at = end + 1;
    return true;
  }

  byte(): number | undefined {
    return this.left < 1 ? undefined : this.#bytes[this.#at++];
  }

  /** -1 where it is not there, or is none of what is counted. */
  count(): number {
    if (this.left < 2) return -1;
    const count = this.#bytes.readInt16BE(this.#at);
    this.#at += 2;
    return count;
  }

  length(): number | undefined {
    if (this.left < 4) return undefined;
    const length = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    return length;
  }
}

type Form = (body: Body) => boolean;

const empty: Form = (body) => body.isOver;
const texts =
  (count: number): Form =>
  (body) => {
    for (let n = 0; n < count; n++) if (!body.text()) return false;
    return body.isOver;
  };
/** Of as many as it says, each of which `one` reads. */
const counted =
  (one: (body: Body) => boolean): Form =>
  (body) => {
    const count = body.count();
    for (let n = 0; n < count; n++) if (!one(body)) return false;
    return count >= 0 && body.isOver;
  };

/** A letter and a text each, and nothing behind the NUL that ends them. */
const fields: Form = (body) => {
  for (;;) {
    const letter = body.byte();
    if (letter === NUL) return body.isOver;
    if (letter === undefined || !body.text()) return false;
  }
};

const copy: Form = (body) => body.skip(1) && counted((one) => one.skip(2))(body);

/** What stands behind the code of each challenge is read by its own rules, which end with the message. */
const challenge: Form = (body) => {
  const code = body.length();
  if (code !== 10) return code !== undefined;
  while (body.left > 1) if (!body.text()) return false;
  return body.byte() === NUL && body.isOver;
};

/** By their letters; what a client is told that neither copies nor replicates. */
const FORMS: Readonly<Record<string, Form>> = {
  1: empty,
  2: empty,
  3: empty,
  n: empty,
  s: empty,
  I: empty,
  R: challenge,
  K: (body) => body.left >= 8,
  S: texts(2),
  A: (body) => body.skip(4) && texts(2)(body),
  C: texts(1),
  E: fields,
  N: fields,
  Z: (body) => body.skip(1) && body.isOver,
  t: counted((body) => body.skip(4)),
  T: counted((body) => body.text() && body.skip(18)),
  D: counted((body) => {
    const length = body.length();
    return length === NULL_VALUE || (length !== undefined && body.skip(length));
  }),
  G: copy,
  H: copy,
  c: empty,
  d: () => true,
};

function noPostgres(): DroverError {
  return new DroverError('call-broken', {
    detail:
      'The connection to the database ended before its answer, or what answers does not speak as PostgreSQL does.',
  });
}

function tooLarge(): DroverError {
  return new DroverError('output-limit', {
    detail: `The database has said more than ${callLimits.sqlMessageBytesMax} bytes at once, in a row for instance. Ask for less of it.`,
  });
}
