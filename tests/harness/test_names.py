import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condbench.errors import UserError
from condbench.names import Request, parse_requests

names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
keys = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
values = st.from_regex(r"[a-zA-Z0-9.+-]{1,8}", fullmatch=True)
requests = st.builds(Request, name=names, options=st.dictionaries(keys, values, max_size=3))


def written(request: Request) -> str:
    options = ",".join(f"{key}={value}" for key, value in request.options.items())
    return f"{request.name}[{options}]" if options else request.name


@given(st.lists(requests, min_size=1, max_size=4))
def test_repeated_or_comma_separated_is_the_same(asked: list[Request]) -> None:
    texts = [written(request) for request in asked]
    assert parse_requests(texts) == asked
    assert parse_requests([",".join(texts)]) == asked


def test_a_distribution_may_qualify_a_name() -> None:
    assert parse_requests(["my-plugin:flow[width=8]"]) == [Request("my-plugin:flow", {"width": "8"})]


@pytest.mark.parametrize(
    "text",
    [
        "flow[",
        "flow]",
        "flow[width]",
        "flow[width=]",
        "flow[=3]",
        "flow[a=1,a=2]",
        "a:b:c",
        "[a=1]",
        "flow[a=1]]",
        "a b",
    ],
)
def test_a_malformed_name_is_explained(text: str) -> None:
    with pytest.raises(UserError, match=r"Write e\.g\."):
        parse_requests([text])


@given(st.text(max_size=20))
def test_any_text_is_read_or_explained(text: str) -> None:
    with contextlib.suppress(UserError):
        parse_requests([text])
