/** What notices say, in each language. */
import type { ExecutionState } from '../crew/execution-machine.ts';
import type { Lang } from './message.ts';
import type { NoticeEvent } from './subscription.ts';

export interface NoticeWords {
  readonly events: Readonly<Record<NoticeEvent, string>>;
  readonly states: Readonly<Partial<Record<ExecutionState, string>>>;
  readonly failed: (n: number) => string;
  readonly timedOut: (n: number) => string;
  readonly lost: (n: number) => string;
  readonly notStarted: (n: number) => string;
  readonly skipped: (n: number) => string;
  readonly unmet: (steps: number, hosts: string) => string;
  readonly all: (total: number) => string;
  readonly some: (parts: readonly string[], total: number) => string;
  readonly several: (n: number, name: string | undefined) => string;
  readonly untold: (n: number) => string;
  readonly round: (n: number) => string;
  readonly ofJob: (run: string, job: string, version: number, round: string) => string;
  readonly ofRun: (run: string, round: string) => string;
  readonly owner: (owner: string | undefined, team: string | undefined) => string;
  readonly begun: (by: string, at: string, reason: string) => string;
  readonly took: (duration: string) => string;
  readonly late: (duration: string, meant: string) => string;
  readonly underWay: (duration: string, done: number, total: number) => string;
  readonly exit: (code: number) => string;
  readonly signal: (name: string) => string;
  readonly onHosts: (n: number, hosts: string, how: string, step: string | undefined) => string;
  readonly unmetStep: (step: string, why: string) => string;
  readonly askedApproval: (step: string) => string;
  readonly askedBatch: (batch: number, batches: number, isOverLimit: boolean) => string;
  readonly ofStep: (step: string) => string;
  readonly people: (count: number) => string;
  readonly mayAnswer: (names: string) => string;
  readonly notByStarter: string;
  readonly until: (at: string, goesOn: boolean) => string;
  readonly answer: (command: string) => string;
  readonly link: (url: string, id: string) => string;
}

const en: NoticeWords = {
  events: {
    failed: 'failed',
    timed_out: 'timed out',
    lost: 'hosts lost',
    cancelled: 'cancelled',
    recovered: 'recovered',
    succeeded: 'succeeded',
    late: 'late',
    asks: 'asks',
  },
  states: { timed_out: 'timed out', lost: 'out of reach', not_started: 'not started' },
  failed: (n) => `${n} failed`,
  timedOut: (n) => `${n} timed out`,
  lost: (n) => `${n} lost`,
  notStarted: (n) => `${n} not started`,
  skipped: (n) => `${n} skipped`,
  unmet: (n, hosts) => `${hosts === '' ? '' : `${hosts}, `}outputs of ${n} ${n === 1 ? 'step' : 'steps'} missing`,
  all: (total) => `${total} of ${total} done`,
  some: (parts, total) => `${parts.join(', ')} of ${total}`,
  several: (n, name) => (name === undefined ? `${n} notices` : `${n} notices of ${name}`),
  untold: (n) => `and ${n} more`,
  round: (n) => ` (round ${n})`,
  ofJob: (run, job, version, round) => `Job ${job}, version ${version}${run === job ? '' : `, run ${run}`}${round}`,
  ofRun: (run, round) => `Run ${run}${round}`,
  owner: (owner, team) =>
    [owner === undefined ? '' : `Owner ${owner}`, team === undefined ? '' : `team ${team}`].filter(Boolean).join(', '),
  begun: (by, at, reason) => `Begun by ${by} at ${at}${reason === '' ? '' : `: ${reason}`}`,
  took: (duration) => `Took ${duration}`,
  late: (duration, meant) => `under way for ${duration}, longer than ${meant}`,
  underWay: (duration, done, total) => `Under way for ${duration}; ${done} of ${total} done`,
  exit: (code) => `exit code ${code}`,
  signal: (name) => `ended by ${name}`,
  onHosts: (n, hosts, how, step) =>
    `${step === undefined ? '' : `Step ${step}: `}${how} on ${n} ${n === 1 ? 'host' : 'hosts'} (${hosts})`,
  unmetStep: (step, why) => `Step ${step}: ${why}`,
  askedApproval: (step) => `Step ${step} asks:`,
  askedBatch: (batch, batches, isOverLimit) =>
    `${batches > 1 ? `after batch ${batch} of ${batches}: ` : ''}${isOverLimit ? 'more failed than may: ' : ''}go on?`,
  ofStep: (step) => ` (step ${step})`,
  people: (count) => `${count} people have to say yes`,
  mayAnswer: (names) => `May answer: ${names}`,
  notByStarter: 'Whoever has begun the run may not approve it',
  until: (at, goesOn) => `Until ${at}; ${goesOn ? 'then it goes on' : 'then it times out'}`,
  answer: (command) => `Answer: ${command}`,
  link: (url, id) => `${url}\ndrover runs show ${id}`,
};

const zh: NoticeWords = {
  events: {
    failed: '失败',
    timed_out: '超时',
    lost: '主机失联',
    cancelled: '已取消',
    recovered: '已恢复',
    succeeded: '成功',
    late: '运行过久',
    asks: '等待答复',
  },
  states: { timed_out: '超时', lost: '失联', not_started: '未启动' },
  failed: (n) => `${n} 个失败`,
  timedOut: (n) => `${n} 个超时`,
  lost: (n) => `${n} 个失联`,
  notStarted: (n) => `${n} 个未启动`,
  skipped: (n) => `${n} 个跳过`,
  unmet: (n, hosts) => `${hosts === '' ? '' : `${hosts}，`}${n} 个步骤缺少输出值`,
  all: (total) => `共 ${total} 个，全部完成`,
  some: (parts, total) => `共 ${total} 个，${parts.join('，')}`,
  several: (n, name) => (name === undefined ? `${n} 条通知` : `${name}：${n} 条通知`),
  untold: (n) => `另有 ${n} 条`,
  round: (n) => `（第 ${n} 轮）`,
  ofJob: (run, job, version, round) => `作业 ${job} 版本 ${version}${run === job ? '' : `，运行 ${run}`}${round}`,
  ofRun: (run, round) => `运行 ${run}${round}`,
  owner: (owner, team) =>
    [owner === undefined ? '' : `负责人 ${owner}`, team === undefined ? '' : `团队 ${team}`].filter(Boolean).join('，'),
  begun: (by, at, reason) => `由 ${by} 于 ${at} 发起${reason === '' ? '' : `：${reason}`}`,
  took: (duration) => `耗时 ${duration}`,
  late: (duration, meant) => `已运行 ${duration}，超过 ${meant}`,
  underWay: (duration, done, total) => `已运行 ${duration}；共 ${total} 个，已结束 ${done} 个`,
  exit: (code) => `退出码 ${code}`,
  signal: (name) => `被 ${name} 终止`,
  onHosts: (n, hosts, how, step) => `${step === undefined ? '' : `步骤 ${step}：`}${n} 台主机 ${how}（${hosts}）`,
  unmetStep: (step, why) => `步骤 ${step}：${why}`,
  askedApproval: (step) => `步骤 ${step} 请求批准：`,
  askedBatch: (batch, batches, isOverLimit) =>
    `${batches > 1 ? `第 ${batch} 批（共 ${batches} 批）之后：` : ''}${isOverLimit ? '失败数超过上限，' : ''}是否继续？`,
  ofStep: (step) => `（步骤 ${step}）`,
  people: (count) => `需要 ${count} 人同意`,
  mayAnswer: (names) => `可答复者：${names}`,
  notByStarter: '发起运行的人不得批准',
  until: (at, goesOn) => `截止 ${at}；到时${goesOn ? '自动继续' : '按超时处理'}`,
  answer: (command) => `答复：${command}`,
  link: (url, id) => `${url}\ndrover runs show ${id}`,
};

export const WORDS: Readonly<Record<Lang, NoticeWords>> = { en, zh };
