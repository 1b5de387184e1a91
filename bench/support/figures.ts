/** Medians, percentiles and JSON lines: what every benchmark prints. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Rounded so that a reader sees what was measured, not what a double holds. */
export function rounded(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}

export function emit(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** To stderr: a person may wonder what takes so long, a program reads stdout. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
