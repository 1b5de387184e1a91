/** Writes api/openapi.json and the SDK's types from the table of operations; with --check it fails when they differ. */
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { operations } from '../src/http/routes/routes.ts';
import { openApiDocument } from '../src/http/openapi.ts';

const check = process.argv.includes('--check');
const document = openApiDocument(operations);
const outputs: [string, string][] = [
  ['../api/openapi.json', `${JSON.stringify(document, null, 2)}\n`],
  [
    '../sdk/src/__generated__/schema.ts',
    `/** Generated from api/openapi.json by tools/openapi.ts; not edited. */\n${astToString(await openapiTypescript(document as never, { defaultNonNullable: false }))}`,
  ],
];
for (const [path, text] of outputs) {
  const url = new URL(path, import.meta.url);
  if (!check) writeFileSync(url, text);
  else if (readFileSync(url, 'utf8') !== text) {
    process.stderr.write(`${path} is not what the operations say; run: npm run openapi\n`);
    process.exitCode = 1;
  }
}
