from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import hatch_build
from hatch_build import BUNDLED_NODE, FrontEndError, FrontEndHook

FILES = {
    "build.mjs": "// builds",
    "package.json": "{}",
    "package-lock.json": "{}",
    "tsconfig.json": "{}",
    "src/widget.ts": "export default {};",
    "src/views/rows.ts": "export class Rows {}",
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a front end that has not been built."""
    monkeypatch.delenv("GRADWIDGET_SKIP_JS", raising=False)
    for name, content in FILES.items():
        path = tmp_path / "js" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path


def hook(root: Path) -> FrontEndHook:
    return FrontEndHook(str(root), {}, None, None, "", "wheel")  # type: ignore[arg-type]  # it reads its root alone


def pretend_built(root: Path) -> None:
    static = root / "gradwidget" / "static"
    static.mkdir(parents=True)
    (static / "widget.js").write_text(
        f"{hatch_build.BANNER}{hatch_build.source_hash(root / 'js')}\nexport{{}}", "utf-8"
    )
    for name in hatch_build.BUILT[1:]:
        (static / name).write_text("", encoding="utf-8")


def put_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, **commands: str) -> None:
    """Makes these shell scripts the only programs that can be found."""
    folder.mkdir()
    for name, script in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_the_real_bundle_carries_the_fingerprint_that_the_build_hook_computes(root: Path) -> None:
    with (root / "gradwidget" / "static" / "widget.js").open(encoding="utf-8") as bundle:
        banner = bundle.readline().rstrip()
    # A bundle older than the sources would be a stale build, not a wrong fingerprint; `make
    # install` mends it.
    assert banner == hatch_build.BANNER + hatch_build.source_hash(root / "js")


def test_a_bundle_of_the_present_sources_is_left_alone(checkout: Path) -> None:
    pretend_built(checkout)
    assert hatch_build.is_fresh(checkout)
    assert hook(checkout).dependencies() == []
    hook(checkout).initialize("standard", {})


@pytest.mark.parametrize("name", sorted(FILES))
def test_any_change_to_the_sources_makes_it_stale(checkout: Path, name: str) -> None:
    pretend_built(checkout)
    (checkout / "js" / name).write_text("changed", encoding="utf-8")
    assert not hatch_build.is_fresh(checkout)


def test_a_bundle_without_its_style_sheet_is_not_fresh(checkout: Path) -> None:
    pretend_built(checkout)
    (checkout / "gradwidget" / "static" / "widget.css").unlink()
    assert not hatch_build.is_fresh(checkout)


def test_node_is_asked_for_only_where_the_system_has_none(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path / "modern", monkeypatch, node="echo v20.1.0", npm="true")
    assert hook(checkout).dependencies() == []
    put_on_path(tmp_path / "old", monkeypatch, node="echo v18.19.0", npm="true")
    assert hook(checkout).dependencies() == [BUNDLED_NODE]
    put_on_path(tmp_path / "none", monkeypatch)
    assert hook(checkout).dependencies() == [BUNDLED_NODE]


def test_the_front_end_can_be_left_out(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path / "none", monkeypatch)
    monkeypatch.setenv("GRADWIDGET_SKIP_JS", "1")
    assert hook(checkout).dependencies() == []
    hook(checkout).initialize("standard", {})


def test_a_build_that_fails_says_what_to_do(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path / "broken", monkeypatch, node="echo v22.0.0", npm="exit 7")
    with pytest.raises(
        FrontEndError, match=r"npm failed in js/ .*exit status 7.*GRADWIDGET_SKIP_JS=1"
    ):
        hook(checkout).initialize("standard", {})


def test_a_stale_bundle_is_built_again(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = shutil.which("touch")
    put_on_path(tmp_path / "working", monkeypatch, node="echo v22.0.0", npm=f'{touch} "$1"')
    hook(checkout).initialize("editable", {})
    assert (checkout / "js" / "ci").exists()
    assert (checkout / "js" / "run").exists()
