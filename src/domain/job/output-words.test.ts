import { describe, expect, it } from 'vitest';
import { OUTPUT_HERE as O, outputWordFaults, tellsPrograms } from './output-words.ts';

describe('an output', () => {
  it.each([
    [['sh', '-c', `deploy '${O}'`]],
    [['/bin/bash', '-lc', O]],
    [['bash', '-e', '-c', `echo ${O}`]],
    [['sudo', '-u', 'app', 'sh', '-c', O]],
    [['timeout', '5', 'bash', '-c', O]],
    [['python3.11', '-c', `print(${O})`]],
    [['perl', '-ne', O]],
    [['node', '--eval', O]],
    [['node', `--eval=${O}`]],
    [['php', '-r', O]],
    [['perl', `-e${O}`]],
    [['cmd', '/c', O]],
    [['powershell', '-Command', O]],
    [['su', 'app', '-c', O]],
    [['psql', '-c', `select ${O}`]],
    [['env', O]],
    [['env', '-i', 'A=1', O]],
    [['sudo', O]],
    [['nice', '-n', '5', O]],
    [['xargs', '-n1', O]],
    [['ssh', 'host', `deploy ${O}`]],
    [['ssh', O]],
    [['eval', O]],
    [['awk', O, 'file']],
    [['awk', '-F:', `/${O}/`]],
    [['sed', '-i', `s/x/${O}/`, 'file']],
  ])('is no part of what is run in %j', (words) => {
    expect(outputWordFaults(words)).toEqual([
      { at: words.findIndex((word) => word.includes(O)), detail: expect.any(String) },
    ]);
  });

  it.each([
    [['deploy', '--version', O, `--from=${O}`]],
    [['tar', '-xf', `/tmp/web-${O}.tar`]],
    [['sh', '-c', 'deploy "$1"', 'deploy', O]],
    [['sh', '/opt/deploy.sh', O]],
    [['python3', 'deploy.py', O]],
    [['env', `VERSION=${O}`, 'deploy']],
    [['sudo', 'deploy', O]],
    [['timeout', '5', 'deploy', O]],
    [['awk', '-F:', '{print}', O]],
    [['sed', '-n', 'p', O]],
    [['logger', O]],
  ])('is a word like any other in %j', (words) => {
    expect(outputWordFaults(words)).toEqual([]);
  });

  it('tells no loader and no shell what to run', () => {
    for (const name of [
      'PATH',
      'LD_PRELOAD',
      'BASH_ENV',
      'PYTHONPATH',
      'NODE_OPTIONS',
      'GIT_SSH_COMMAND',
      'IFS',
      'path',
    ])
      expect([name, tellsPrograms(name)]).toEqual([name, true]);
    for (const name of ['VERSION', 'MY_PATH', 'TARGET', 'TZ', 'GITHUB'])
      expect([name, tellsPrograms(name)]).toEqual([name, false]);
  });
});
