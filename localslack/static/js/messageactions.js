// The bar that appears on a message under the pointer, and its menu.

import { get, post } from "./api.js";
import { h } from "./dom.js";
import { emojiCharacter } from "./emoji.js";
import { pickEmoji } from "./emojipicker.js";
import { icon } from "./icons.js";
import { ask, menu, notice, toggles } from "./menus.js";
import { isMe, store } from "./store.js";
import { toggleReaction } from "./message.js";

const QUICK = ["white_check_mark", "eyes", "memo"];

export async function copyLink(channel, ts) {
  const { permalink } = await get("permalink", { channel, ts });
  try {
    await navigator.clipboard.writeText(permalink);
    notice("Link copied");
  } catch {
    notice(permalink);
  }
}

function entries(message, { channel, handlers }) {
  const own = isMe(message.user) && !message.bot_id && !message.is_ephemeral;
  const shortcuts = message.is_ephemeral
    ? []
    : store.apps.flatMap((app) =>
        (app.shortcuts ?? [])
          .filter((one) => one.type === "message")
          .map((one) => ({ ...one, app: app.name })),
      );
  const list = [];
  if (message.is_ephemeral) {
    return [{ label: "Dismiss message", run: () => handlers.dismiss(message.ts) }];
  }
  list.push({ label: "Copy link", icon: icon("link", 16), run: () => copyLink(channel, message.ts) });
  if (own && !message.subtype?.startsWith("channel"))
    list.push({ label: "Edit message", icon: icon("pencil", 16), run: () => handlers.edit(message) });
  if (shortcuts.length) list.push({ divider: true });
  for (const one of shortcuts) {
    list.push({
      label: one.name,
      note: one.app,
      icon: icon("bolt", 16),
      run: () => post("shortcut", { callback_id: one.callback_id, channel, ts: message.ts }),
    });
  }
  if (own) {
    list.push({ divider: true });
    list.push({
      label: "Delete message…",
      icon: icon("trash", 16),
      danger: true,
      run: async () => {
        if (
          await ask(
            "Delete message",
            "Are you sure you want to delete this message? This cannot be undone.",
            "Delete",
          )
        )
          await post("delete", { channel, ts: message.ts });
      },
    });
  }
  return list;
}

function build(node, options) {
  const { channel, handlers } = options;
  const tool = (name, label, run) =>
    h(
      "button",
      { type: "button", class: "tool", title: label, "aria-label": label, on: { click: run } },
      typeof name === "string" ? icon(name) : name,
    );
  const more = tool("more", "More actions", () => {});
  toggles(more, () => menu(more, entries(node.message, options), { align: "end", label: "Message actions" }));
  const tools = [];
  if (!node.message.is_ephemeral) {
    for (const name of QUICK)
      tools.push(
        tool(h("span", { class: "emoji" }, emojiCharacter(name)), `React with :${name}:`, () =>
          toggleReaction(channel, node.message, name),
        ),
      );
    const add = tool("addreaction", "Find another reaction", () => {});
    toggles(add, () => pickEmoji(add, (name) => toggleReaction(channel, node.message, name)));
    tools.push(add);
    if (handlers.openThread)
      tools.push(
        tool("thread", "Reply in thread", () =>
          handlers.openThread(node.message.thread_ts ?? node.message.ts),
        ),
      );
  }
  return h("div", { class: "tools", role: "toolbar", "aria-label": "Message actions" }, tools, more);
}

// Built when the message is first pointed at: most messages never are.
export function actionsBar(node, options) {
  node.options = options;
  if (node.hasTools) return;
  node.hasTools = true;
  const show = () => {
    if (!node.querySelector(":scope > .tools")) node.append(build(node, node.options));
  };
  for (const event of ["pointerenter", "focusin", "touchstart"])
    node.addEventListener(event, show, { passive: true });
}
