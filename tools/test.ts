/**
 * `npm test`: what the suite needs of the machine, the format, the types, then the whole suite. A failure is named when it happens; the end
 * tells what was not tried and why, and how many tests passed and failed. Stopped on the way (suite.ts) it tells what failed so far and what
 * was not tried, and leaves no process of its own. With CI set, a test that was not tried is a failure: nothing is skipped there in silence.
 */
import { runProgram, runSuite, StopSignals } from './suite.ts';
import { installTestNeeds } from './test-needs.ts';

const signals = new StopSignals();
installTestNeeds();
const format = await runProgram(signals, '@biomejs/biome/bin/biome', 'format', '--log-level=warn');
const types = await runProgram(signals, 'typescript/bin/tsc', '-p', '.');
if (signals.stopped) process.exit(signals.exitCode);
process.exit(format !== 0 || types !== 0 ? 1 : await runSuite(signals, process.argv.slice(2)));
