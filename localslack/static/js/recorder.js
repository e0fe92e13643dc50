// Records a voice clip from the microphone inside the composer: live level, time, cancel and send.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { notice } from "./menus.js";
import { clipTime } from "./time.js";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const LONGEST = 5 * 60; // seconds: where Slack stops a clip
const BARS = 48;

async function microphone() {
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
    notice("This browser cannot record here. Open the page as localhost or over https.", "error");
    return null;
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    notice(
      error.name === "NotAllowedError"
        ? "The microphone is blocked. Allow it for this page in the browser."
        : "No microphone was found.",
      "error",
    );
    return null;
  }
}

// Loudness now, 0 to 1.
function meter(stream) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Uint8Array(analyser.fftSize);
  return {
    level: () => {
      analyser.getByteTimeDomainData(samples);
      return Math.min(1, samples.reduce((top, sample) => Math.max(top, Math.abs(sample - 128)), 0) / 90);
    },
    close: () => context.close(),
  };
}

// Resolves to `{blob, name, seconds}`, or null when cancelled.
export async function record(box, button) {
  if (box.querySelector(".recorder")) return null;
  const stream = await microphone();
  if (!stream) return null;
  const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one)) ?? "";
  const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
  const chunks = [];
  const sound = meter(stream);
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const bars = Array.from({ length: BARS }, () => h("span", { class: "wave-bar" }));
  const time = h("span", { class: "record-time", role: "timer" }, "0:00");
  const cancel = h(
    "button",
    { type: "button", class: "tool", title: "Cancel", "aria-label": "Cancel recording" },
    icon("close"),
  );
  const done = h(
    "button",
    { type: "button", class: "send ready", title: "Send clip", "aria-label": "Send clip" },
    icon("send"),
  );
  const panel = h(
    "div",
    { class: "recorder", role: "group", "aria-label": "Recording" },
    cancel,
    h("span", { class: "record-dot" }),
    time,
    h("div", { class: "wave live" }, bars),
    done,
  );
  box.classList.add("recording");
  box.append(panel);
  done.focus();

  return new Promise((resolve) => {
    let keep = false;
    const levels = [];
    const timer = setInterval(() => {
      levels.push(sound.level());
      bars.forEach((bar, index) =>
        bar.style.setProperty("--height", `${Math.round(10 + (levels.at(index - BARS) ?? 0) * 90)}%`),
      );
      time.textContent = clipTime(elapsed());
      if (elapsed() >= LONGEST) finish(true);
    }, 80);
    function finish(wanted) {
      keep = wanted;
      if (recorder.state !== "inactive") recorder.stop();
    }
    recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
    recorder.addEventListener("stop", () => {
      const seconds = elapsed();
      clearInterval(timer);
      sound.close();
      for (const track of stream.getTracks()) track.stop();
      panel.remove();
      box.classList.remove("recording");
      button.focus();
      const kind = (type || recorder.mimeType || "audio/webm").split(";")[0];
      const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:T]/g, "");
      resolve(
        keep
          ? {
              blob: new Blob(chunks, { type: kind }),
              name: `audio_message_${stamp}.${kind.split("/")[1]}`,
              seconds,
            }
          : null,
      );
    });
    cancel.addEventListener("click", () => finish(false));
    done.addEventListener("click", () => finish(true));
    panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      finish(false);
    });
    recorder.start(250);
  });
}
