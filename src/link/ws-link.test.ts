import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
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
    const wired = new WsLink(socket as WebSocket, peer, { shapes: {} }, 0);
    [wired.heard, wired.spoken] = [false, false];
    socket.emit('pong');
    expect([wired.heard, wired.spoken]).toEqual([true, false]);
    wired.heard = false;
    socket.emit('ping');
    expect([wired.heard, wired.spoken]).toEqual([true, true]);
  });
});
