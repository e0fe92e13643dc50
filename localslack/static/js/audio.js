// The player of voice clips: play, waveform, time, speed, and the transcript where the file has one.

import { fileUrl } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { clipTime } from "./time.js";

const BARS = 44;
const SPEEDS = [1, 1.5, 2];
let playing = null;

// Loudness per bar, from the samples Slack keeps with a clip or from the decoded sound.
function peaks(samples) {
  const width = samples.length / BARS;
  const bars = Array.from({ length: BARS }, (_, index) => {
    let top = 0;
    const end = Math.min(samples.length, Math.ceil((index + 1) * width));
    for (let at = Math.floor(index * width); at < end; at += 1) top = Math.max(top, Math.abs(samples[at]));
    return top;
  });
  const highest = Math.max(...bars) || 1;
  return bars.map((bar) => bar / highest);
}

async function measure(file) {
  const response = await fetch(fileUrl(file));
  const bytes = await response.arrayBuffer();
  const context = new OfflineAudioContext(1, 1, 8000);
  const sound = await context.decodeAudioData(bytes);
  return { seconds: sound.duration, bars: peaks(sound.getChannelData(0)) };
}

export function audioPlayer(file) {
  const audio = h("audio", { src: fileUrl(file), preload: "metadata" });
  const play = h("button", { type: "button", class: "audio-play", "aria-label": "Play" }, icon("play", 20));
  const bars = Array.from({ length: BARS }, () => h("span", { class: "wave-bar" }));
  const wave = h(
    "div",
    { class: "wave", role: "slider", tabindex: "0", "aria-label": "Position", "aria-valuemin": "0" },
    bars,
  );
  const time = h("span", { class: "audio-time" });
  const speed = h("button", { type: "button", class: "audio-speed", "aria-label": "Speed" }, "1x");
  let seconds = file.duration_ms ? file.duration_ms / 1000 : NaN;

  const draw = (heights) =>
    heights.forEach((height, index) =>
      bars[index].style.setProperty("--height", `${Math.round(12 + height * 88)}%`),
    );
  function show() {
    const done = seconds ? audio.currentTime / seconds : 0;
    bars.forEach((bar, index) =>
      bar.classList.toggle("played", audio.currentTime > 0 && index / BARS < done),
    );
    time.textContent =
      audio.currentTime > 0 && !audio.ended
        ? `${clipTime(audio.currentTime)} / ${clipTime(seconds)}`
        : clipTime(seconds);
    wave.setAttribute("aria-valuemax", String(Math.round(seconds || 0)));
    wave.setAttribute("aria-valuenow", String(Math.round(audio.currentTime)));
    node.dataset.seconds = Number.isFinite(seconds) ? seconds.toFixed(2) : "";
  }
  function state() {
    play.replaceChildren(icon(audio.paused ? "play" : "pause", 20));
    play.setAttribute("aria-label", audio.paused ? "Play" : "Pause");
    show();
  }
  const seek = (share) => {
    if (!seconds) return;
    audio.currentTime = Math.max(0, Math.min(1, share)) * seconds;
    show();
  };
  play.addEventListener("click", () => {
    if (!audio.paused) {
      audio.pause();
      return;
    }
    if (playing && playing !== audio) playing.pause();
    playing = audio;
    audio.play().catch(() => {
      time.textContent = "cannot be played";
    });
  });
  wave.addEventListener("click", (event) => {
    const box = wave.getBoundingClientRect();
    seek((event.clientX - box.left) / box.width);
  });
  wave.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 5, ArrowLeft: -5 }[event.key];
    if (step) seek((audio.currentTime + step) / seconds);
  });
  speed.addEventListener("click", () => {
    audio.playbackRate = SPEEDS[(SPEEDS.indexOf(audio.playbackRate) + 1) % SPEEDS.length];
    speed.textContent = `${audio.playbackRate}x`;
  });
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, state);
  audio.addEventListener("timeupdate", show);
  audio.addEventListener("loadedmetadata", () => {
    // A recorded WebM says its length nowhere: then the decoded sound does.
    if (Number.isFinite(audio.duration)) seconds = audio.duration;
    show();
  });
  const samples = file.audio_wave_samples;
  draw(
    samples?.length ? peaks(samples) : bars.map((_, index) => 0.25 + 0.2 * Math.abs(Math.sin(index * 1.7))),
  );
  // The sound itself knows best, but is decoded only when somebody sees the player.
  const seen = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    seen.disconnect();
    measure(file)
      .then((found) => {
        seconds = found.seconds;
        draw(found.bars);
        show();
      })
      .catch(() => node.classList.add("unread"));
  });
  const clip = file.subtype === "slack_audio";
  const words = file.transcription?.status === "complete" ? file.transcription.preview?.content : null;
  const node = h(
    "div",
    { class: "audio", dataset: { file: file.id } },
    clip ? null : h("div", { class: "audio-title", dir: "auto" }, file.title || file.name),
    h("div", { class: "audio-row" }, play, wave, time, speed, audio),
    words ? h("div", { class: "audio-words", dir: "auto" }, words) : null,
  );
  show();
  seen.observe(node);
  return node;
}
