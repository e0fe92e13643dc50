// Edits one's own message in its place.

import { post } from "./api.js";
import { h } from "./dom.js";
import { nameEmoji } from "./emoji.js";
import { notice } from "./menus.js";
import { unescape } from "./mrkdwn.js";
import { store, user } from "./store.js";

// What the author once typed: mentions and addresses without their brackets.
export function typedText(text) {
  const plain = text.replace(/<([@#!]?)([^>|]+)(?:\|([^>]*))?>/g, (_, sign, body, label) => {
    if (sign === "@") return `@${user(body)?.name ?? body}`;
    if (sign === "#") return `#${store.channels.get(body)?.name ?? label ?? body}`;
    return sign === "!" ? `@${body}` : body;
  });
  return unescape(plain);
}

export function editor(node, channel, message) {
  if (node.querySelector(".edit-box")) return;
  const field = h("textarea", {
    class: "edit-field",
    "aria-label": "Edit message",
    dir: "auto",
    rows: 1,
    value: typedText(message.text),
  });
  const close = () => {
    box.remove();
    node.classList.remove("editing");
  };
  const save = async () => {
    if (field.value.trim() && field.value !== typedText(message.text)) {
      try {
        await post("edit", { channel, ts: message.ts, text: nameEmoji(field.value.trim()) });
      } catch (error) {
        notice(error.message, "error");
        return;
      }
    }
    close();
  };
  const grow = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };
  const box = h(
    "div",
    { class: "edit-box" },
    field,
    h(
      "div",
      { class: "edit-buttons" },
      h("button", { type: "button", class: "button small", on: { click: close } }, "Cancel"),
      h("button", { type: "button", class: "button small primary", on: { click: save } }, "Save"),
    ),
  );
  field.addEventListener("input", grow);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      save();
    }
  });
  node.classList.add("editing");
  node.querySelector(".content").append(box);
  grow();
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}
