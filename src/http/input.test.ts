import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { operations } from './routes/routes.ts';
import { validate } from './input.ts';
import type { Operation } from './operation.ts';

const importHosts = operations.find(({ id }) => id === 'importHosts') as Operation;
const createHost = operations.find(({ id }) => id === 'createHost') as Operation;
const judge = (body: unknown) => validate(importHosts, { params: {}, query: {}, body } as FastifyRequest);
const host = (i: number, labels: Record<string, string>) => ({ name: `h${i}`, address: '10.0.0.1', labels });
const many = (count: number, labels: Record<string, string>) =>
  Array.from({ length: count }, (_, i) => host(i, labels));

describe('a long list of a body', () => {
  it('is judged entry by entry, with turns of others in between, and comes out whole', async () => {
    const labels = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`l${i}`, 'v']));
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const { body } = (await judge({ hosts: many(9_000, labels) })) as { body: { hosts: unknown[]; dryRun: boolean } };
    isOver = true;
    expect(turns).toBeGreaterThan(3);
    expect(body.dryRun).toBe(false);
    expect(body.hosts).toHaveLength(9_000);
    expect(body.hosts[0]).toEqual(host(0, labels));
    expect(body.hosts[8_999]).toEqual(host(8_999, labels));
  });

  it('is not read on after a hundred faults', async () => {
    const refusal = await judge({ hosts: many(10_000, { '!': '' }) }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'bad-input', faultCount: limits.faultsToldMax });
  });

  it('tells an entry that is none, a list that is too long, and what is wrong beside it', async () => {
    const faultsOf = async (body: unknown) =>
      judge(body).then(
        () => [],
        (error: { faults: { pointer: string }[] }) => error.faults.map(({ pointer }) => pointer),
      );
    expect(await faultsOf({ hosts: [host(0, {}), null], more: 1 })).toEqual(['#', '#/hosts/1/name']);
    expect(await faultsOf({ hosts: [host(0, {}), { ...host(1, {}), port: 0 }] })).toEqual(['#/hosts/1/port']);
    expect(await faultsOf({ hosts: many(limits.hostsPerImportMax + 1, {}) })).toEqual(['#/hosts']);
    expect(await faultsOf({ hosts: [] })).toEqual(['#/hosts']);
    expect(await faultsOf({ hosts: 'x' })).toEqual(['#/hosts']);
  });
});

describe('a body', () => {
  const whyNot = async (body: unknown): Promise<readonly string[]> =>
    validate(createHost, { params: {}, query: {}, body } as FastifyRequest).then(
      () => [],
      (error: { faults: { detail: string }[] }) => error.faults.map(({ detail }) => detail),
    );

  it('has so many values, each of a list or an object counted, and not one more', async () => {
    // One is `more` itself.
    const of = (values: number) => ({ more: Array(values - 1).fill(1) });
    const tooMany = `more than ${limits.bodyValuesMax} values`;
    expect(await whyNot(of(limits.bodyValuesMax))).not.toContain(tooMany);
    expect(await whyNot(of(limits.bodyValuesMax + 1))).toEqual([tooMany]);
  });

  it('is nested so deep, and not deeper', async () => {
    const of = (depth: number): unknown => (depth === 0 ? 1 : { more: of(depth - 1) });
    const tooDeep = `nested deeper than ${limits.jsonDepthMax}`;
    expect(await whyNot(of(limits.jsonDepthMax))).not.toContain(tooDeep);
    expect(await whyNot(of(limits.jsonDepthMax + 1))).toEqual([tooDeep]);
  });
});
