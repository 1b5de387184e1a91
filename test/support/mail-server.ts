/**
 * A mail server, as a process of its own: `node mail-server.ts` with what it is to be in MAIL_SERVER (JSON). It says its
 * port and every mail that it takes as a line of JSON, and speaks SMTP as servers do: EHLO, STARTTLS, AUTH, one mail after
 * the other.
 */
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { given } from '../../src/base/given.ts';

export interface MailServerConfig {
  readonly key: string;
  readonly cert: string;
  /** From the start. */
  readonly isTls?: boolean;
  readonly hasStartTls?: boolean;
  readonly auth?: readonly ('PLAIN' | 'LOGIN' | 'CRAM-MD5')[];
  readonly user?: string;
  readonly password?: string;
  /** A line more of what it offers, as it is. */
  readonly offers?: string;
  /** Commands that it refuses, by how they begin, with its answer. */
  readonly refuse?: Readonly<Record<string, string>>;
}

export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
  readonly isSecure: boolean;
  readonly user?: string;
}

const config = JSON.parse(process.env['MAIL_SERVER'] ?? 'null') as MailServerConfig | null;
if (config) serve(config);

function serve(own: MailServerConfig): void {
  const server = own.isTls
    ? createTlsServer({ key: own.key, cert: own.cert }, (socket) => talk(own, socket, true))
    : createServer((socket) => talk(own, socket, false));
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ port: (server.address() as { port: number }).port })}\n`);
  });
  process.stdin.resume().on('end', () => process.exit(0));
}

function talk(own: MailServerConfig, first: Socket, isSecureFirst: boolean): void {
  let [socket, isSecure, heard] = [first, isSecureFirst, ''];
  let from = '';
  let to: string[] = [];
  let content: string[] | undefined;
  let user: string | undefined;
  let login: string[] | undefined;
  const say = (text: string): void => void (socket.destroyed || socket.write(`${text}\r\n`));
  const checkLogin = (name: string, password: string): void => {
    if (name !== own.user || password !== own.password) return say('535 5.7.8 authentication failed');
    user = name;
    say('235 2.7.0 welcome');
  };
  const decoded = (text: string): string => Buffer.from(text, 'base64').toString();
  const command = (line: string): void => {
    const refused = Object.entries(own.refuse ?? {}).find(([begins]) => line.toUpperCase().startsWith(begins));
    if (refused) return say(refused[1]);
    if (login) {
      login.push(decoded(line));
      if (login.length === 1) return say('334 UGFzc3dvcmQ6');
      const [name, password] = login as [string, string];
      login = undefined;
      return checkLogin(name, password);
    }
    const [verb = '', rest = ''] = line.split(/ (.*)/s);
    switch (verb.toUpperCase()) {
      case 'EHLO':
        say('250-mail.example');
        if (own.hasStartTls && !isSecure) say('250-STARTTLS');
        if (own.offers) say(`250-${own.offers}`);
        if (own.auth) say(`250-AUTH ${own.auth.join(' ')}`);
        return say('250 8BITMIME');
      case 'STARTTLS':
        say('220 go ahead');
        socket.removeAllListeners('data');
        socket = new TLSSocket(socket, { isServer: true, key: own.key, cert: own.cert });
        [isSecure, heard] = [true, ''];
        return listen();
      case 'AUTH':
        if (rest.toUpperCase().startsWith('PLAIN ')) {
          const [, name = '', password = ''] = decoded(rest.slice(6)).split('\0');
          return checkLogin(name, password);
        }
        login = [];
        return say('334 VXNlcm5hbWU6');
      case 'MAIL':
        from = /<(.*)>/.exec(rest)?.[1] ?? '';
        return say('250 2.1.0 ok');
      case 'RCPT':
        to.push(/<(.*)>/.exec(rest)?.[1] ?? '');
        return say('250 2.1.5 ok');
      case 'DATA':
        content = [];
        return say('354 go on');
      case 'QUIT':
        say('221 bye');
        return void socket.end();
      default:
        return say('502 5.5.2 what?');
    }
  };
  const onLine = (line: string): void => {
    if (!content) return command(line);
    if (line !== '.') return void content.push(line.startsWith('.') ? line.slice(1) : line);
    const mail: TakenMail = {
      from,
      to,
      content: content.join('\r\n'),
      isSecure,
      ...given({ user }),
    };
    process.stdout.write(`${JSON.stringify({ mail })}\n`);
    [from, to, content] = ['', [], undefined];
    say('250 2.0.0 taken as 4711');
  };
  const listen = (): void => {
    socket.on('error', () => undefined);
    socket.on('data', (part: Buffer) => {
      heard += part.toString('latin1');
      for (let end = heard.indexOf('\r\n'); end >= 0; end = heard.indexOf('\r\n')) {
        const line = heard.slice(0, end);
        heard = heard.slice(end + 2);
        onLine(line);
      }
    });
  };
  listen();
  say('220 mail.example ESMTP');
}
