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
  statusChanged?: Signal<string>;
  disposed?: Signal<unknown>;
  createComm(target: string): KernelComm;
}

interface Signal<T> {
  connect(slot: (sender: unknown, value: T) => void): void;
  disconnect(slot: (sender: unknown, value: T) => void): void;
}

interface KernelComm {
  subshellStarted?: Promise<unknown>;
  open(data: { widget: string }): unknown;
  send(data: FromPage): unknown;
}

/** Its twin is in gradwidget/view/kernel/page_comm.py. */
const TARGET = "gradwidget";

/** The states of a kernel in which, or after which, nothing of what it had is left. */
const ENDED = new Set(["restarting", "autorestarting", "terminating", "dead"]);

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

/** Calls back once the kernel of a widget has ended, where the host tells; returns what stops it. */
export function onKernelEnd(model: AnyModel, ended: () => void): () => void {
  const { statusChanged, disposed } = kernelOf(model) ?? {};
  const look = (_: unknown, status: string): void => {
    if (ENDED.has(status)) ended();
  };
  statusChanged?.connect(look);
  disposed?.connect(ended);
  return () => {
    statusChanged?.disconnect(look);
    disposed?.disconnect(ended);
  };
}

function kernelOf(model: AnyModel): Kernel | null | undefined {
  // Some hosts have no widget manager at all.
  const manager = model.widget_manager as unknown as { kernel?: Kernel | null } | undefined;
  return manager?.kernel;
}

async function openOnSubshell(model: AnyModel, widget: string): Promise<KernelComm | null> {
  const kernel = kernelOf(model);
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
