/** Shapes of accounts in the API. What is secret goes in and never comes out. */
import { z } from 'zod';
import { plainNameFault } from '../../domain/access/name-rule.ts';
import { checked } from '../../shape/checked.ts';
import { instant, text } from './fields.ts';
import { limits } from '../../base/limits.ts';

const user = text(256).min(1);
/** Checked by what they are; the limit here only keeps nonsense away. */
const secret = text(limits.keyTextBytesMax);
const accountName = checked(limits.nameLengthMax, plainNameFault).describe(
  'Letters a-z and A-Z, digits and . _ - : @, and nothing that could be an id',
);

const credentialName = text(limits.nameLengthMax)
  .min(1)
  .optional()
  .describe('Tells credentials apart when a login fails; default: its kind');
const CredentialInput = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('keep'), id: z.uuid().describe('A credential that the account has already') }),
    z.strictObject({
      kind: z.literal('key'),
      name: credentialName,
      privateKey: secret.describe('OpenSSH or PEM text; Ed25519, RSA or ECDSA'),
      passphrase: secret.optional(),
      certificate: secret.optional().describe('OpenSSH user certificate of the key'),
    }),
    z.strictObject({ kind: z.enum(['password', 'keyboard-interactive']), name: credentialName, password: secret }),
    z.strictObject({
      kind: z.literal('agent'),
      name: credentialName,
      socket: text(4_096).describe("Socket of an ssh-agent on the worker's machine"),
    }),
  ])
  .meta({ id: 'CredentialInput' });

const BecomeInput = z
  .strictObject({
    kind: z.enum(['direct', 'sudo', 'su']),
    user: user.optional().describe('Default: root'),
    password: secret
      .nullish()
      .describe(
        "For sudo the login user's (default: that of the login), for su the other user's. Absent: as it was; null: none",
      ),
  })
  .meta({ id: 'BecomeInput' });

const fields = {
  name: accountName,
  scope: text(limits.targetExpressionLengthMax).min(1).describe('Target expression: hosts that it may be used on'),
  loginUser: user.describe('Who logs in; over an agent: who the work runs as, unless somebody is become'),
  become: BecomeInput,
  environment: z
    .enum(['clean', 'login', 'agent'])
    .describe(
      'clean: the same few variables everywhere; login: as a login shell of the user has them; agent: also what the agent itself has',
    ),
  isDefault: z.boolean().describe('Taken for hosts of its scope that have no account of their own'),
  priority: z.int().min(-1_000).max(1_000).describe('Of several defaults the highest is taken'),
  credentials: z.array(CredentialInput).max(limits.credentialsPerAccountMax).describe('Tried in this order'),
};

export const AccountCreate = z
  .strictObject({
    ...fields,
    become: BecomeInput.default({ kind: 'direct' }),
    environment: fields.environment.default('clean'),
    isDefault: fields.isDefault.default(false),
    priority: fields.priority.default(0),
    credentials: fields.credentials.default([]),
  })
  .meta({ id: 'AccountCreate' });
export const AccountChange = z
  .strictObject(fields)
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'nothing to change')
  .meta({ id: 'AccountChange' });

const Credential = z
  .object({
    id: z.uuid(),
    kind: z.string(),
    name: z.string(),
    type: z.string().optional(),
    fingerprint: z.string().optional(),
    certificate: z.string().optional().describe('Key id of the certificate'),
    principals: z.string().optional(),
    certificateUntil: instant.optional(),
    socket: z.string().optional(),
  })
  .meta({ id: 'Credential' });

export const Account = z
  .object({
    id: z.uuid(),
    name: z.string(),
    scope: z.string(),
    loginUser: z.string(),
    become: z.object({ kind: z.string(), user: z.string().optional(), hasPassword: z.boolean() }),
    environment: z.string(),
    isDefault: z.boolean(),
    priority: z.int(),
    credentials: z.array(Credential),
    version: z.int(),
    createdAt: instant,
    changedAt: instant,
    createdBy: z.string(),
  })
  .meta({ id: 'Account' });

export const AccountChoice = z
  .object({
    host: z.string(),
    account: z.string().optional(),
    why: z.string(),
    code: z.string().optional().describe('Error code, where no account may be used'),
  })
  .meta({ id: 'AccountChoice' });

export const KeyRotation = z
  .object({
    keyId: z.string().describe('The master key that everything is sealed under now'),
    accountSecrets: z.int(),
    runSecrets: z.int(),
    channels: z.int(),
    systemSecrets: z.int(),
    unreadable: z.int().describe("Values that open under none of the server's keys; left as they are"),
  })
  .meta({ id: 'KeyRotation' });
