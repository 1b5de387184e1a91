/** The tables of names inside ssh2, for which its types have no entry. */
declare module 'ssh2/lib/protocol/constants.js' {
  const constants: Readonly<
    Record<'SUPPORTED_KEX' | 'SUPPORTED_CIPHER' | 'SUPPORTED_SERVER_HOST_KEY' | 'SUPPORTED_MAC', readonly string[]>
  >;
  export default constants;
}
