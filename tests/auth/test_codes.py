"""The six digits beside the link: few tries, counted where nobody can get around them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.auth.conftest import MakeApp, Owner
from tests.auth.providers import OWN_TABLES, builtin_only
from tests.auth.visitor import Visitor


def wrong(code: str, step: int = 1) -> str:
    return f"{(int(code) + step) % 10**6:06d}"


def test_a_code_signs_in_also_with_spaces_and_another_spelling_of_the_address(newcomer: Visitor) -> None:
    mail = newcomer.ask()
    assert (len(mail.code), mail.code.isdigit()) == (6, True)
    spaced = f" {mail.code[:3]} {mail.code[3:]} "
    assert newcomer.confirm(email=f" {newcomer.email.upper()} ", code=spaced).status_code == 200


def test_four_wrong_codes_leave_the_code_and_five_end_it_but_not_the_link(newcomer: Visitor) -> None:
    first = newcomer.ask()
    assert [newcomer.confirm(email=newcomer.email, code=wrong(first.code)).status_code for _ in range(4)] == [403] * 4
    assert newcomer.confirm(email=newcomer.email, code=first.code).status_code == 200
    second = newcomer.ask()
    answers = [newcomer.confirm(email=newcomer.email, code=wrong(second.code)) for _ in range(5)]
    assert {answer.get_json()["code"] for answer in answers} == {"link_expired"}
    assert newcomer.confirm(email=newcomer.email, code=second.code).get_json()["code"] == "link_expired"
    assert newcomer.confirm(token_hash=second.token).status_code == 200


def test_wrong_codes_count_against_every_live_code_of_the_address(newcomer: Visitor) -> None:
    mails = [newcomer.ask() for _ in range(3)]
    taken = {mail.code for mail in mails}
    guess = next(code for code in map("{:06d}".format, range(10)) if code not in taken)
    for _ in range(5):
        newcomer.confirm(email=newcomer.email, code=guess)
    assert [newcomer.confirm(email=newcomer.email, code=mail.code).status_code for mail in mails] == [403, 403, 403]


@builtin_only(OWN_TABLES)
def test_wrong_codes_at_once_are_all_counted(ann: Visitor, owner: Owner) -> None:
    mail = ann.ask()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ann.confirm(email=ann.email, code=wrong(mail.code, n + 1)), range(20)))
    assert {answer.status_code for answer in answers} == {403}
    assert owner("select wrong_codes from builtin_auth.links") == [(5,)]
    assert ann.confirm(email=ann.email, code=mail.code).status_code == 403


def test_a_code_belongs_to_its_address(ann: Visitor, ben: Visitor) -> None:
    mail, other = ann.ask(), ben.ask()
    if mail.code != other.code:
        assert ben.confirm(email=ben.email, code=mail.code).status_code == 403
    assert ann.confirm(email=ann.email, code=mail.code).status_code == 200


def test_tries_from_one_network_address_are_limited_whatever_address_they_are_for(make_app: MakeApp) -> None:
    visitor = Visitor(make_app(CODES_PER_IP="3"), "ann@example.org")
    for email in ("ann@example.org", "ben@example.org", "nobody@example.org"):
        assert visitor.confirm(email=email, code="000000").status_code == 403
    refused = visitor.confirm(email="cho@example.org", code="000000")
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) <= 600
    elsewhere = visitor.call(
        "POST",
        "/auth/confirm",
        json={"email": "cho@example.org", "code": "000000"},
        environ_base={"REMOTE_ADDR": "203.0.113.9"},
    )
    assert elsewhere.status_code == 403


def test_a_link_is_no_code_and_is_not_limited(make_app: MakeApp) -> None:
    visitor = Visitor(make_app(CODES_PER_IP="1"), "ann@example.org")
    visitor.confirm(email=visitor.email, code="000000")
    assert visitor.confirm(email=visitor.email, code="000000").status_code == 429
    assert visitor.confirm(token_hash=visitor.ask().token).status_code == 200
