"""What people and apps write stays text: the page's mrkdwn, tried with hostile and with honest input."""

from collections.abc import Iterator
from typing import Any

import pytest
from local_workspace import ANA, BEN, GENERAL, VISION, Json
from parrot import Stage, stage
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "<javascript:alert(1)|click me>",
    "<data:text/html,<script>alert(1)</script>|click>",
    "*<img src=x onerror=alert(1)>*",
    "`<svg/onload=alert(1)>`",
    "```<iframe src=javascript:alert(1)></iframe>```",
    '<https://example.com/"onmouseover="alert(1)|hover>',
    "&lt;b&gt;not bold&lt;/b&gt; &amp;amp;",
    "\u202eevil txt.exe\u202c and \u05e9\u05dc\u05d5\u05dd",
    "<!channel|<b>x</b>>",
    "<@U0NOBODY|<i>x</i>>",
    "<" * 200 + "*" * 200 + "`" * 201,
    ">" * 50 + "\n" + "~_*" * 300,
]


@pytest.fixture(scope="module")
def scene() -> Iterator[Stage]:
    with stage() as built:
        yield built


@pytest.fixture(scope="module")
def page(scene: Stage) -> Iterator[Page]:
    with scene.window(ANA) as opened:
        yield opened.page


def rendered(page: Page, text: str, module: str = "mrkdwn") -> Any:  # noqa: ANN401 - HTML, or what a test asks for
    script = f"async (text) => (await import('/js/{module}.js')).{module}(text).innerHTML"
    return page.evaluate(script, text)


def test_hostile_words_from_an_app_and_a_person_stay_words(scene: Stage) -> None:
    with scene.window(ANA, f"/archives/{VISION}") as ana:
        for text in HOSTILE:
            scene.app.chat_postMessage(channel=VISION, text=text)
            blocks: list[Json] = [
                {"type": "section", "text": {"type": "mrkdwn", "text": text[:3000]}},
                {"type": "markdown", "text": text},
                {"type": "header", "text": {"type": "plain_text", "text": text[:150]}},
            ]
            scene.app.chat_postMessage(channel=VISION, text="fallback", blocks=blocks)
            scene.workspace.post(BEN, VISION, text)
        scene.app.chat_postMessage(channel=VISION, text="that was all")
        expect(ana.message("that was all")).to_be_visible()
        inside = ana.page.locator(".list .body")
        for tag in ("img", "script", "iframe", "svg", "[onerror]", "[onload]", "[onmouseover]"):
            expect(inside.locator(tag)).to_have_count(0)
        schemes = ana.page.evaluate("[...document.querySelectorAll('.list a')].map((a) => a.protocol)")
        assert set(schemes) <= {"http:", "https:"}
        assert "owned" not in ana.page.title()
        ana.message('<img src=x onerror="document').first.scroll_into_view_if_needed()
        assert ana.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_person_who_types_a_broadcast_in_code_calls_nobody(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("say `<!channel>` and <!here> but mean @ben")
        sent = ana.message("mean")
        expect(sent.locator(".mention")).to_have_text(["@Ben Okafor"])
        expect(sent.locator("code")).to_have_text("<!channel>")
        assert (
            scene.workspace.messages(GENERAL)[-1]["text"]
            == f"say `&lt;!channel&gt;` and &lt;!here&gt; but mean <@{BEN}>"
        )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* and _italic_ and ~gone~", "<b>bold</b> and <i>italic</i> and <s>gone</s>"),
        ("*bold with _italic_ inside*", "<b>bold with <i>italic</i> inside</b>"),
        ("snake_case_name 2*3*4 a~b", "snake_case_name 2*3*4 a~b"),
        ("* not bold *", "* not bold *"),
        ("`*code* &lt;b&gt;`", "<code>*code* &lt;b&gt;</code>"),
        ("*a `b*` c*", "<b>a <code>b*</code> c</b>"),
        ("```\nx = 1\n  y\n```", "<pre>x = 1\n  y</pre>"),
        ("&gt; quoted\n&gt; more\nafter", "<blockquote>quoted\nmore</blockquote>after"),
        ("&gt;&gt;&gt; all\nthe rest", "<blockquote>all\nthe rest</blockquote>"),
        ("a &amp; b &lt;c&gt; &amp;lt;", "a &amp; b &lt;c&gt; &amp;lt;"),
        (":no_such_emoji: 12:30:45", ":no_such_emoji: 12:30:45"),
        ("<!subteam^S1|@vision>", '<span class="mention">@vision</span>'),
        ("<!date^0^{date_num}|then>", '<span class="date" title="then">1970-01-01</span>'),
        ("<!date^nonsense|then>", '<span class="date" title="then">then</span>'),
    ],
)
def test_mrkdwn_reads_as_in_slack(page: Page, text: str, html: str) -> None:
    assert rendered(page, text) == html


def test_links_open_elsewhere_and_only_safe_ones(page: Page) -> None:
    link = rendered(page, "<https://example.com/a?b=1&amp;c=2|*docs*>")
    assert link == (
        '<a class="link" href="https://example.com/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer">'
        "<b>docs</b></a>"
    )
    assert ">https://example.com/x<" in rendered(page, "see https://example.com/x.")
    assert "<a" not in rendered(page, "<javascript:alert(1)|x>")
    assert "<a" not in rendered(page, "[x](javascript:alert(1))", "markdown")


def test_an_emoji_by_name_is_the_character_and_alone_it_is_large(page: Page) -> None:
    assert ">📝</span>" in rendered(page, "kept :memo: it")
    large = "async (text) => (await import('/js/mrkdwn.js')).mrkdwn(text).className"
    assert page.evaluate(large, ":tada: :+1:") == "mrkdwn jumbo"
    assert page.evaluate(large, ":tada: !") == "mrkdwn"


def test_right_to_left_names_and_words_do_not_turn_the_line_around(scene: Stage) -> None:
    with scene.window(ANA) as ana:
        ana.say("\u05e9\u05dc\u05d5\u05dd 42")
        body = ana.message("\u05e9\u05dc\u05d5\u05dd 42").locator(".mrkdwn")
        assert body.evaluate("(node) => getComputedStyle(node).direction") == "rtl"
        assert ana.message("42").evaluate("(node) => getComputedStyle(node).direction") == "ltr"


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0.7, 0.95, [0.7, 0.75, 0.8, 0.85, 0.9, 0.95]),
        (-1, 14, [-5, 0, 5, 10, 15]),
        (3, 3, [2.6, 2.8, 3, 3.2, 3.4]),
        (0.94, 0.94, [0.8, 0.85, 0.9, 0.95, 1, 1.05]),
    ],
)
def test_charts_have_round_marks(page: Page, low: float, high: float, marks: list[float]) -> None:
    assert (
        page.evaluate("async ([low, high]) => (await import('/js/charts.js')).ticks(low, high)", [low, high])
        == marks
    )
