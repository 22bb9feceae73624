import { element, setText } from "../../util/dom.ts";
import { Disclosure } from "../disclosure.ts";

const CONFIRMED_MS = 1500;

/** A remedy's code, with a button that copies it, and the button that shows and hides it. */
export function codeDisclosure(code: string): Disclosure {
  const text = element(
    "pre",
    { tabindex: "0", "aria-label": "Code" },
    element("code", { text: code }),
  );
  const copy = element("button", { type: "button", text: "Copy" });
  const disclosure = new Disclosure("Code");
  disclosure.panel.classList.add("gw-code");
  disclosure.panel.append(copy, text);
  copy.addEventListener("click", async () => {
    setText(copy, (await copied(code, text)) ? "Copied" : "Press Ctrl+C");
    setTimeout(() => setText(copy, "Copy"), CONFIRMED_MS);
  });
  return disclosure;
}

/** Copies to the clipboard; where the page may not (plain http), selects the text instead. */
async function copied(code: string, shown: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(code);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    return false;
  }
}
