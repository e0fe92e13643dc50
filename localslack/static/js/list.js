// A column of messages: day dividers, grouping by author, "New" line, older pages, staying at the end.

import { get, post } from "./api.js";
import { h } from "./dom.js";
import { editor } from "./editor.js";
import { Meanwhile } from "./meanwhile.js";
import { isNarrated, messageNode } from "./message.js";
import { author } from "./store.js";
import { dayKey, dayTitle } from "./time.js";

const TOGETHER = 5 * 60; // seconds within which one author's messages share a head
const NEAR = 120; // pixels from the end that still count as "at the end"

export class MessageList {
  constructor({ channel, mode, handlers }) {
    this.channel = channel;
    this.mode = mode;
    this.messages = new Map();
    this.nodes = new Map();
    this.unreadFrom = null;
    this.complete = mode === "thread";
    this.meanwhile = new Meanwhile();
    this.loads = 0;
    this.inner = h("div", { class: "list-inner", role: "list" });
    this.root = h("div", { class: "list", tabindex: "-1" }, this.inner);
    this.handlers = {
      ...handlers,
      edit: (message) => this.edit(message),
      dismiss: (ts) => this.dismiss(ts),
    };
    this.root.addEventListener("scroll", () => {
      if (this.root.scrollTop < 200) this.older();
    });
    // Pictures, players and charts grow after they are put in: an end stays an end.
    this.atEnd = true;
    this.root.addEventListener("scroll", () => {
      this.atEnd = this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < NEAR;
    });
    new ResizeObserver(() => {
      if (this.atEnd) this.toEnd();
    }).observe(this.inner);
    new ResizeObserver(() => {
      if (this.atEnd) this.toEnd();
    }).observe(this.root);
  }

  toEnd() {
    this.atEnd = true;
    this.root.scrollTop = this.root.scrollHeight;
  }

  // Shows what the workspace answers; of several questions under way only the last one counts.
  async load(question, { unread = 0 } = {}) {
    const load = (this.loads += 1);
    await this.meanwhile.ask(question, ({ messages, has_more: more = false }) => {
      if (load === this.loads) this.fill(messages, { unread, more });
    });
  }

  // Loaded again, it keeps the older pages, this page's own notices, and the place where one reads.
  fill(messages, { unread, more }) {
    const from = messages[0]?.ts ?? "";
    const known = [...this.messages.values()];
    const joins = more && known.some((message) => message.ts >= from);
    const kept = known.filter((message) => message.local || (joins && message.ts < from));
    if (this.mode === "channel" && !joins) this.complete = !more;
    this.messages = new Map([...kept, ...messages].map((message) => [message.ts, message]));
    this.unreadFrom =
      unread > 0 ? [...messages].filter((message) => !message.is_ephemeral).slice(-unread)[0]?.ts : null;
    this.draw();
    if (this.atEnd) this.toEnd();
  }

  put(message, { scroll = false } = {}) {
    this.meanwhile.happen(() => this.show(message, { scroll }));
  }

  change(message) {
    this.meanwhile.happen(() => this.messages.has(message.ts) && this.show(message));
  }

  remove(ts) {
    this.meanwhile.happen(() => {
      this.messages.delete(ts);
      this.draw();
    });
  }

  show(message, { scroll = false } = {}) {
    this.messages.set(message.ts, message);
    this.draw();
    if (scroll || this.atEnd) this.toEnd();
  }

  // Gone here at once; a notice of this page's own is not known to the workspace.
  async dismiss(ts) {
    const { local } = this.messages.get(ts) ?? {};
    this.remove(ts);
    if (!local) await post("delete", { channel: this.channel, ts });
  }

  // A file was deleted or got its transcript.
  changeFile(file) {
    this.meanwhile.happen(() => {
      for (const message of this.messages.values()) {
        if (!message.files?.some((one) => one.id === file.id)) continue;
        const files = message.files.map((one) => (one.id === file.id ? file : one));
        this.messages.set(message.ts, { ...message, files });
        this.draw();
      }
    });
  }

  async older() {
    if (this.complete || !this.messages.size) return;
    this.loading ??= this.loadOlder().finally(() => {
      this.loading = null;
    });
    await this.loading;
  }

  async loadOlder() {
    const first = [...this.messages.keys()].sort()[0];
    const question = () => get("history", { channel: this.channel, before: first });
    await this.meanwhile.ask(question, ({ messages }) => {
      const fresh = messages.filter((message) => !this.messages.has(message.ts));
      this.complete = !fresh.length;
      const height = this.root.scrollHeight;
      for (const message of fresh) this.messages.set(message.ts, message);
      this.draw();
      if (fresh.length) this.root.scrollTop += this.root.scrollHeight - height;
    });
  }

  joined(message, before) {
    if (!before || message.is_ephemeral || before.is_ephemeral || isNarrated(message) || isNarrated(before))
      return false;
    if (
      before.subtype === "tombstone" ||
      message.subtype === "tombstone" ||
      message.subtype === "thread_broadcast"
    )
      return false;
    return (
      author(message).id === author(before).id &&
      author(message).name === author(before).name &&
      Number(message.ts) - Number(before.ts) < TOGETHER
    );
  }

  draw() {
    const ordered = [...this.messages.values()].sort((a, b) => Number(a.ts) - Number(b.ts));
    const wanted = [];
    let before = null;
    for (const message of ordered) {
      const newDay = !before || dayKey(before.ts) !== dayKey(message.ts);
      const first = message.ts === this.unreadFrom;
      const threadHead = this.mode === "thread" && before && before === ordered[0];
      if (newDay && this.mode === "channel") wanted.push(this.divider(message, first));
      else if (first && this.mode === "channel")
        wanted.push(h("div", { class: "divider new", role: "separator" }, h("span", {}, "New")));
      if (threadHead && !ordered.slice(1).every((one) => one.is_ephemeral))
        wanted.push(this.replyLine(ordered.slice(1).filter((one) => !one.is_ephemeral).length));
      const options = {
        channel: this.channel,
        mode: this.mode,
        handlers: this.handlers,
        compact: !newDay && !first && !threadHead && this.joined(message, before),
      };
      const node = messageNode(message, options, this.nodes.get(message.ts));
      this.nodes.set(message.ts, node);
      wanted.push(node);
      before = message;
    }
    for (const ts of this.nodes.keys()) if (!this.messages.has(ts)) this.nodes.delete(ts);
    this.sync(wanted);
  }

  // Moves as little as possible: a player that plays and a field with the cursor stay in the document.
  sync(wanted) {
    const keep = new Set(wanted);
    for (const child of [...this.inner.children]) if (!keep.has(child)) child.remove();
    wanted.forEach((node, index) => {
      if (this.inner.children[index] !== node)
        this.inner.insertBefore(node, this.inner.children[index] ?? null);
    });
  }

  divider(message, first) {
    return h(
      "div",
      { class: first ? "divider day new" : "divider day", role: "separator" },
      h("span", { class: "day-title" }, dayTitle(message.ts)),
      first ? h("span", {}, "New") : null,
    );
  }

  replyLine(count) {
    return h("div", { class: "reply-line" }, h("span", {}, `${count} ${count === 1 ? "reply" : "replies"}`));
  }

  edit(message) {
    const node = this.nodes.get(message.ts);
    if (node) editor(node, this.channel, message);
  }

  // Shows a message, however old, and marks it for a moment.
  async reveal(ts) {
    while (!this.nodes.has(ts) && !this.complete) await this.older();
    const node = this.nodes.get(ts);
    if (!node) return false;
    this.atEnd = false;
    node.scrollIntoView({ block: "center" });
    node.classList.add("found");
    setTimeout(() => node.classList.remove("found"), 3000);
    return true;
  }
}
