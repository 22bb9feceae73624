"""A client that is not installed is named."""

from __future__ import annotations

import importlib
import sys

import pytest


@pytest.mark.parametrize("client", ["mlflow", "trackio", "wandb"])
def test_a_client_that_is_missing_is_named(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for known in [one for one in sys.modules if one.split(".")[0] == client]:
        monkeypatch.delitem(sys.modules, known)
    monkeypatch.setitem(sys.modules, client, None)
    module = f"gradwidget.loggers.{client}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ImportError, match=f"needs {client}, which is not installed: pip install"):
        importlib.import_module(module)
