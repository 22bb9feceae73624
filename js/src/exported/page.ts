// The page of a run that was exported: the picture, and in place of a kernel what it would say to a
// page that opens. gradwidget/view/export/page.py puts the two together.
import { OwnBars } from "../bars/own-bars.ts";
import { mount } from "../mount.ts";
import type { Comm } from "../protocol/comm.ts";
import { unpacked } from "../protocol/packing.ts";
import { LoopControl } from "../state/loop-control.ts";
import { Store } from "../state/store.ts";
import { element } from "../util/dom.ts";
import { formatCount } from "../util/format.ts";
import { fitPaper } from "./paper.ts";

const NOBODY: Comm = { send() {}, immediate: Promise.resolve(true) };

async function show(main: HTMLElement): Promise<void> {
  const packed = document.getElementById("gradwidget-run")?.textContent ?? "";
  const { snapshot, data, control } = await unpacked(packed);
  const store = new Store(snapshot.model);
  store.apply(snapshot, data);
  const { step } = snapshot.status;
  const when = step === null ? "before the first step" : `at step ${formatCount(step)}`;
  const loop = new LoopControl(NOBODY);
  loop.receive(control);
  const what = `${snapshot.model}, exported ${when} with gradwidget`;
  loop.end(`${what}: all of it can be looked at, and the run itself cannot be reached from here.`);
  mount(main, store, new OwnBars(), loop);
}

/** Follows what the reader's system prefers; paper is light. */
function followTheme(): void {
  const isDark = matchMedia("screen and (prefers-color-scheme: dark)");
  const follow = (): void => {
    document.body.classList.toggle("dark", isDark.matches);
  };
  follow();
  isDark.addEventListener("change", follow);
  fitPaper(follow);
}

followTheme();
const main = document.querySelector("main") ?? document.body;
show(main).catch((error: unknown) => {
  const text = `This page could not be read, perhaps since the browser is older than 2023: ${error}`;
  main.append(element("p", { text }));
});
