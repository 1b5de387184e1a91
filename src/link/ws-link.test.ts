import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../base/clock.ts';
import { record } from '../protocol/link/shape.ts';
import { encodeFrame } from './codec.ts';
import { LoopTurns } from './loop-turns.ts';
import { watchLinks, WsLink } from './ws-link.ts';

type Watched = Pick<WsLink<never, never>, 'heard' | 'spoken' | 'silentSweeps' | 'ping' | 'abandon'>;

describe('the sweep over links', () => {
  let sweep: () => void;
  let told: string[];
  let link: Watched;
  beforeEach(() => {
    told = [];
    link = {
      heard: true,
      spoken: false,
      silentSweeps: 0,
      ping: () => void told.push('ping'),
      abandon: (reason) => void told.push(reason),
    };
    const clock = { after: (_ms: number, work: () => void) => ((sweep = work), () => undefined) };
    watchLinks([link as WsLink<never, never>], clock as unknown as Clock, 100, 300);
  });
  const after = (happened: { heard?: boolean; spoken?: boolean }): string[] => {
    Object.assign(link, happened);
    told = [];
    sweep();
    return told;
  };

  it('pings a link unless both ends have spoken over it since the last', () => {
    expect(after({ heard: true, spoken: true })).toEqual([]);
    expect(after({ heard: true })).toEqual(['ping']);
    expect(after({ spoken: true })).toEqual(['ping']);
    expect(after({ heard: true, spoken: true })).toEqual([]);
    expect(after({})).toEqual(['ping']);
  });

  it('gives up a link over which only our end has spoken for long', () => {
    expect(after({ heard: true, spoken: true })).toEqual([]);
    expect(after({ spoken: true })).toEqual(['ping']);
    expect(after({ spoken: true })).toEqual(['ping']);
    expect(after({ spoken: true })).toEqual(['silent for too long']);
  });

  it('leaves the pinging to the end that has begun it', () => {
    const socket = new EventEmitter();
    const peer = { role: 'agent', id: 'agent', address: '' } as const;
    const wired = new WsLink(socket as WebSocket, peer, { shapes: {} }, { turns: new LoopTurns(), clock: systemClock });
    [wired.heard, wired.spoken] = [false, false];
    socket.emit('pong');
    expect([wired.heard, wired.spoken]).toEqual([true, false]);
    wired.heard = false;
    socket.emit('ping');
    expect([wired.heard, wired.spoken]).toEqual([true, true]);
  });
});

describe('a link that ends while it is being opened', () => {
  it('is told as ended to whoever it was opened for', () => {
    const socket = Object.assign(new EventEmitter(), { send: () => undefined, close: () => undefined });
    const peer = { role: 'agent', id: 'agent', address: '' } as const;
    const ends: string[] = [];
    const link = new WsLink(
      socket as unknown as WebSocket,
      peer,
      { shapes: {} },
      { turns: new LoopTurns(), clock: systemClock, onEnded: (reason) => void ends.push(`end: ${reason}`) },
    );
    link.open((opened) => {
      opened.close('link-busy');
      return { onFrame: () => undefined, onClose: (reason) => void ends.push(reason) };
    });
    link.close('link-busy');
    expect(ends).toEqual(['end: link-busy', 'link-busy']);
  });
});

describe('a link over which frames of unknown types come', () => {
  it('goes on, tells nobody of them, and counts them', () => {
    const socket = Object.assign(new EventEmitter(), { pause: () => undefined, resume: () => undefined });
    const peer = { role: 'agent', id: 'agent', address: '' } as const;
    const counts: number[] = [];
    const link = new WsLink<{ t: 'data' }, never>(
      socket as unknown as WebSocket,
      peer,
      { shapes: { data: record<object>({}) }, onPassedOver: (_peer, count) => void counts.push(count) },
      { turns: new LoopTurns(), clock: systemClock },
    );
    const heard: string[] = [];
    link.open(() => ({ onFrame: ({ t }) => void heard.push(t), onClose: () => undefined }));
    for (const t of ['of-tomorrow', 'data', 'of-tomorrow']) socket.emit('message', encodeFrame({ t }), true);
    expect(counts).toEqual([1, 2]);
    expect(heard).toEqual(['data']);
  });
});

describe('a link whose frames take long', () => {
  /** A socket that tells what it was asked, with a link whose every frame takes 4 ms. */
  function busyLink(turns = new LoopTurns()): {
    frame: () => void;
    asked: string[];
    link: WsLink<{ t: 'data' }, never>;
  } {
    const asked: string[] = [];
    let nowMs = 0;
    const socket = Object.assign(new EventEmitter(), {
      pause: () => void asked.push('pause'),
      resume: () => void asked.push('resume'),
    });
    const peer = { role: 'agent', id: 'agent', address: '' } as const;
    const link = new WsLink<{ t: 'data' }, never>(
      socket as unknown as WebSocket,
      peer,
      { shapes: { data: record<object>({}) } },
      { turns, clock: { ...systemClock, monotonicMs: () => nowMs } },
    );
    link.open(() => ({ onFrame: () => void (nowMs += 4), onClose: () => undefined }));
    return { frame: () => void socket.emit('message', encodeFrame({ t: 'data' }), true), asked, link };
  }
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('waits for the next turn when it has had its part of one', async () => {
    const { frame, asked } = busyLink();
    for (let i = 0; i < 3; i++) frame();
    expect(asked).toEqual(['pause']);
    await nextTurn();
    await nextTurn();
    expect(asked).toEqual(['pause', 'resume']);
  });

  it('is not kept waiting for what it did in other turns, or others in this one', async () => {
    const turns = new LoopTurns();
    const [one, other] = [busyLink(turns), busyLink(turns)];
    for (let i = 0; i < 5; i++) {
      one.frame();
      other.frame();
      await nextTurn();
      await nextTurn();
    }
    expect([...one.asked, ...other.asked]).toEqual([]);
  });

  it('stays paused for whoever has paused it besides', async () => {
    const { frame, asked, link } = busyLink();
    for (let i = 0; i < 3; i++) frame();
    link.pause();
    await nextTurn();
    await nextTurn();
    expect(asked).toEqual(['pause', 'pause']);
    link.resume();
    expect(asked).toEqual(['pause', 'pause', 'resume']);
  });
});
