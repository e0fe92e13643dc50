// The main column: a channel, a direct message, or an app's Messages tab.

import { get, post } from "./api.js";
import { avatar } from "./avatar.js";
import { acceptDrops, Composer } from "./composer.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { MessageList } from "./list.js";
import { toggles } from "./menus.js";
import { mrkdwn } from "./mrkdwn.js";
import { channelMenu } from "./sidebar.js";
import { channelTitle, isMe, on, partner, store, userName } from "./store.js";

// A notice of Slackbot's that only this page holds.
export function whisper(list, words, threadTs) {
  const ts = (Date.now() / 1000).toFixed(6);
  list.put(
    {
      ts,
      user: "USLACKBOT",
      text: words,
      is_ephemeral: true,
      local: true,
      ...(threadTs ? { thread_ts: threadTs } : {}),
    },
    { scroll: true },
  );
}

const shownInChannel = (message) =>
  !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";

// Who is at work, as assistant.threads.setStatus says.
export class StatusLine {
  constructor() {
    this.root = h("div", { class: "status-line", "aria-live": "polite" });
  }

  show({ user, status }) {
    const words = status ? `${userName(user) ?? "App"} ${status}` : "";
    this.root.replaceChildren(
      ...(words ? [h("span", { class: "dots" }, h("i"), h("i"), h("i")), words] : []),
    );
  }
}

function members(channel) {
  const ids = channel.members ?? [];
  const count = channel.num_members ?? ids.length;
  if (!count) return null;
  return h(
    "span",
    { class: "members", title: ids.map((id) => userName(id) ?? id).join(", ") },
    ids.slice(0, 3).map((id) => avatar(id, 24)),
    h("span", { class: "member-count" }, String(count)),
  );
}

function heading(channel, go) {
  const title = channelTitle(channel);
  const mark = channel.is_im ? avatar(partner(channel), 24) : icon(channel.is_private ? "lock" : "hash", 20);
  const name = h(
    "button",
    { type: "button", class: "channel-name" },
    mark,
    h("span", { dir: "auto" }, title),
    channel.is_im ? null : icon("chevron", 16),
  );
  if (!channel.is_im && !channel.is_mpim) toggles(name, () => channelMenu(name, channel));
  const topic = channel.topic?.value;
  return h(
    "header",
    { class: "pane-head" },
    h(
      "button",
      {
        type: "button",
        class: "icon-button side-open",
        "aria-label": "Open the sidebar",
        on: { click: () => go.openSidebar() },
      },
      icon("menu", 20),
    ),
    h("h1", {}, name),
    topic ? h("span", { class: "topic", dir: "auto" }, mrkdwn(topic)) : null,
    h("span", { class: "gap" }),
    members(channel),
  );
}

function opening(channel) {
  const title = channelTitle(channel);
  if (channel.is_im) {
    const other = partner(channel);
    const words = isMe(other)
      ? "This is your space. Draft messages, make lists, keep links and files at hand."
      : ["This conversation is just between ", h("span", { class: "mention" }, `@${title}`), " and you."];
    return h("div", { class: "opening" }, avatar(other, 72), h("h2", {}, title), h("p", {}, words));
  }
  return h(
    "div",
    { class: "opening" },
    h("h2", {}, icon(channel.is_private ? "lock" : "hash", 26), title),
    h(
      "p",
      {},
      channel.purpose?.value || ["This is the very beginning of the ", h("b", {}, `#${title}`), " channel."],
    ),
  );
}

export class ChannelPane {
  constructor(id, go) {
    this.id = id;
    this.go = go;
    this.offs = [];
    this.list = new MessageList({
      channel: id,
      mode: "channel",
      handlers: { openThread: (ts) => go.thread(id, ts) },
    });
    this.list.root.setAttribute("aria-label", `Messages in ${channelTitle(this.channel)}`);
    this.status = new StatusLine();
    this.head = heading(this.channel, go);
    this.foot = h("div", { class: "pane-foot" });
    this.root = h("section", { class: "pane channel-pane" }, this.head, this.list.root, this.foot);
    this.drawFoot();
    acceptDrops(this.root, () => this.composer, `Upload to ${this.label()}`);
    this.watch();
  }

  get channel() {
    return store.channels.get(this.id);
  }

  label() {
    return this.channel.is_im ? channelTitle(this.channel) : `#${channelTitle(this.channel)}`;
  }

  // Drawn anew only when it becomes another one: who is typing goes on typing.
  drawFoot() {
    const { channel } = this;
    const kind = [channel.is_archived, channel.is_member, this.label()].join();
    if (kind === this.footKind) return;
    this.footKind = kind;
    this.composer = null;
    if (channel.is_archived) {
      this.foot.replaceChildren(h("div", { class: "join-bar" }, "You are viewing an archived channel."));
    } else if (channel.is_member === false) {
      const join = h(
        "button",
        {
          type: "button",
          class: "button primary",
          on: { click: () => post("channel", { action: "join", channel: this.id }) },
        },
        "Join Channel",
      );
      this.foot.replaceChildren(
        h("div", { class: "join-bar" }, h("b", {}, `#${channelTitle(channel)}`), join),
      );
    } else {
      this.composer = new Composer({
        channel: this.id,
        placeholder: `Message ${this.label()}`,
        onSent: () => this.list.toEnd(),
        onRefused: (words) => whisper(this.list, words),
        editLast: () => this.editLast(),
      });
      this.foot.replaceChildren(this.composer.root, this.status.root);
    }
  }

  editLast() {
    const own = [...this.list.messages.values()]
      .filter((message) => isMe(message.user) && !message.is_ephemeral && !message.subtype)
      .at(-1);
    if (own) this.list.edit(own);
  }

  watch() {
    const mine = (listener) => (event) => {
      if (event.channel === this.id) listener(event);
    };
    const add = (type, listener) => this.offs.push(on(`stream:${type}`, mine(listener)));
    add("message", ({ message }) => {
      if (!shownInChannel(message)) return;
      this.list.put(message, { scroll: isMe(message.user) });
      if (document.hasFocus()) this.read();
    });
    add("ephemeral", ({ message }) => shownInChannel(message) && this.list.put(message));
    add("message_changed", ({ message }) => this.list.change(message));
    for (const type of ["reaction_added", "reaction_removed"])
      add(type, ({ message }) => this.list.change(message));
    add("message_deleted", ({ ts }) => this.list.remove(ts));
    add("file_changed", ({ file }) => this.list.changeFile(file));
    add("typing_status", (event) => (!event.thread_ts || this.channel.is_im) && this.status.show(event));
    this.offs.push(
      on("stream:channel_changed", ({ channel }) => {
        if (channel.id !== this.id) return;
        const fresh = heading(this.channel, this.go);
        this.head.replaceWith(fresh);
        this.head = fresh;
        this.drawFoot();
      }),
      on("online", ({ again }) => again && this.load()),
    );
  }

  async load() {
    const unread = this.channel.unread_count ?? 0;
    await this.list.load(() => get("history", { channel: this.id }), { unread });
    this.list.inner.before(opening(this.channel));
    this.list.inner.parentElement
      .querySelectorAll(".opening")
      .forEach((node, index) => index && node.remove());
    this.channel.unread_count = 0;
    this.channel.mention_count = 0;
  }

  // Reading the end of the history is what marks a channel as read.
  read() {
    this.channel.unread_count = 0;
    this.channel.mention_count = 0;
    clearTimeout(this.reading);
    this.reading = setTimeout(() => get("history", { channel: this.id, limit: 1 }).catch(() => {}), 1000);
  }

  close() {
    clearTimeout(this.reading);
    for (const off of this.offs) off();
  }
}
