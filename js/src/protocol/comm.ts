import type { AnyModel } from "@anywidget/types";
import type { FromPage } from "./messages.gen.ts";

/** Where messages to Python go. */
export interface Channel {
  send(message: FromPage): void;
  /** Whether they arrive while a cell runs. */
  readonly immediate: Promise<boolean>;
}

/** The part of JupyterLab's kernel connection that opens a comm on a subshell; other front ends lack it. */
interface Kernel {
  supportsSubshells?: boolean;
  createComm(target: string): Comm;
}

interface Comm {
  subshellStarted?: Promise<unknown>;
  open(data: { widget: string }): unknown;
  send(data: FromPage): unknown;
}

/** Its twin is in gradwidget/view/kernel/comm.py. */
const TARGET = "gradwidget";

/**
 * Sends over a comm that the kernel serves while a cell runs, where there is one; else as an ordinary widget message,
 * which waits until the cell ends.
 */
export function channelOf(model: AnyModel, widget: string): Channel {
  const comm = openComm(model, widget);
  return {
    immediate: comm.then((opened) => opened !== null),
    send(message) {
      comm.then((opened) => (opened === null ? model.send(message) : opened.send(message)));
    },
  };
}

async function openComm(model: AnyModel, widget: string): Promise<Comm | null> {
  const { kernel } = model.widget_manager as unknown as { kernel?: Kernel | null };
  if (!kernel?.supportsSubshells) return null;
  try {
    const comm = kernel.createComm(TARGET);
    await comm.subshellStarted;
    comm.open({ widget });
    return comm;
  } catch (error) {
    console.warn("gradwidget: no subshell, messages wait for the running cell", error);
    return null;
  }
}
