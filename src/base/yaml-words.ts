/** What the YAML library says of a fault, in words for whoever wrote the file. */

const WORDS: readonly (readonly [RegExp, string])[] = [
  [
    /^Sequence item without - indicator/,
    'this line stands in a list and does not begin with "- "; indent it under its item, or begin it so',
  ],
  [/^All mapping items must start at the same column/, 'this key is indented otherwise than those that it stands with'],
  [
    /^All sequence items must start at the same column/,
    'this "-" is indented otherwise than those that it stands with',
  ],
  [
    /^Nested mappings are not allowed in compact mappings/,
    'two keys stand on one line; put the second on a line of its own, or quote a value that holds ": "',
  ],
  [
    /^Implicit map keys need to be followed by map values/,
    'this stands where a key is expected and has no ":" after it',
  ],
  [
    /^Implicit keys need to be on a single line/,
    'a key goes over several lines; a ":" or a quote may be missing before it',
  ],
  [/^Implicit keys of flow sequence pairs/, 'a key in [ … ] goes over several lines'],
  [/^A block sequence may not be used as an implicit map key/, 'a list stands where a key is expected'],
  [/^Map keys must be unique/, 'this key is there twice'],
  [/^Tabs are not allowed as indentation/, 'it is indented by a tab; YAML takes spaces only'],
  [/^Missing closing ["']quote/, 'a quote is not closed'],
  [/^Plain value cannot start with (?:reserved character )?(.+?)$/, 'a value that begins with $1 has to be quoted'],
  [/^Invalid escape sequence (.+)$/, 'in double quotes $1 means nothing; double the backslash, or use single quotes'],
  [
    /^Missing , or : between flow map items|^Missing , between flow (?:map|sequence) items/,
    'a comma is missing between two things in { … } or [ … ]',
  ],
  [/^Missing space after : in flow/, 'a space is missing after ":"'],
  [/^Unexpected (.+) in flow (?:map|sequence|collection)/, 'there is a $1 too many in { … } or [ … ]'],
  [
    /^Flow (?:map|sequence) in block collection must be sufficiently indented|^Flow end indicator should be more indented/,
    'what stands in { … } or [ … ] is not closed, or not indented further than its key',
  ],
  [/^Flow (map|sequence) must end with a (.)/, 'a $2 is missing'],
  [/^Unexpected .+ at node end/, 'there is something behind the end of this value; quote the whole of it'],
  [
    /^Unexpected .+ token in YAML stream/,
    'this belongs to nothing before it; look at how the lines before are indented',
  ],
  [/^Comments must be separated from other tokens/, 'a space is missing before #'],
  [/^Block scalar/, 'the text after | or > is not indented as it has to be: further than its key, all lines alike'],
];

/** One line, without a place: whoever tells it has the line. */
export function yamlWords(message: string): string {
  const first = message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
  for (const [pattern, words] of WORDS) {
    const found = pattern.exec(first);
    if (found) return words.replaceAll(/\$(\d)/g, (_all, group: string) => found[Number(group)] ?? '');
  }
  return `it is not valid YAML: ${first}`;
}
