"""Weights that became too large at once, at their old norm again."""

from __future__ import annotations

import torch
from torch import nn

from gradwidget.diagnose.remedies.scale_weights_back import scale_weights_back


def test_weights_point_where_they_did_at_their_old_norm() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.LSTM(8, 4))
    optimizer = torch.optim.Adam(model.parameters())
    before = [parameter.detach().clone() for parameter in model.parameters()]
    norms = {
        name: float(
            torch.cat([p.detach().flatten() for p in layer.parameters() if p.dim() > 1]).norm()
        )
        for name, layer in model.named_children()
    }
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(1000.0)
    remedy = scale_weights_back(norms)
    assert remedy is not None
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for
    for parameter, value in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), value, rtol=1e-3, atol=1e-6)


def test_there_is_nothing_to_scale_without_a_norm_of_before() -> None:
    assert scale_weights_back({}) is None
