// The thread pane at the right.

import { get } from "./api.js";
import { StatusLine, whisper } from "./channel.js";
import { acceptDrops, Composer } from "./composer.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { MessageList } from "./list.js";
import { channelTitle, isMe, on, store } from "./store.js";

export class ThreadPane {
  constructor(channel, ts, go) {
    this.channel = channel;
    this.ts = ts;
    this.offs = [];
    const room = store.channels.get(channel);
    const title = room.is_im ? channelTitle(room) : `# ${channelTitle(room)}`;
    this.list = new MessageList({ channel, mode: "thread", handlers: {} });
    this.list.root.setAttribute("aria-label", "Thread");
    this.status = new StatusLine();
    const open = room.is_archived || room.is_member === false;
    this.composer = open
      ? null
      : new Composer({
          channel,
          threadTs: ts,
          placeholder: "Reply…",
          broadcastTo: room.is_im ? null : title,
          onSent: () => this.list.toEnd(),
          onRefused: (words) => whisper(this.list, words, ts),
          editLast: () => this.editLast(),
        });
    this.root = h(
      "aside",
      { class: "pane thread-pane", "aria-label": "Thread" },
      h(
        "header",
        { class: "pane-head" },
        h(
          "button",
          {
            type: "button",
            class: "icon-button thread-back",
            "aria-label": "Back to the channel",
            on: { click: () => go.closeThread() },
          },
          icon("back", 20),
        ),
        h(
          "h1",
          {},
          "Thread",
          h(
            "button",
            { type: "button", class: "thread-channel", on: { click: () => go.channel(channel) } },
            title,
          ),
        ),
        h("span", { class: "gap" }),
        h(
          "button",
          {
            type: "button",
            class: "icon-button thread-close",
            "aria-label": "Close thread",
            on: { click: () => go.closeThread() },
          },
          icon("close", 20),
        ),
      ),
      this.list.root,
      this.composer ? h("div", { class: "pane-foot" }, this.composer.root, this.status.root) : null,
    );
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) go.closeThread();
    });
    if (this.composer) acceptDrops(this.root, () => this.composer, "Upload to thread");
    this.watch();
  }

  editLast() {
    const own = [...this.list.messages.values()]
      .filter((message) => isMe(message.user) && !message.is_ephemeral && !message.subtype)
      .at(-1);
    if (own) this.list.edit(own);
  }

  watch() {
    const add = (type, listener) =>
      this.offs.push(
        on(`stream:${type}`, (event) => {
          if (event.channel === this.channel) listener(event);
        }),
      );
    const inThread = (message) => message.thread_ts === this.ts || message.ts === this.ts;
    add(
      "message",
      ({ message }) => inThread(message) && this.list.put(message, { scroll: isMe(message.user) }),
    );
    add("ephemeral", ({ message }) => message.thread_ts === this.ts && this.list.put(message));
    add("message_changed", ({ message }) => this.list.change(message));
    for (const type of ["reaction_added", "reaction_removed"])
      add(type, ({ message }) => this.list.change(message));
    add("message_deleted", ({ ts }) => this.list.remove(ts));
    add("file_changed", ({ file }) => this.list.changeFile(file));
    add("typing_status", (event) => event.thread_ts === this.ts && this.status.show(event));
    this.offs.push(on("online", ({ again }) => again && this.load()));
  }

  async load() {
    await this.list.load(() => get("replies", { channel: this.channel, ts: this.ts }));
  }

  close() {
    for (const off of this.offs) off();
  }
}
