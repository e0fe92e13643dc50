// One message: author, time, text or blocks, files, reactions, thread row; parts that did not change stay as they are.

import { post } from "./api.js";
import { avatar } from "./avatar.js";
import { blockContext, renderBlocks } from "./blocks.js";
import { h, safeUrl } from "./dom.js";
import { emojiCharacter } from "./emoji.js";
import { pickEmoji } from "./emojipicker.js";
import { fileNode } from "./files.js";
import { icon } from "./icons.js";
import { actionsBar } from "./messageactions.js";
import { emojiNode, mrkdwn } from "./mrkdwn.js";
import { author, isMe, userName } from "./store.js";
import { agoTitle, fullTime, shortTimeOf, timeOf } from "./time.js";

const NARRATED =
  /^(channel|group)_(join|leave|name|topic|purpose|archive|unarchive|convert_to_private)$|^bot_(add|remove)$/;

export const isNarrated = (message) => NARRATED.test(message.subtype ?? "");
const isGone = (message) => message.subtype === "tombstone";

// A person's blocks repeat their text; the text keeps what they typed as mrkdwn.
const typed = (message) =>
  !message.bot_id && (message.blocks ?? []).every((block) => block.type === "rich_text");

export async function toggleReaction(channel, message, name) {
  const mine = (message.reactions ?? []).some((one) => one.name === name && one.users.some(isMe));
  await post(mine ? "unreact" : "react", { channel, ts: message.ts, name });
}

function attachment(one, context) {
  const bar = /^[0-9a-f]{3,6}$/i.test((one.color ?? "").replace("#", ""))
    ? `#${one.color.replace("#", "")}`
    : null;
  return h(
    "div",
    { class: "attachment", style: bar ? { "--bar": bar } : {} },
    one.pretext ? mrkdwn(one.pretext) : null,
    h(
      "div",
      { class: "attachment-body" },
      one.author_name ? h("div", { class: "attachment-author" }, one.author_name) : null,
      one.title
        ? h(
            "div",
            { class: "attachment-title" },
            one.title_link && safeUrl(one.title_link)
              ? h(
                  "a",
                  {
                    class: "link",
                    href: safeUrl(one.title_link),
                    target: "_blank",
                    rel: "noopener noreferrer",
                  },
                  one.title,
                )
              : one.title,
          )
        : null,
      one.blocks ? renderBlocks(one.blocks, context) : one.text ? mrkdwn(one.text) : null,
      one.fields?.length
        ? h(
            "div",
            { class: "fields" },
            one.fields.map((field) =>
              h("div", { class: "field-cell" }, h("b", {}, field.title), mrkdwn(field.value)),
            ),
          )
        : null,
      one.footer ? h("div", { class: "attachment-footer" }, one.footer) : null,
    ),
  );
}

function body(message, channel) {
  if (isGone(message)) return h("div", { class: "gone" }, message.text || "This message was deleted.");
  const container = { channel, ts: message.ts };
  const context = blockContext(container, { channel });
  const blocks =
    message.blocks?.length && !typed(message)
      ? renderBlocks(message.blocks, context)
      : message.text
        ? [mrkdwn(message.text)]
        : [];
  return h(
    "div",
    { class: "body" },
    blocks,
    (message.attachments ?? []).map((one) => attachment(one, context)),
    message.edited ? h("span", { class: "edited", title: fullTime(message.edited.ts) }, "(edited)") : null,
  );
}

const files = (message) =>
  message.files?.length ? h("div", { class: "files" }, message.files.map(fileNode)) : null;

function whoReacted(reaction) {
  const names = reaction.users.map((id) => (isMe(id) ? "You" : (userName(id) ?? id)));
  const list = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
  return `${list} reacted with :${reaction.name}:`;
}

function reactions(message, channel) {
  if (!message.reactions?.length) return null;
  const add = h(
    "button",
    { type: "button", class: "reaction add", "aria-label": "Add reaction" },
    icon("addreaction", 16),
  );
  add.addEventListener("click", () => pickEmoji(add, (name) => toggleReaction(channel, message, name)));
  const pills = message.reactions.map((reaction) =>
    h(
      "button",
      {
        type: "button",
        class: "reaction",
        title: whoReacted(reaction),
        "aria-label": whoReacted(reaction),
        "aria-pressed": String(reaction.users.some(isMe)),
        dataset: { name: reaction.name },
        on: { click: () => toggleReaction(channel, message, reaction.name) },
      },
      emojiCharacter(reaction.name) ? emojiNode(reaction.name) : `:${reaction.name}:`,
      h("span", { class: "count" }, String(reaction.count)),
    ),
  );
  return h("div", { class: "reactions" }, pills, add);
}

function threadRow(message, handlers) {
  if (!message.reply_count || !handlers.openThread) return null;
  const count = `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`;
  return h(
    "button",
    { type: "button", class: "thread-row", on: { click: () => handlers.openThread(message.ts) } },
    h(
      "span",
      { class: "thread-people" },
      (message.reply_users ?? []).slice(0, 5).map((id) => avatar(id, 24)),
    ),
    h("span", { class: "thread-count" }, count),
    h(
      "span",
      { class: "thread-last" },
      message.latest_reply ? `Last reply ${agoTitle(message.latest_reply)}` : "",
    ),
    h("span", { class: "thread-view" }, "View thread"),
    icon("right", 16),
  );
}

const time = (message, channel, className, words) =>
  h(
    "a",
    {
      class: className,
      href: `/archives/${channel}/p${message.ts.replace(".", "")}${message.thread_ts && message.thread_ts !== message.ts ? `?thread_ts=${message.thread_ts}&cid=${channel}` : ""}`,
      title: fullTime(message.ts),
      dataset: { permalink: "1" },
    },
    words,
  );

function head(message, channel) {
  const who = author(message);
  return h(
    "div",
    { class: "head" },
    h("span", { class: "author" }, h("bdi", {}, who.name)),
    who.app ? h("span", { class: "badge" }, "APP") : null,
    time(message, channel, "time", timeOf(message.ts)),
  );
}

function gutter(message, channel, compact) {
  const who = author(message);
  return h(
    "div",
    { class: "gutter" },
    compact ? time(message, channel, "time", shortTimeOf(message.ts)) : avatar(who.id, 36, who.name),
  );
}

const notes = (message, mode) => [
  message.is_ephemeral
    ? h("div", { class: "flag ephemeral-flag" }, icon("eye", 14), "Only visible to you")
    : null,
  message.subtype === "thread_broadcast" && mode === "channel"
    ? h("div", { class: "flag" }, "replied to a thread")
    : null,
  message.subtype === "thread_broadcast" && mode === "thread"
    ? h("div", { class: "flag" }, "also sent to the channel")
    : null,
];

// Each part with what it depends on.
const PARTS = [
  ["note", (m, o) => [m.is_ephemeral, m.subtype, o.mode], (m, o) => notes(m, o.mode)],
  [
    "gutterpart",
    (m, o) => [m.user, m.bot_id, o.compact, m.username],
    (m, o) => gutter(m, o.channel, o.compact),
  ],
  [
    "headpart",
    (m, o) => [m.user, m.bot_id, o.compact, m.username],
    (m, o) => (o.compact ? null : head(m, o.channel)),
  ],
  ["bodypart", (m) => [m.text, m.blocks, m.attachments, m.edited, m.subtype], (m, o) => body(m, o.channel)],
  ["filepart", (m) => [m.files], (m) => files(m)],
  ["reactpart", (m) => [m.reactions], (m, o) => reactions(m, o.channel)],
  ["threadpart", (m, o) => [m.reply_count, m.latest_reply, o.mode], (m, o) => threadRow(m, o.handlers)],
];

// options: {channel, compact, mode: "channel" | "thread", handlers: {openThread?, edit}}
export function messageNode(message, options, before = null) {
  const node =
    before ?? h("div", { class: "message", role: "listitem", tabindex: "-1", dataset: { ts: message.ts } });
  // One by one: a message that is being edited or was just found stays marked.
  for (const [name, set] of [
    ["compact", options.compact],
    ["ephemeral", message.is_ephemeral],
    ["narrated", isNarrated(message)],
  ])
    node.classList.toggle(name, Boolean(set));
  const slots = node.slots ?? {};
  const keys = node.keys ?? {};
  for (const [name, depends, build] of PARTS) {
    const key = JSON.stringify(depends(message, options));
    if (keys[name] === key) continue;
    keys[name] = key;
    slots[name] ??= h("div", { class: name });
    slots[name].replaceChildren(...[build(message, options)].flat().filter(Boolean));
  }
  if (!before) {
    node.append(
      slots.note,
      slots.gutterpart,
      h(
        "div",
        { class: "content" },
        slots.headpart,
        slots.bodypart,
        slots.filepart,
        slots.reactpart,
        slots.threadpart,
      ),
    );
  }
  Object.assign(node, { slots, keys, message });
  if (!isGone(message)) actionsBar(node, options);
  return node;
}
