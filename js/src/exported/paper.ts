/** Pixels of a page at most: browsers have none that are higher. */
const HIGHEST = 19_000;

/**
 * Prints on one page that is as large as the whole document, so that nothing is cut; whoever prints
 * has it scaled to the paper. The width stays, and with it all that was drawn for it.
 *
 * While it prints, the body has the class `gw-paper` and not `dark`; `then` is called afterwards.
 */
export function fitPaper(then: () => void): void {
  const sheet = document.styleSheets[0];
  if (sheet === undefined) return;
  let rule = -1;
  window.addEventListener("beforeprint", () => {
    document.body.classList.remove("dark");
    document.body.classList.add("gw-paper");
    const { clientWidth, offsetHeight } = document.body;
    const height = Math.min(HIGHEST, offsetHeight + 1);
    rule = sheet.insertRule(
      `@page { size: ${clientWidth}px ${height}px; margin: 0 }`,
      sheet.cssRules.length,
    );
  });
  window.addEventListener("afterprint", () => {
    document.body.classList.remove("gw-paper");
    if (rule >= 0) sheet.deleteRule(rule);
    rule = -1;
    then();
  });
}
