/**
 * The options that ssh(1) knows in an ssh_config, in small letters: those of OpenSSH 9.2 with Debian's, those that it still takes and does
 * nothing with, and those of later versions. Of any other, ssh refuses the whole file; the tests ask it.
 */
import { wildcardMatcher } from '../target/name-pattern.ts';

const OPTIONS: ReadonlySet<string> = new Set(
  `addkeystoagent addressfamily afstokenpassing batchmode bindaddress bindinterface canonicaldomains canonicalizefallbacklocal
  canonicalizehostname canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms certificatefile
  challengeresponseauthentication channeltimeout checkhostip cipher ciphers clearallforwardings compression compressionlevel
  connectionattempts connecttimeout controlmaster controlpath controlpersist dsaauthentication dynamicforward
  enableescapecommandline enablesshkeysign escapechar exitonforwardfailure fallbacktorsh fingerprinthash forkafterauthentication
  forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports globalknownhostsfile globalknownhostsfile2
  gssapiauthentication gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms gssapikeyexchange
  gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hashknownhosts host hostbasedacceptedalgorithms
  hostbasedauthentication hostbasedkeytypes hostkeyalgorithms hostkeyalias hostname identitiesonly identityagent identityfile
  identityfile2 ignoreunknown include ipqos kbdinteractiveauthentication kbdinteractivedevices kerberosauthentication
  kerberostgtpassing kexalgorithms knownhostscommand localcommand localforward loglevel logverbose macs match
  nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming passwordauthentication permitlocalcommand
  permitremoteopen pkcs11provider port preferredauthentications protocol protocolkeepalives proxycommand proxyjump
  proxyusefdpass pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication refuseconnection rekeylimit
  remotecommand remoteforward requesttty requiredrsasize revokedhostkeys rhostsauthentication rhostsrsaauthentication
  rsaauthentication securitykeyprovider sendenv serveralivecountmax serveraliveinterval sessiontype setenv setuptimeout
  skeyauthentication smartcarddevice stdinnull streamlocalbindmask streamlocalbindunlink stricthostkeychecking
  syslogfacility tag tcpkeepalive tisauthentication tunnel tunneldevice updatehostkeys useblacklistedkeys useprivilegedport
  user userknownhostsfile userknownhostsfile2 useroaming usersh verifyhostkeydns versionaddendum visualhostkey
  warnweakcrypto xauthlocation`.split(/\s+/),
);

/** In small letters; for the tests. */
export const SSH_OPTIONS: readonly string[] = [...OPTIONS];

export function isSshOption(key: string): boolean {
  return OPTIONS.has(key);
}

/** `patterns`: the value of an IgnoreUnknown. */
export function isIgnored(key: string, patterns: string): boolean {
  const list = patterns.toLowerCase().split(',');
  const hits = (pattern: string): boolean => wildcardMatcher(pattern)(key);
  return (
    !list.some((pattern) => pattern.startsWith('!') && hits(pattern.slice(1))) &&
    list.some((pattern) => !pattern.startsWith('!') && hits(pattern))
  );
}
