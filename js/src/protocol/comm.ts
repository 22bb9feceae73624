import type { AnyModel } from "@anywidget/types";
import type { FromPage } from "./messages.gen.ts";

/** The way for messages to Python. */
export interface Comm {
  send(message: FromPage): void;
  /** Whether they arrive while a cell runs. */
  readonly immediate: Promise<boolean>;
}

/**
 * The part of JupyterLab's kernel connection that opens a comm on a subshell; other front ends lack
 * it.
 */
interface Kernel {
  supportsSubshells?: boolean;
  createComm(target: string): KernelComm;
}

interface KernelComm {
  subshellStarted?: Promise<unknown>;
  open(data: { widget: string }): unknown;
  send(data: FromPage): unknown;
}

/** Its twin is in gradwidget/view/kernel/comm.py. */
const TARGET = "gradwidget";

/**
 * Sends over a comm that the kernel serves while a cell runs. Without one it sends ordinary widget
 * messages, which wait until the cell ends.
 */
export function openComm(model: AnyModel, widget: string): Comm {
  const subshell = openOnSubshell(model, widget);
  return {
    immediate: subshell.then((comm) => comm !== null),
    send(message) {
      subshell.then((comm) => (comm === null ? model.send(message) : comm.send(message)));
    },
  };
}

async function openOnSubshell(model: AnyModel, widget: string): Promise<KernelComm | null> {
  // Some hosts have no widget manager at all.
  const manager = model.widget_manager as unknown as { kernel?: Kernel | null } | undefined;
  const kernel = manager?.kernel;
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
