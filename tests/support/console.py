"""A console on the kernel of a running cell, as JupyterLab's "New Subshell Console" is one."""

from __future__ import annotations

import ast
import json
from types import TracebackType
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

PATIENCE = 60


class SubshellConsole:
    """Runs code on a subshell of a kernel whose main shell is busy.

    Args:
        connection_file: of the kernel.
    """

    def __init__(self, connection_file: str) -> None:
        self._client = BlockingKernelClient(connection_file=connection_file)
        self._client.load_connection_file()
        self._client.start_channels()
        session = self._client.session
        request = session.msg("create_subshell_request", {})
        self._client.control_channel.send(request)
        reply = self._client.control_channel.get_msg(timeout=PATIENCE)
        while reply["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            reply = self._client.control_channel.get_msg(timeout=PATIENCE)
        self.subshell = reply["content"]["subshell_id"]

    def evaluate(self, expression: str) -> Any:
        """Value of a Python expression, by way of JSON."""
        return self._execute("", {"value": f"__import__('json').dumps({expression})"})

    def execute(self, code: str) -> None:
        """Runs statements."""
        self._execute(code, {"value": "__import__('json').dumps(None)"})

    def _execute(self, code: str, expressions: dict[str, str]) -> Any:
        content = {
            "code": code,
            "silent": True,
            "store_history": False,
            "user_expressions": expressions,
            "allow_stdin": False,
            "stop_on_error": True,
        }
        request = self._client.session.msg("execute_request", content)
        request["header"]["subshell_id"] = self.subshell
        self._client.shell_channel.send(request)
        reply = self._client.shell_channel.get_msg(timeout=PATIENCE)
        while reply["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            reply = self._client.shell_channel.get_msg(timeout=PATIENCE)
        assert reply["content"]["status"] == "ok", reply["content"]
        answer = reply["content"]["user_expressions"]["value"]
        assert answer["status"] == "ok", answer
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def __enter__(self) -> SubshellConsole:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.stop_channels()
