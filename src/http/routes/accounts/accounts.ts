/** Accounts, and the re-encryption of secrets. */
import { portLimits } from '../../../base/port-limits.ts';
import { z } from 'zod';
import {
  accountChange,
  accountCreate,
  accountExplain,
  accountList,
  accountRemove,
  accountShow,
} from '../../../app/account.ts';
import { rotateKeys } from '../../../app/key-rotation.ts';
import * as r from '../../../protocol/rest/account-resources.ts';
import { pageOf } from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { accountResource } from './account-resource.ts';
import { hostParams } from '../hosts/host-params.ts';
import { idOrName } from '../params.ts';

const accountParams = z.strictObject({ account: idOrName });
const inputErrors = ['bad-input', 'bad-target', 'bad-credential', 'account-name-taken'] as const;

export const accountRoutes = [
  operation({
    id: 'listAccounts',
    method: 'GET',
    path: '/accounts',
    summary: 'List accounts by name',
    permission: 'access.account.view',
    status: 200,
    response: pageOf(r.Account),
    errors: [],
    handle: async ({ ctx, caller }) => ({ items: (await accountList(ctx, caller)).map(accountResource) }),
  }),
  operation({
    id: 'createAccount',
    method: 'POST',
    path: '/accounts',
    summary: 'Make an account; its secrets are checked, sealed, and never shown again',
    permission: 'access.account.create',
    bodyBytesMax: portLimits.wideBodyBytesMax,
    body: r.AccountCreate,
    status: 201,
    response: r.Account,
    errors: [...inputErrors, 'too-many-accounts'],
    handle: async ({ ctx, caller, body }) => accountResource(await accountCreate(ctx, caller, body)),
  }),
  operation({
    id: 'getAccount',
    method: 'GET',
    path: '/accounts/{account}',
    summary: 'Show an account',
    permission: 'access.account.view',
    params: accountParams,
    status: 200,
    response: r.Account,
    errors: ['account-not-found'],
    handle: async ({ ctx, caller, params }) => accountResource(await accountShow(ctx, caller, params.account)),
  }),
  operation({
    id: 'changeAccount',
    method: 'PATCH',
    path: '/accounts/{account}',
    summary: 'Change an account; what is not given stays',
    permission: 'access.account.edit',
    params: accountParams,
    bodyBytesMax: portLimits.wideBodyBytesMax,
    body: r.AccountChange,
    status: 200,
    response: r.Account,
    errors: [...inputErrors, 'account-not-found', 'account-changed'],
    handle: async ({ ctx, caller, params, body }) =>
      accountResource(await accountChange(ctx, caller, params.account, body)),
  }),
  operation({
    id: 'removeAccount',
    method: 'DELETE',
    path: '/accounts/{account}',
    summary: 'Remove an account and its secrets; refused while hosts name it, unless forced',
    permission: 'access.account.remove',
    params: accountParams,
    query: z.strictObject({ force: z.enum(['true', 'false']).default('false') }),
    status: 204,
    errors: ['account-not-found', 'account-in-use'],
    handle: ({ ctx, caller, params, query }) => accountRemove(ctx, caller, params.account, query.force === 'true'),
  }),
  operation({
    id: 'explainAccount',
    method: 'GET',
    path: '/hosts/{host}/account',
    summary: 'Which account a run would take on this host, and why',
    permission: 'access.account.view',
    params: hostParams,
    query: z.strictObject({ as: z.string().max(200).optional().describe('Account that the run asks for') }),
    status: 200,
    response: r.AccountChoice,
    errors: ['host-not-found'],
    async handle({ ctx, caller, params, query }) {
      const choice = await accountExplain(ctx, caller, params.host, query.as);
      return choice.kind === 'chosen'
        ? { host: params.host, account: choice.account.name, why: choice.why }
        : { host: params.host, why: choice.detail, code: choice.code };
    },
  }),
  operation({
    id: 'rotateKeys',
    method: 'POST',
    path: '/keys/rotate',
    summary: 'Re-encrypt all stored secrets under the newest master key; may be repeated',
    permission: 'access.key.rotate',
    status: 200,
    response: r.KeyRotation,
    errors: [],
    handle: ({ ctx, caller }) => rotateKeys(ctx, caller),
  }),
];
