import type { AnyModel } from "@anywidget/types";
import { expect, test, vi } from "vitest";
import { onKernelEnd, openComm } from "../../src/protocol/comm.ts";

/** A widget's model beside a kernel; `send` is the ordinary way of a message. */
function modelWith(kernel: unknown) {
  const send = vi.fn();
  const manager = kernel === undefined ? undefined : { kernel };
  const model = { send, widget_manager: manager } as unknown as AnyModel;
  return { model, send };
}

function kernelWith(started: Promise<unknown> = Promise.resolve()) {
  const comm = { subshellStarted: started, open: vi.fn(), send: vi.fn() };
  const kernel = { supportsSubshells: true, createComm: vi.fn(() => comm) };
  return { comm, kernel };
}

test("where the kernel has subshells a message goes over a comm of its own", async () => {
  const { comm, kernel } = kernelWith();
  const { model, send } = modelWith(kernel);
  const opened = openComm(model, "widget 1");
  opened.send({ kind: "hello" });
  expect(await opened.immediate).toBe(true);
  await vi.waitFor(() => expect(comm.send).toHaveBeenCalledWith({ kind: "hello" }));
  expect(kernel.createComm).toHaveBeenCalledWith("gradwidget");
  expect(comm.open).toHaveBeenCalledWith({ widget: "widget 1" });
  expect(send).not.toHaveBeenCalled();
});

test.each([
  ["no kernel", null],
  ["no widget manager", undefined],
  ["a kernel without subshells", { supportsSubshells: false }],
])("with %s a message goes the ordinary way", async (_, kernel) => {
  const { model, send } = modelWith(kernel);
  const opened = openComm(model, "widget 1");
  opened.send({ kind: "hello" });
  expect(await opened.immediate).toBe(false);
  await vi.waitFor(() => expect(send).toHaveBeenCalledWith({ kind: "hello" }));
});

test("where the subshell does not start a message goes the ordinary way", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const { comm, kernel } = kernelWith(Promise.reject(new Error("no")));
  const { model, send } = modelWith(kernel);
  const opened = openComm(model, "widget 1");
  opened.send({ kind: "hello" });
  expect(await opened.immediate).toBe(false);
  await vi.waitFor(() => expect(send).toHaveBeenCalledWith({ kind: "hello" }));
  expect(comm.send).not.toHaveBeenCalled();
  expect(warn).toHaveBeenCalledTimes(1);
  warn.mockRestore();
});

/** A signal of JupyterLab's, and who listens to it. */
function signal() {
  const slots = new Set<(sender: unknown, value: string) => void>();
  return {
    connect: (slot: () => void) => slots.add(slot),
    disconnect: (slot: () => void) => slots.delete(slot),
    emit: (value: string) => {
      for (const slot of slots) slot(null, value);
    },
  };
}

test.each([
  ["restarting", 1],
  ["autorestarting", 1],
  ["dead", 1],
  ["busy", 0],
  ["idle", 0],
])("a kernel that is %s has ended %i times", (status, times) => {
  const kernel = { statusChanged: signal(), disposed: signal() };
  const ended = vi.fn();
  const leave = onKernelEnd(modelWith(kernel).model, ended);
  kernel.statusChanged.emit(status);
  expect(ended).toHaveBeenCalledTimes(times);
  leave();
  kernel.statusChanged.emit("dead");
  kernel.disposed.emit("");
  expect(ended).toHaveBeenCalledTimes(times);
});

test("a kernel that is shut down has ended, and where none is known nothing happens", () => {
  const kernel = { statusChanged: signal(), disposed: signal() };
  const ended = vi.fn();
  onKernelEnd(modelWith(kernel).model, ended);
  kernel.disposed.emit("");
  expect(ended).toHaveBeenCalledTimes(1);
  onKernelEnd(modelWith(undefined).model, ended)();
  onKernelEnd(modelWith(null).model, ended)();
});
