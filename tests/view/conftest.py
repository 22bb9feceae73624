from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.console import SubshellConsole
from tests.view.page import Page, kernel_with_a_page


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a kernel that has run the ``SETUP`` of the test's module."""
    with kernel_with_a_page(request.module.SETUP) as page:
        yield page


@pytest.fixture
def console(page: Page) -> Iterator[SubshellConsole]:
    """A console on a subshell of that kernel."""
    with SubshellConsole(page.client.connection_file) as console:
        yield console
