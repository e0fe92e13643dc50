"""The page as people talk on it: channels, threads, reactions, edits, links to messages."""

import re
from collections.abc import Iterator

import pytest
from local_workspace import ANA, BEN, DEV, GENERAL, RUNS, SECRET
from parrot import Stage, stage
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def scene() -> Iterator[Stage]:
    with stage() as built:
        yield built


def test_a_typed_message_appears_at_once_for_everybody(scene: Stage) -> None:
    with scene.window(ANA) as ana, scene.window(BEN) as ben:
        ana.say("the *baseline* is at 93.4")
        seen = ben.message("the baseline is at 93.4")
        expect(seen.locator(".author")).to_have_text("Ana Silva")
        expect(seen.locator("b")).to_have_text("baseline")
        expect(ana.message("the baseline is at 93.4")).to_be_visible()
        expect(ana.page.locator(".composer-field")).to_have_value("")


def test_shift_enter_makes_a_new_line_and_a_name_is_completed(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        field = ana.page.locator(".composer-field")
        field.press_sequentially("first line")
        field.press("Shift+Enter")
        field.press_sequentially("over to @be")
        expect(ana.page.locator(".suggestions [role=option]")).to_contain_text(["Ben Okafor"])
        field.press("Tab")
        field.press("Enter")
        sent = ana.message("first line")
        expect(sent.locator(".mention")).to_have_text("@Ben Okafor")
        assert sent.locator(".mrkdwn").inner_text() == "first line\nover to @Ben Okafor"
        stored = scene.workspace.messages(GENERAL)[-1]["text"]
        assert stored == f"first line\nover to <@{BEN}>"


def test_a_channel_with_news_is_bold_until_it_is_read(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        entry = ana.page.locator(".side-item", has_text="runs").first
        expect(entry).not_to_have_class("side-item unread")
        scene.workspace.post(BEN, RUNS, "@ana look at this")
        expect(entry).to_have_class("side-item unread")
        expect(entry.locator(".side-count")).to_have_text("1")
        entry.click()
        expect(ana.page.locator(".divider.new")).to_contain_text("New")
        expect(entry).to_have_class("side-item current")


def test_a_thread_is_opened_answered_and_counted(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("who restarted the sweep?")
        ana.tool(ana.message("who restarted the sweep?"), "Reply in thread")
        ana.say("I did", thread=True)
        expect(ana.message("I did", thread=True)).to_be_visible()
        ana.page.locator(".broadcast input").check()
        ana.say("and it runs again", thread=True)
        parent = ana.message("who restarted the sweep?")
        expect(parent.locator(".thread-count")).to_have_text("2 replies")
        expect(ana.message("and it runs again")).to_contain_text("replied to a thread")
        expect(ana.page.locator(".pane:not(.thread-pane) .message", has_text="I did")).to_have_count(0)
        ana.page.keyboard.press("Escape")
        expect(ana.page.locator(".thread-pane")).to_have_count(0)
        parent.locator(".thread-row").click()
        expect(ana.page.locator(".reply-line")).to_have_text("2 replies")


def test_a_reaction_is_found_by_name_added_and_taken_back(scene: Stage) -> None:
    with scene.window(ANA) as ana, scene.window(BEN) as ben:
        ana.say("new best!")
        ben.tool(ben.message("new best!"), "Find another reaction")
        ben.page.get_by_label("Search all emoji").fill("no_entry_s")
        ben.page.locator(".emoji-key").first.click()
        pill = ana.message("new best!").locator(".reaction[data-name=no_entry_sign]")
        expect(pill).to_have_attribute("aria-label", "Ben Okafor reacted with :no_entry_sign:")
        pill.click()
        expect(pill).to_have_attribute("aria-pressed", "true")
        expect(pill.locator(".count")).to_have_text("2")
        pill.click()
        expect(ben.message("new best!").locator(".count")).to_have_text("1")


def test_ones_own_message_is_edited_and_deleted_but_nobody_elses(scene: Stage) -> None:
    with scene.window(ANA) as ana, scene.window(BEN) as ben:
        ana.say("lr was 3e-4, ask @ben")
        ben.tool(ben.message("lr was 3e-4"), "More actions")
        expect(ben.page.locator(".popover")).not_to_contain_text("Edit message")
        ana.tool(ana.message("lr was 3e-4"), "More actions")
        ana.choose("Edit message")
        field = ana.page.get_by_label("Edit message")
        expect(field).to_have_value("lr was 3e-4, ask @ben")
        field.fill("lr was 1e-4, ask @ben")
        field.press("Enter")
        expect(ben.message("lr was 1e-4").locator(".edited")).to_have_text("(edited)")
        expect(ben.message("lr was 1e-4").locator(".mention")).to_have_text("@Ben Okafor")
        ana.tool(ana.message("lr was 1e-4"), "More actions")
        ana.choose("Delete message")
        ana.page.locator(".dialog").get_by_role("button", name="Delete").click()
        expect(ben.page.locator(".message", has_text="lr was 1e-4")).to_have_count(0)


def test_the_arrow_up_edits_the_last_message(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("tpyo")
        expect(ana.message("tpyo")).to_be_visible()
        ana.page.locator(".composer-field").press("ArrowUp")
        ana.page.get_by_label("Edit message").fill("typo")
        ana.page.get_by_label("Edit message").press("Enter")
        expect(ana.message("typo")).to_contain_text("(edited)")


def test_a_link_to_a_message_opens_the_page_there(scene: Stage) -> None:
    workspace = scene.workspace
    first = workspace.post(ANA, RUNS, "where it all began")
    reply = workspace.reply(BEN, RUNS, first, "the answer to it")
    for number in range(40):
        workspace.post(DEV, RUNS, f"filler {number}\n\n\n")
    with scene.window(ANA) as ana:
        ana.page.goto(workspace.permalink(RUNS, first))
        expect(ana.message("where it all began")).to_be_in_viewport()
        ana.page.goto(workspace.permalink(RUNS, reply))
        expect(ana.message("the answer to it", thread=True)).to_be_in_viewport()
        ana.say(f"see {workspace.permalink(RUNS, first)}", thread=True)
        ana.message("see", thread=True).locator("a.link").click()
        expect(ana.page.locator(".thread-pane")).to_have_count(0)
        assert ana.page.url.startswith(f"{workspace.url}/archives/{RUNS}")
        ana.tool(ana.message("where it all began"), "More actions")
        ana.choose("Copy link")
        expect(ana.page.locator(".notice")).to_have_text("Link copied")
        assert ana.page.evaluate("navigator.clipboard.readText()") == workspace.permalink(RUNS, first)


def test_old_messages_come_when_one_scrolls_up_or_follows_a_link(scene: Stage) -> None:
    workspace = scene.workspace
    sent = [workspace.post(DEV, RUNS, f"entry {number}") for number in range(450)]
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        expect(ana.message("entry 449")).to_be_in_viewport()
        expect(ana.page.locator(".message")).to_have_count(200)
        ana.page.locator(".list").evaluate("(list) => { list.scrollTop = 0; }")
        expect(ana.page.locator(".message", has_text="entry 100")).to_have_count(1)
        ana.page.goto(workspace.permalink(RUNS, sent[3]))
        expect(ana.page.locator(".message", has_text=re.compile(r"entry 3$"))).to_be_in_viewport()


def test_emoji_are_kept_by_name_except_in_code(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("kept 📝 👍 `📝` :tada:")
        sent = ana.message("kept")
        expect(sent.locator(".emoji")).to_have_text(["📝", "👍", "🎉"])
        assert scene.workspace.messages(GENERAL)[-1]["text"] == "kept :memo: :+1: `📝` :tada:"


def test_a_private_channel_is_locked_and_shown_to_members_only(scene: Stage) -> None:
    with scene.window(ANA) as ana, scene.window(BEN) as ben:
        expect(ana.page.locator(f"[data-channel={SECRET}] .icon-lock")).to_be_visible()
        expect(ben.page.locator(f"[data-channel={SECRET}]")).to_have_count(0)
        ben.page.goto(f"{scene.workspace.url}/archives/{SECRET}?user={BEN}")
        expect(ben.page.locator(".notice")).to_contain_text("cannot see it")


def test_acting_as_somebody_else_changes_the_author(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.page.locator(".acting").click()
        ana.choose("Dev Patel")
        ana.page.wait_for_url("**/archives/*user=U0DEV*")
        ana.page.wait_for_selector("body[data-ready]")
        ana.say("hello from the other desk")
        expect(ana.message("hello from the other desk").locator(".author")).to_have_text("Dev Patel")


def test_two_people_talk_alone(scene: Stage) -> None:
    with scene.window(ANA) as ana, scene.window(BEN) as ben:
        ana.page.locator(".side-item", has_text="Ben Okafor").click()
        # What is typed before the pane is there goes to the channel that still is.
        expect(ana.page.get_by_role("heading", name="Ben Okafor").first).to_be_visible()
        ana.say("between us")
        expect(ana.message("between us")).to_be_visible()
        entry = ben.page.locator(".side-item", has_text="Ana Silva")
        expect(entry.locator(".side-count")).to_have_text("1")
        entry.click()
        expect(ben.message("between us")).to_be_visible()


def test_a_page_that_lost_the_workspace_catches_up(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        scene.workspace.restart()
        scene.workspace.post(BEN, GENERAL, "said while you were away")
        expect(ana.message("said while you were away")).to_be_visible(timeout=20_000)
        ana.say("and back again")
        expect(ana.message("and back again")).to_be_visible()
