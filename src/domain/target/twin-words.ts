/** What is said to whoever names a host that no target matches: what it is, and who can change that. */
export function twinDetail({ name, twinOf }: { readonly name: string; readonly twinOf?: string | undefined }): string {
  return (
    `${name} is a twin of ${twinOf}: it has the same machine id and joined without its key, so it gets no work ` +
    `until somebody decides. Another machine: drover hosts twins accept ${name}. The same one: drover hosts twins ` +
    `replace ${name}.`
  );
}
