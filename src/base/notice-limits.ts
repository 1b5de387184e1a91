/**
 * Limits of notices and of what servers ask of strange machines, beside those of all else (limits.ts), which commands
 * load that tell nobody anything.
 */
const KiB = 1024;

export const noticeLimits = {
  // — what servers ask of strange machines —
  /** From the look-up of the name to the last byte of the answer (`outbound-timeout`). */
  outboundMsMax: 15_000,
  /** Of an answer so much is read; what comes after it is not, and the answer says that it is cut. */
  outboundAnswerBytesMax: 64 * KiB,
  /** Addresses and names that the installation allows beside public ones (`bad-input` at the start). */
  outboundAllowedMax: 1_000,
  /** Names that a server looks up at once for its callers' sake. */
  outboundNamesMax: 2,

  // — channels (code `bad-input` unless said) —
  /** Of one installation (`too-many-channels`). */
  channelsMax: 200,
  channelUrlLengthMax: 2_048,
  /** Of the secret by which a receiver knows us. */
  channelSecretLengthMin: 16,
  channelSecretLengthMax: 500,
  /** Addresses that a mail goes to; more people are a list of the mail server. */
  channelRecipientsMax: 50,
  /** Certificates in PEM of those whom the far end is vouched for by. */
  channelAuthoritiesBytesMax: 64 * KiB,
  /** Of a channel: messages that it is sent in a minute, tries counted; robots of chats take about twenty. */
  channelPerMinuteMax: 600,
  /** Longest window in which notices of one job, or of one command, share a message. */
  channelWindowMsMax: 24 * 3_600_000,

  // — notices —
  /** Of one installation (`too-many-notice-rules`). */
  noticeRulesMax: 1_000,
  /** A message that nobody takes is tried so often, and then has failed: three hours and a half, as a rule. */
  noticeTriesMax: 12,
  /** Before the second try; twice as long before each after it, up to an hour. */
  noticeRetryMs: 10_000,
  noticeRetryMsMax: 3_600_000,
  /** For so long a message is with the server that sends it; longer than any try. */
  messageLeaseMs: 60_000,
  /** Messages of one channel that a server sends at once. The first has a place of its own, whatever other channels do. */
  messagesOfChannelAtOnceMax: 4,
  /** Places for all others than the first of each channel, which all channels share. */
  messagesSharedAtOnceMax: 20,
  /** Messages of a channel that become one at once, where more are due than it may be sent. */
  messagesMergedMax: 1_000,
  /** Of the last runs of a job that succeeded: what is usual is said by so many at least, and by no more than that. */
  usualRunsMin: 5,
  usualRunsMax: 50,
  /** So much longer than usual is late. */
  usualSlackMs: 30_000,
  /** Notices of a message that are told to programs; people are told fewer one by one. */
  noticesToldMax: 50,
} as const;
