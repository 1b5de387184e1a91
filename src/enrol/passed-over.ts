/** What was asked for at a start and changes nothing, because who starts has joined before: told, so that nobody counts on it. */
export interface Asked {
  readonly name?: string | undefined;
  readonly labels?: Readonly<Record<string, string>>;
}

export function passedOver(
  is: { readonly name: string; readonly labels?: Readonly<Record<string, string>> },
  asked: Asked,
): string[] {
  const told: string[] = [];
  for (const [name, value] of Object.entries(asked.labels ?? {}))
    if (is.labels?.[name] !== value)
      told.push(
        `--label ${name}=${value} was passed over: this host has joined, and its labels are the server's since ` +
          `(drover hosts label ${is.name} ${name}=${value})`,
      );
  if (asked.name !== undefined && asked.name !== is.name)
    told.push(
      `--name ${asked.name} was passed over: it has joined as ${is.name} (drover hosts edit ${is.name} --name)`,
    );
  return told;
}
