// Where one writes: text with completion, commands, files by button, drop or paste, and voice clips.

import { post, upload } from "./api.js";
import { h } from "./dom.js";
import { emojiCharacter, nameEmoji } from "./emoji.js";
import { pickEmoji } from "./emojipicker.js";
import { sizeWords } from "./files.js";
import { icon } from "./icons.js";
import { menu, notice, toggles } from "./menus.js";
import { record } from "./recorder.js";
import { Suggestions } from "./suggestions.js";

const drafts = new Map();

export class Composer {
  // target: {channel, threadTs?, placeholder, broadcastTo?, onSent(ts), onRefused(words), editLast()}
  constructor(target) {
    this.target = target;
    this.files = [];
    this.key = `${target.channel}:${target.threadTs ?? ""}`;
    this.field = h("textarea", {
      class: "composer-field",
      rows: 1,
      placeholder: target.placeholder,
      "aria-label": target.placeholder,
      dir: "auto",
      value: drafts.get(this.key) ?? "",
    });
    this.tray = h("div", { class: "tray" });
    this.hint = h("div", { class: "usage-hint", "aria-live": "polite" });
    this.sendButton = h(
      "button",
      {
        type: "button",
        class: "send",
        "aria-label": "Send now",
        title: "Send now",
        on: { click: () => this.send() },
      },
      icon("send"),
    );
    this.broadcast = target.broadcastTo ? h("input", { type: "checkbox" }) : null;
    this.picker = h("input", {
      type: "file",
      multiple: true,
      class: "visually-hidden",
      tabindex: "-1",
      "aria-hidden": "true",
      on: { change: () => this.take(this.picker) },
    });
    this.box = h("div", { class: "composer-box" }, this.formatBar(), this.field, this.tray, this.foot());
    this.root = h(
      "div",
      { class: "composer" },
      this.box,
      this.broadcast
        ? h("label", { class: "broadcast" }, this.broadcast, "Also send to ", h("b", {}, target.broadcastTo))
        : null,
      this.hint,
    );
    this.suggestions = new Suggestions(this);
    this.listen();
    this.changed();
  }

  tool(name, label, run) {
    return h(
      "button",
      { type: "button", class: "tool", title: label, "aria-label": label, on: run ? { click: run } : {} },
      icon(name),
    );
  }

  formatBar() {
    const around = (mark, name, label) => this.tool(name, label, () => this.wrap(mark));
    const rule = () => h("span", { class: "rule" });
    return h(
      "div",
      { class: "format-bar", role: "toolbar", "aria-label": "Formatting" },
      around("*", "bold", "Bold"),
      around("_", "italic", "Italic"),
      around("~", "strike", "Strikethrough"),
      rule(),
      this.tool("bullets", "Bulleted list", () => this.prefix("• ")),
      this.tool("quote", "Quote", () => this.prefix("> ")),
      rule(),
      around("`", "code", "Code"),
      around("```", "codeblock", "Code block"),
    );
  }

  foot() {
    const attach = h(
      "button",
      { type: "button", class: "tool round", title: "Attach", "aria-label": "Attach" },
      icon("plus"),
    );
    toggles(attach, () =>
      menu(
        attach,
        [
          { label: "Upload from your computer", icon: icon("file", 16), run: () => this.picker.click() },
          { label: "Run a command", icon: icon("slash", 16), run: () => this.insert("/", true) },
        ],
        { label: "Attach" },
      ),
    );
    const emoji = this.tool("smile", "Emoji");
    toggles(emoji, () => pickEmoji(emoji, (name) => this.insert(`${emojiCharacter(name)}`)));
    this.micButton = this.tool("mic", "Record audio clip", () => this.recordClip());
    return h(
      "div",
      { class: "composer-foot" },
      attach,
      emoji,
      this.tool("at", "Mention someone", () => this.insert("@")),
      h("span", { class: "rule" }),
      this.micButton,
      h("span", { class: "rule" }),
      this.tool("slash", "Run a command", () => this.insert("/", true)),
      h("span", { class: "gap" }),
      this.sendButton,
      this.picker,
    );
  }

  listen() {
    this.field.addEventListener("input", () => this.changed());
    this.field.addEventListener("keydown", (event) => this.keyed(event));
    this.field.addEventListener("paste", (event) => {
      const files = [...event.clipboardData.files];
      if (!files.length) return;
      event.preventDefault();
      this.add(files);
    });
  }

  keyed(event) {
    if (event.isComposing || this.suggestions.keyed(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.send();
    } else if (event.key === "ArrowUp" && !this.field.value) {
      event.preventDefault();
      this.target.editLast?.();
    } else if ((event.metaKey || event.ctrlKey) && { b: "*", i: "_" }[event.key]) {
      event.preventDefault();
      this.wrap({ b: "*", i: "_" }[event.key]);
    }
  }

  changed() {
    drafts.set(this.key, this.field.value);
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, innerHeight * 0.4)}px`;
    const ready = Boolean(this.field.value.trim()) || this.files.some((one) => one.id);
    this.sendButton.classList.toggle("ready", ready);
    this.sendButton.disabled = !ready;
    this.suggestions.update();
  }

  insert(words, onlyAtStart = false) {
    const { selectionStart: start, selectionEnd: end, value } = this.field;
    if (onlyAtStart && value) return;
    const space = words === "@" && start > 0 && !/\s$/.test(value.slice(0, start)) ? " " : "";
    this.field.setRangeText(space + words, start, end, "end");
    this.field.focus();
    this.changed();
  }

  wrap(mark) {
    const { selectionStart: start, selectionEnd: end, value } = this.field;
    this.field.setRangeText(mark + value.slice(start, end) + mark, start, end, "end");
    if (start === end) this.field.setSelectionRange(start + mark.length, start + mark.length);
    this.field.focus();
    this.changed();
  }

  prefix(mark) {
    const { selectionStart: start, selectionEnd: end, value } = this.field;
    const from = value.lastIndexOf("\n", start - 1) + 1;
    const rows = value.slice(from, end).split("\n");
    this.field.setRangeText(rows.map((row) => mark + row).join("\n"), from, end, "end");
    this.field.focus();
    this.changed();
  }

  take(input) {
    this.add([...input.files]);
    input.value = "";
  }

  async add(files) {
    for (const file of files) this.addOne(file, file.name || "image.png");
    this.field.focus();
  }

  async addOne(blob, name) {
    const one = { name, size: blob.size, id: null };
    this.files.push(one);
    if (blob.type.startsWith("image/")) one.picture = URL.createObjectURL(blob);
    this.drawTray();
    try {
      Object.assign(one, await upload(blob, name), { picture: one.picture });
    } catch (error) {
      this.files.splice(this.files.indexOf(one), 1);
      notice(error.message, "error");
    }
    this.drawTray();
    this.changed();
  }

  drawTray() {
    this.tray.replaceChildren(
      ...this.files.map((one) => {
        const remove = h(
          "button",
          { type: "button", class: "tray-remove", "aria-label": `Remove ${one.name}` },
          icon("close", 12),
        );
        remove.addEventListener("click", () => {
          this.files.splice(this.files.indexOf(one), 1);
          this.drawTray();
          this.changed();
        });
        return h(
          "div",
          { class: `tray-file${one.id ? "" : " loading"}` },
          one.picture
            ? h("img", { src: one.picture, alt: "" })
            : h("span", { class: "file-icon" }, icon("file", 20)),
          h(
            "span",
            { class: "file-words" },
            h("span", { class: "file-name" }, one.name),
            h("span", { class: "file-kind" }, one.id ? sizeWords(one.size) : "Uploading…"),
          ),
          remove,
        );
      }),
    );
  }

  async recordClip() {
    const clip = await record(this.box, this.micButton);
    if (!clip) return;
    try {
      const file = await upload(clip.blob, clip.name, { subtype: "slack_audio", seconds: clip.seconds });
      await this.deliver({
        text: this.field.value.trim(),
        files: [file.id],
        broadcast: this.broadcast?.checked,
      });
      this.clear();
    } catch (error) {
      notice(error.message, "error");
    }
  }

  clear() {
    this.field.value = "";
    this.files = [];
    if (this.broadcast) this.broadcast.checked = false;
    this.drawTray();
    this.changed();
  }

  async deliver({ text, files, broadcast }) {
    const { channel, threadTs, onSent } = this.target;
    const body = {
      channel,
      text: nameEmoji(text),
      ...(files.length ? { files } : {}),
      ...(threadTs ? { thread_ts: threadTs } : {}),
      ...(broadcast ? { broadcast } : {}),
    };
    const { ts } = await post("post", body);
    onSent?.(ts);
  }

  async command(text) {
    const [, command, rest] = /^(\/\S+)\s*([\s\S]*)$/.exec(text);
    const { channel, threadTs, onSent } = this.target;
    onSent?.(); // its answer comes at the end
    try {
      await post("command", { channel, command, text: rest, ...(threadTs ? { thread_ts: threadTs } : {}) });
    } catch (error) {
      this.target.onRefused(error.message);
    }
  }

  async send() {
    const text = this.field.value.trim();
    const waiting = this.files.some((one) => !one.id);
    const files = this.files.map((one) => one.id);
    if (waiting || (!text && !files.length)) return;
    this.suggestions.close();
    if (/^\/[\w-]+/.test(text) && !files.length) {
      this.clear();
      await this.command(text);
      return;
    }
    const kept = [...this.files];
    const broadcast = this.broadcast?.checked;
    this.clear();
    try {
      await this.deliver({ text, files, broadcast });
    } catch (error) {
      this.field.value = text;
      this.files = kept;
      this.drawTray();
      this.changed();
      notice(error.message, "error");
    }
  }

  focus() {
    this.field.focus();
  }
}

// Files dropped anywhere on `area` go to its composer.
export function acceptDrops(area, composer, label) {
  let depth = 0;
  const veil = h("div", { class: "drop-veil" }, h("span", {}, label));
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const end = () => {
    depth = 0;
    veil.remove();
  };
  area.addEventListener("dragenter", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth += 1;
    area.append(veil);
  });
  area.addEventListener("dragover", (event) => {
    if (carries(event)) event.preventDefault();
  });
  area.addEventListener("dragleave", (event) => {
    if (!carries(event)) return;
    depth -= 1;
    if (depth <= 0) end();
  });
  area.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    end();
    composer()?.add([...event.dataTransfer.files]);
  });
}
