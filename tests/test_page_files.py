"""The page and files: dropped, pasted, recorded from the microphone, played, previewed."""

import io
import re
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_workspace import ANA, BEN, RUNS, VISION
from parrot import Stage, stage
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

# One red pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def scene() -> Iterator[Stage]:
    with stage() as built:
        yield built


def spoken(seconds: int) -> bytes:
    """Silence that is a valid WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 8000 * seconds))
    return buffer.getvalue()


def test_a_file_dropped_into_a_thread_is_posted_there_and_plays(scene: Stage, tmp_path: Path) -> None:
    memo = tmp_path / "memo.wav"
    memo.write_bytes(spoken(3))
    with scene.window(ANA, f"/archives/{VISION}") as ana:
        ana.say("vision/42 finished")
        ana.tool(ana.message("vision/42 finished"), "Reply in thread")
        ana.drop(".thread-pane", memo, "audio/wav")
        expect(ana.page.locator(".thread-pane .tray-file:not(.loading)")).to_contain_text("memo.wav")
        ana.say("what I think of it", thread=True)
        reply = ana.message("what I think of it", thread=True)
        expect(reply.locator(".audio-title")).to_have_text("memo.wav")
        expect(reply.locator(".audio-time")).to_have_text("0:03")
        reply.get_by_label("Play").click()
        expect(reply.get_by_label("Pause")).to_be_visible()
        expect(reply.locator(".audio-time")).to_contain_text("/ 0:03")
    stored = scene.workspace.thread(VISION, scene.workspace.messages(VISION)[-1]["ts"])[-1]
    assert [each["name"] for each in stored["files"]] == ["memo.wav"]


def test_a_clip_is_recorded_from_the_microphone_sent_and_heard_by_others(scene: Stage) -> None:
    with scene.window(ANA, f"/archives/{VISION}") as ana, scene.window(BEN, f"/archives/{VISION}") as ben:
        ana.page.get_by_label("Record audio clip").click()
        expect(ana.page.locator(".record-time")).to_have_text("0:02")
        ana.page.get_by_label("Send clip").click()
        expect(ana.page.locator(".recorder")).to_have_count(0)
        player = ben.page.locator(".audio").last
        expect(player.locator(".audio-time")).to_have_text("0:02")
        expect(player).to_have_attribute("data-seconds", re.compile(r"[1-5]\.\d\d"))
        player.get_by_label("Play").click()
        place = player.locator("audio")
        scene.workspace.wait_for(lambda: place.evaluate("(audio) => audio.currentTime > 0.3"), what="sound")
    message = scene.workspace.messages(VISION)[-1]
    (file,) = message["files"]
    assert (file["subtype"], file["mimetype"]) == ("slack_audio", "audio/webm")
    assert 1500 < file["duration_ms"] < 6000
    assert message["text"] == ""


def test_a_cancelled_recording_leaves_nothing_behind(scene: Stage) -> None:
    with scene.window(ANA, f"/archives/{VISION}") as ana:
        before = len(scene.workspace.messages(VISION))
        ana.page.get_by_label("Record audio clip").click()
        expect(ana.page.locator(".recorder")).to_be_visible()
        ana.page.keyboard.press("Escape")
        expect(ana.page.locator(".recorder")).to_have_count(0)
        ana.say("rather typed")
        expect(ana.message("rather typed")).to_be_visible()
        assert len(scene.workspace.messages(VISION)) == before + 1


def test_a_picture_is_attached_by_the_button_and_shown(scene: Stage, tmp_path: Path) -> None:
    chart = tmp_path / "curve.png"
    chart.write_bytes(PIXEL)
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        with ana.page.expect_file_chooser() as chosen:
            ana.page.get_by_label("Attach", exact=True).click()
            ana.choose("Upload from your computer")
        chosen.value.set_files(chart)
        expect(ana.page.locator(".tray-file img")).to_be_visible()
        expect(ana.page.locator(".tray-file.loading")).to_have_count(0)
        ana.page.get_by_label("Send now").click()
        picture = ana.page.locator(".file-image img").last
        expect(picture).to_be_visible()
        assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 1


def test_a_pasted_picture_waits_in_the_composer_and_can_be_taken_out(scene: Stage) -> None:
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        ana.page.evaluate(
            """(bytes) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], 'image.png', {type: 'image/png'}));
                document.querySelector('.composer-field').dispatchEvent(
                    new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
            }""",
            list(PIXEL),
        )
        expect(ana.page.locator(".tray-file")).to_contain_text("image.png")
        ana.page.get_by_label("Remove image.png").click()
        expect(ana.page.locator(".tray-file")).to_have_count(0)
        expect(ana.page.get_by_label("Send now")).to_be_disabled()


def test_text_is_previewed_a_diff_is_coloured_and_the_rest_is_a_card(scene: Stage) -> None:
    workspace = scene.workspace
    lines = "\n".join(f"{step},{1 / step:.3f}" for step in range(1, 31))
    names = {
        "curve.csv": f"step,loss\n{lines}\n".encode(),
        "fix.diff": b"--- a\n+++ b\n-lr = 3e-4\n+lr = 1e-4\n",
        "model.bin": bytes(5000),
    }
    workspace.post(
        BEN,
        RUNS,
        "three files",
        files=[workspace.upload(BEN, name, content=body) for name, body in names.items()],
    )
    with scene.window(ANA, f"/archives/{RUNS}") as ana:
        message = ana.message("three files")
        table = message.locator(".snippet", has_text="curve.csv")
        expect(table.locator(".code-row")).to_have_count(12)
        table.get_by_role("button", name="Show all 31 lines").click()
        expect(table.locator(".code-row")).to_have_count(31)
        expect(message.locator(".code-row.removed")).to_have_text("-lr = 3e-4")
        expect(message.locator(".code-row.added")).to_have_text("+lr = 1e-4")
        card = message.locator(".file-card", has_text="model.bin")
        expect(card).to_contain_text("5 kB")
        with ana.page.expect_download() as download:
            card.get_by_label("Download model.bin").click()
        assert download.value.suggested_filename == "model.bin"
