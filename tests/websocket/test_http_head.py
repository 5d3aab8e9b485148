"""Plain heads are read at once; whatever is unusual is left to the standard library, and costs no more to see."""

import pytest

from services.websocket.http_head import read_head


def make_head(*fields: str) -> bytes:
    return "\r\n".join(("GET /healthz HTTP/1.1", "Host: pulse", *fields, "", "")).encode("latin-1")


def test_values_are_read_without_the_spaces_around_them() -> None:
    head = read_head(make_head("X-One: \t a b  ", "X-Two:"))
    assert head is not None
    assert (head.method, head.target, head.get("x-one"), head.get("X-Two")) == ("GET", "/healthz", "a b", "")


@pytest.mark.parametrize(
    "field",
    [
        "A: one\ttwo",
        "A: \x01",
        "A : b",
        " A: b",
        "A: \xe9",
        "A",
        "Host: again",
        "Content-Length: -1",
        "Content-Length:",
        "Transfer-Encoding: chunked",
    ],
)
def test_an_unusual_field_leaves_the_head_to_others(field: str) -> None:
    assert read_head(make_head(field)) is None


def test_a_long_run_of_spaces_is_read_in_one_go() -> None:
    # A pattern that tries each way of parting them would never come to an end.
    assert read_head(make_head("A:" + " " * 8_000 + "\x01")) is None
    assert read_head(make_head("A:" + " " * 8_000 + "b" + " " * 8_000)) is not None
