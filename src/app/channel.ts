/**
 * Channels: by which people are told of runs. Where one leads goes in here and comes out for a message, never towards
 * people: records, audit and errors hold its kind and what of it may be shown.
 */
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { newId, type ChannelId } from '../base/ids.ts';
import { noticeLimits } from '../base/notice-limits.ts';
import type { Told } from '../channels/channel-kind.ts';
import { endpointShown, endpointTell, EndpointShape, type Endpoint } from '../channels/kinds.ts';
import type { Lang, Message } from '../domain/notice/message.ts';
import type { Outbound } from '../outbound/outbound.ts';
import { openEnvelope, sealEnvelope } from '../pki/envelope.ts';
import type { ChannelEndpoint, ChannelRecord, SealedEndpoint } from '../store/contract/channel.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

type Sealing = Pick<AppContext, 'store' | 'sealer'>;

export interface ChannelInput {
  readonly name: string;
  readonly lang: Lang;
  readonly perMinute: number;
  readonly windowMs: number;
  /** Whole: what is secret of it is given anew with every change of where it leads. */
  readonly endpoint: Endpoint;
}

export async function channelCreate(ctx: Sealing, caller: Caller, input: ChannelInput): Promise<ChannelRecord> {
  assertCan(caller, 'notice.channel.edit');
  const id = newId<'channel'>();
  const endpoint = sealed(ctx, id, input.endpoint);
  const { name, lang, perMinute, windowMs } = input;
  const settings = { name, lang, perMinute, windowMs };
  const answer = await ctx.store.channelCreate(
    id,
    settings,
    endpoint,
    auditOf(caller, 'notice.channel.edit', `channel/${name}`, {
      id,
      ...settings,
      kind: endpoint.kind,
      leads: endpoint.shown,
    }),
  );
  if (answer.kind === 'name-taken') throw nameTaken(name);
  if (answer.kind !== 'created')
    throw new DroverError('too-many-channels', {
      detail: `There are ${noticeLimits.channelsMax} channels, as many as there may be. Remove those that nobody reads.`,
    });
  return answer.channel;
}

/** What is not given stays. */
export async function channelChange(
  ctx: Sealing,
  caller: Caller,
  idOrName: string,
  change: { readonly [K in keyof ChannelInput]?: ChannelInput[K] | undefined },
): Promise<ChannelRecord> {
  assertCan(caller, 'notice.channel.edit');
  const present = await channelFetch(ctx, idOrName);
  const settings = {
    name: change.name ?? present.name,
    lang: change.lang ?? present.lang,
    perMinute: change.perMinute ?? present.perMinute,
    windowMs: change.windowMs ?? present.windowMs,
  };
  const endpoint = change.endpoint && sealed(ctx, present.id, change.endpoint);
  const answer = await ctx.store.channelReplace(
    present.id,
    present.version,
    settings,
    endpoint,
    auditOf(caller, 'notice.channel.edit', `channel/${present.name}`, {
      id: present.id,
      ...settings,
      ...given({ kind: endpoint?.kind, leads: endpoint?.shown }),
    }),
  );
  switch (answer.kind) {
    case 'replaced':
      return answer.channel;
    case 'name-taken':
      throw nameTaken(settings.name);
    case 'changed':
      throw new DroverError('channel-changed', {
        detail: `Somebody else changed ${present.name} meanwhile. Look at it again, then repeat.`,
      });
    case 'in-use':
      throw new DroverError('channel-in-use', {
        detail:
          `Published jobs name ${present.name}, and would tell nobody: ${answer.jobs.join(', ')}. ` +
          'Publish them with another channel first.',
      });
    case 'not-found':
      throw notFound(idOrName);
  }
}

export async function channelRemove(
  ctx: Pick<AppContext, 'store'>,
  caller: Caller,
  idOrName: string,
  isForced: boolean,
): Promise<void> {
  assertCan(caller, 'notice.channel.remove');
  const { id, name, kind } = await channelFetch(ctx, idOrName);
  const audit = auditOf(caller, 'notice.channel.remove', `channel/${name}`, { id, kind, forced: isForced });
  const answer = await ctx.store.channelRemove(id, isForced, audit);
  if (answer.kind === 'not-found') throw notFound(idOrName);
  if (answer.kind === 'in-use')
    throw new DroverError('channel-in-use', {
      detail:
        `${usersText(answer)} ${name}. Change them first (drover notices rules list), or remove the channel by force: ` +
        'the rules go with it, and such jobs tell nobody.',
    });
}

/** By name. */
export function channelList(ctx: Pick<AppContext, 'store'>, caller: Caller): Promise<readonly ChannelRecord[]> {
  return ctx.store.channelList(scopeOf(caller, 'notice.channel.view'));
}

export function channelShow(ctx: Pick<AppContext, 'store'>, caller: Caller, idOrName: string): Promise<ChannelRecord> {
  assertCan(caller, 'notice.channel.view');
  return channelFetch(ctx, idOrName);
}

const TEST_WORDS = {
  en: { title: 'Drover: a test', text: (by: string) => `${by} tries this channel. Nothing has happened.` },
  zh: { title: 'Drover：测试', text: (by: string) => `${by} 正在测试此通知渠道，没有发生任何事情。` },
} as const;

/**
 * Sends one message now, and tells what the far end said of it. On record before it is sent, and counted among the messages
 * of its minute. Throws `channel-not-found`, `channel-busy`, `secret-unreadable`.
 */
export async function channelTest(
  ctx: Pick<AppContext, 'store' | 'sealer' | 'clock'> & { readonly outbound: Outbound },
  caller: Caller,
  idOrName: string,
): Promise<{ readonly id: string; readonly told: Told }> {
  assertCan(caller, 'notice.channel.test');
  const channel = await channelFetch(ctx, idOrName);
  const endpoint = await channelOpen(ctx, channel);
  const id = newId();
  const words = TEST_WORDS[channel.lang];
  const message: Message = {
    id,
    atMs: ctx.clock.nowMs(),
    title: words.title,
    text: words.text(caller.actor.name),
    body: { event: 'test', by: caller.actor.name },
  };
  const { kind } = await ctx.store.channelTestBegin(
    channel.id,
    auditOf(caller, 'notice.channel.test', `channel/${channel.name}`, { id: channel.id, message: id }),
  );
  if (kind === 'not-found') throw notFound(idOrName);
  if (kind === 'too-many') throw busy(channel);
  return { id, told: await endpointTell(ctx.outbound, endpoint, message, { lang: channel.lang, clock: ctx.clock }) };
}

/** In clear, for a message that is sent now. Throws `secret-unreadable`, `channel-not-found`. */
async function channelOpen(ctx: Sealing, { id, name }: Pick<ChannelRecord, 'id' | 'name'>): Promise<Endpoint> {
  const kept = await ctx.store.channelEndpoint(id);
  if (!kept) throw notFound(name);
  return endpointOpened(ctx.sealer, { id, name }, kept);
}

export function endpointOpened(
  sealer: AppContext['sealer'],
  { id, name }: Pick<ChannelRecord, 'id' | 'name'>,
  kept: SealedEndpoint,
): Endpoint {
  try {
    return EndpointShape.parse(JSON.parse(openEnvelope(sealer, endpointPurpose(id), kept).toString()));
  } catch (error) {
    throw new DroverError('secret-unreadable', {
      detail:
        `Where the channel ${name} leads does not open under the master keys of this server. Give it the key that ` +
        'sealed it, or say again where the channel leads.',
      context: { channelId: id, keyId: kept.keyId },
      cause: error,
    });
  }
}

export function endpointPurpose(id: ChannelId): string {
  return `channel/${id}`;
}

/** Throws `channel-not-found`. */
async function channelFetch(ctx: Pick<AppContext, 'store'>, idOrName: string): Promise<ChannelRecord> {
  const channel = await ctx.store.channelFetch(idOrName);
  if (!channel) throw notFound(idOrName);
  return channel;
}

function sealed({ sealer }: Sealing, id: ChannelId, endpoint: Endpoint): ChannelEndpoint {
  return {
    kind: endpoint.kind,
    shown: endpointShown(endpoint),
    ...sealEnvelope(sealer, endpointPurpose(id), Buffer.from(JSON.stringify(endpoint))),
  };
}

function usersText({ rules, jobs }: { readonly rules: number; readonly jobs: readonly string[] }): string {
  const parts = [
    rules > 0 ? `${rules} ${rules === 1 ? 'rule' : 'rules'}` : '',
    jobs.length > 0 ? `published jobs (${jobs.join(', ')})` : '',
  ];
  return `${parts.filter(Boolean).join(' and ')} use`;
}

function nameTaken(name: string): DroverError {
  const detail = `There is a channel ${name} already.`;
  return new DroverError('channel-name-taken', {
    detail,
    faults: [{ pointer: '#/name', code: 'channel-name-taken', detail }],
  });
}

function busy({ name, perMinute }: ChannelRecord): DroverError {
  const messages = perMinute === 1 ? '1 message' : `${perMinute} messages`;
  return new DroverError('channel-busy', {
    detail: `${name} is sent ${messages} in a minute at most, notices and tests together, and has had them. Try again in a minute.`,
    retryAfterS: 60,
  });
}

function notFound(idOrName: string): DroverError {
  return new DroverError('channel-not-found', {
    detail: `There is no channel ${idOrName}. See: drover channels list.`,
  });
}
