// Files in messages: pictures, voice clips, snippets and cards.

import { fileUrl } from "./api.js";
import { audioPlayer } from "./audio.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const KINDS = {
  pdf: "PDF",
  csv: "CSV",
  zip: "Zip",
  gzip: "Gzip",
  text: "Plain text",
  markdown: "Markdown",
  javascript: "JSON",
  json: "JSON",
  python: "Python",
  diff: "Diff",
  png: "PNG",
  jpg: "JPEG",
  mp4: "MP4 Video",
  binary: "Binary",
};
const TEXT = /^text\/|json|xml|yaml|csv|x-python|x-sh|x-diff|javascript/;
const SNIPPET = /\.(txt|log|csv|tsv|json|jsonl|ya?ml|toml|md|py|sh|diff|patch|ini|cfg|xml|html|js|ts|sql)$/i;
const LIMIT = 512 * 1024;
const ROWS = 12;

export function sizeWords(bytes) {
  if (!bytes) return "";
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

const kindOf = (file) =>
  file.pretty_type ||
  KINDS[file.filetype] ||
  (file.name?.includes(".") ? file.name.split(".").pop().toUpperCase() : "File");
const isAudio = (file) => file.subtype === "slack_audio" || (file.mimetype ?? "").startsWith("audio/");
const isImage = (file) => (file.mimetype ?? "").startsWith("image/") && !/svg/.test(file.mimetype);
const isVideo = (file) => (file.mimetype ?? "").startsWith("video/") && !isAudio(file);
const isText = (file) =>
  file.mode === "snippet" || TEXT.test(file.mimetype ?? "") || SNIPPET.test(file.name ?? "");

export function slackImage(reference) {
  const id = reference.id ?? /\b(F[A-Z0-9]{5,})\b/.exec(reference.url ?? "")?.[1];
  return id ? fileUrl({ id, name: "image" }) : null;
}

const download = (file) =>
  h(
    "a",
    {
      class: "icon-button",
      href: fileUrl(file),
      download: file.name ?? "file",
      title: "Download",
      "aria-label": `Download ${file.name ?? "file"}`,
    },
    icon("download"),
  );

export function fileCard(file) {
  return h(
    "div",
    { class: "file-card" },
    h("span", { class: `file-icon ${file.filetype ?? ""}` }, icon("file", 22)),
    h(
      "span",
      { class: "file-words" },
      h("span", { class: "file-name", dir: "auto" }, file.title || file.name || "file"),
      h("span", { class: "file-kind" }, [kindOf(file), sizeWords(file.size)].filter(Boolean).join(" · ")),
    ),
    download(file),
  );
}

function picture(file) {
  const address = fileUrl(file);
  const image = h("img", {
    src: address,
    alt: file.alt_txt || file.title || file.name || "image",
    width: file.original_w,
    height: file.original_h,
  });
  image.addEventListener("error", () => image.replaceWith(fileCard(file)));
  return h(
    "figure",
    { class: "file-image" },
    h("figcaption", {}, h("span", { dir: "auto" }, file.title || file.name), download(file)),
    h("a", { href: address, target: "_blank", rel: "noopener" }, image),
  );
}

function snippet(file) {
  const code = h("pre", { class: "snippet-code", tabindex: "0" });
  const more = h("button", { type: "button", class: "link-button", hidden: true }, "Show more");
  const show = (words, whole) => {
    const rows = words.replace(/\n$/, "").split("\n");
    const shown = whole ? rows : rows.slice(0, ROWS);
    const kind =
      /\.(diff|patch)$/.test(file.name ?? "") || file.filetype === "diff"
        ? (row) => (/^\+(?!\+\+)/.test(row) ? "added" : /^-(?!--)/.test(row) ? "removed" : "")
        : () => "";
    code.replaceChildren(...shown.map((row) => h("span", { class: `code-row ${kind(row)}` }, row || " ")));
    more.hidden = rows.length <= ROWS;
    more.textContent = whole ? "Show less" : `Show all ${rows.length} lines`;
    more.onclick = () => show(words, !whole);
  };
  if (file.preview) show(file.preview, false);
  if ((file.size ?? 0) <= LIMIT) {
    fetch(fileUrl(file))
      .then((response) => (response.ok ? response.text() : Promise.reject(new Error(response.statusText))))
      .then((words) => show(words, false))
      .catch(() => code.replaceChildren("This file cannot be shown."));
  }
  return h(
    "figure",
    { class: "snippet" },
    h(
      "figcaption",
      {},
      h(
        "span",
        { class: "file-words" },
        h("span", { class: "file-name", dir: "auto" }, file.title || file.name),
        h("span", { class: "file-kind" }, kindOf(file)),
      ),
      download(file),
    ),
    code,
    more,
  );
}

export function fileNode(file) {
  if (file.mode === "tombstone" || file.deleted)
    return h("div", { class: "file-card gone" }, icon("trash"), "This file was deleted.");
  if (isAudio(file)) return audioPlayer(file);
  if (isImage(file)) return picture(file);
  if (isVideo(file))
    return h(
      "figure",
      { class: "file-image" },
      h("figcaption", {}, file.title || file.name),
      h("video", { src: fileUrl(file), controls: true, preload: "metadata" }),
    );
  return isText(file) ? snippet(file) : fileCard(file);
}
