import { element } from "./dom.ts";

/**
 * Hides what the notebook has saved of a widget as long as that lives in the page; the returned
 * function shows it again. Its twin is in gradwidget/view/notebook/static_html.py.
 */
export function hideSaved(widget: string): () => void {
  const saved = `.gw-static[data-widget="${CSS.escape(widget)}"]`;
  const inLab = `.jp-OutputArea-child:has(> .jp-OutputArea-output > ${saved})`;
  const style = element("style", { text: `${saved}, ${inLab} { display: none }` });
  document.head.append(style);
  return () => style.remove();
}
