"""A group from its making to its end, at the browser of its owner and of somebody it loses."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, name_of
from tests.system.conftest import EMBEDDED_ONLY
from tests.system.stack import Stack

pytestmark = [pytest.mark.browser, EMBEDDED_ONLY]


def test_a_group_is_made_talked_in_grown_and_shrunk(
    stack: Stack, open_profile: Open, ann_email: str, ben_email: str
) -> None:
    ann, ben, cho = open_profile(), open_profile(), stack.sign_in("cho")
    ann.bring(ann_email)
    ben.bring(ben_email)
    ben.expected.append(r"status of 404 .*/(conversations|chat)/")  # asked just as he was taken out

    ann.new_message.click()
    ann.page.get_by_role("button", name="New group").click()
    ann.page.get_by_label("Group name").fill("Harbour walk")
    ann.page.get_by_role("combobox", name="Find people").fill(ben_email)
    ann.page.get_by_role("option", name=name_of(ben_email)).click()
    ann.page.get_by_role("button", name="Create group of 2").click()
    expect(ann.page.locator("section header")).to_contain_text("2 people")
    ann.say("Morning!")
    row = ben.conversations.get_by_role("link", name="Harbour walk")
    expect(row).to_contain_text(f"{name_of(ann_email).split()[0]}: Morning!")
    row.click()
    ben.expect_texts(["Morning!"])
    expect(ben.messages).to_contain_text(name_of(ann_email))
    ben.composer.press_sequentially("H")
    expect(ann.page.get_by_test_id("typing")).to_have_text(f"{name_of(ben_email)} is writing")

    ann.page.get_by_role("button", name="Group details").click()
    ann.page.get_by_role("button", name="Add people").click()
    ann.page.get_by_role("combobox", name="Find people").fill(cho.email)
    ann.page.get_by_role("option", name=cho.user["name"]).click()
    ann.page.get_by_role("button", name="Add", exact=True).click()
    members = ann.page.get_by_role("list", name="Members").get_by_role("listitem")
    expect(members).to_have_count(3)
    expect(ben.timeline.get_by_text("joined")).to_have_text(f"{cho.user['name']} joined")
    ann.page.get_by_role("button", name="Rename the group").click()
    ann.page.get_by_label("Group name").fill("Ferry")
    ann.page.keyboard.press("Enter")
    expect(ben.page.get_by_role("heading", level=1, name="Ferry")).to_be_visible()
    ann.page.get_by_role("button", name=f"Actions for {cho.user['name']}").click()
    ann.page.get_by_role("menuitem", name="Make owner").click()
    expect(members.filter(has_text=cho.user["name"])).to_contain_text("Owner")

    ann.page.get_by_role("button", name=f"Actions for {name_of(ben_email)}").click()
    ann.page.get_by_role("menuitem", name="Remove from group").click()
    ann.dialog.get_by_role("button", name="Remove").click()
    expect(members).to_have_count(2)
    expect(ben.notice).to_have_text("You are no longer in “Ferry”.")
    expect(ben.page.get_by_role("heading", name="You are no longer in this group")).to_be_visible()
    expect(row).to_have_count(0)
    expect(ben.composer).to_have_count(0)

    ann.page.get_by_role("button", name="Leave group").click()
    ann.dialog.get_by_role("button", name="Leave").click()
    expect(ann.notice).to_have_text("You left “Ferry”.")
    expect(ann.conversations.get_by_role("link", name="Ferry")).to_have_count(0)
    (group,) = cho.conversations()
    assert (group["owner_ids"], group["member_count"], group["name"]) == ([cho.id], 1, "Ferry")


def test_whoever_owns_nothing_is_offered_nothing_and_an_owner_may_delete_anything(
    stack: Stack, open_profile: Open, ben_email: str
) -> None:
    ann, cho, ben = stack.sign_in("ann"), stack.sign_in("cho"), open_profile()
    ben.bring(ben_email)
    ben_id = ann.auth.get("/users", query=ben_email)["users"][0]["id"]
    body = {"kind": "group", "name": "Room", "members": [ben_id, cho.id]}
    group = ann.chat.post("/conversations", body, status=201)
    cho.send("something of cho", conversation_id=group["id"])

    ben.open("Room")
    actions = ben.message("something of cho").get_by_role("button", name="Actions for")
    actions.click()
    expect(ben.page.get_by_role("menuitem", name="Reply")).to_be_visible()
    expect(ben.page.get_by_role("menuitem", name="Delete")).to_have_count(0)
    ben.page.keyboard.press("Escape")
    ben.page.get_by_role("button", name="Group details").click()
    expect(ben.page.get_by_role("list", name="Members").get_by_role("listitem")).to_have_count(3)
    for name in ("Add people", "Rename the group", f"Actions for {cho.user['name']}"):
        expect(ben.page.get_by_role("button", name=name)).to_have_count(0)

    ann.chat.request("PUT", f"/conversations/{group['id']}/members/{ben_id}", json={"role": "owner"})
    expect(ben.page.get_by_role("button", name="Add people")).to_be_visible()
    ben.page.keyboard.press("Escape")
    ben.act_on("something of cho", "Delete")
    ben.dialog.get_by_role("button", name="Delete").click()
    expect(ben.messages).to_contain_text("Message deleted")


def test_a_group_of_hundreds_shows_its_members_page_by_page(stack: Stack, open_profile: Open, ann_email: str) -> None:
    ann = open_profile()
    ann.bring(ann_email)
    me = ann.context.request.get(f"{stack.public_urls['auth']}/auth/session").json()["user"]["id"]
    stack.execute(
        "insert into public.users (id, email, name)"
        " select gen_random_uuid(), n || '.' || %s, 'Crowd ' || lpad(n::text, 3, '0') from generate_series(1, 200) n",
        ann_email,
    )
    maker = stack.sign_in("cho")
    crowd = maker.auth.get("/users", query="Crowd", limit=200)["users"]
    body = {"kind": "group", "name": "Crowd", "members": [me, *(user["id"] for user in crowd)]}
    maker.chat.post("/conversations", body, status=201)

    ann.open("Crowd")
    ann.page.get_by_role("button", name="Group details").click()
    members = ann.page.get_by_role("list", name="Members").get_by_role("listitem")
    expect(members.first).to_be_visible()
    members.first.hover()
    for _ in range(100):
        ann.page.mouse.wheel(0, 1_500)
        if ann.page.get_by_text("Crowd 200").is_visible():
            break
        ann.page.wait_for_timeout(50)
    expect(members.filter(has_text="Crowd 200")).to_be_visible()
    expect(members.last).to_have_attribute("aria-posinset", "202")
    assert members.count() < 100
