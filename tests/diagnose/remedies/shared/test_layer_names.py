"""Layer names as Python source."""

from __future__ import annotations

import ast

import pytest

from gradwidget.diagnose.remedies.shared.layer_names import listing, quote


@pytest.mark.parametrize(
    "names",
    [[], ["fc1"], [f"encoder.layers.{i}.self_attn.out_proj" for i in range(9)], ['a"b', "ä", "\n"]],
)
def test_a_listing_is_the_list_that_it_stands_for(names: list[str]) -> None:
    source = listing(names)
    assert ast.literal_eval(source) == names
    assert max(len(line) for line in source.splitlines()) <= 90


def test_the_model_itself_is_the_submodule_without_a_name() -> None:
    assert listing(["(root)", "fc"]) == '["", "fc"]'


def test_quotes_are_double_where_they_can_be() -> None:
    assert (quote("fc"), quote('a"b')) == ('"fc"', "'a\"b'")
