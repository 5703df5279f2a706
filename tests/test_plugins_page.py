"""docs/plugins.md: the code that it shows is the code of the committed examples, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "plugins.md").read_text()


def test_its_code_is_that_of_the_examples() -> None:
    sources = [path.read_text() for path in (ROOT / "examples").glob("*/src/**/*.py")]
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        assert any(block in source for source in sources), block


def test_its_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\((.+?)\)", PAGE) if "://" not in link]
    assert links and all((ROOT / "docs" / link).exists() for link in links), links
