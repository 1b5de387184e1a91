/**
 * Output of a script calls nobody: `<at user_id="all">` would in Feishu, and `<@userid>` in some texts of WeCom. The sign
 * of full width looks alike, and means nothing to either.
 */
export function callingNobody(text: string): string {
  return text.replaceAll('<', '＜');
}
