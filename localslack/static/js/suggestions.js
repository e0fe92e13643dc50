// Completion above the composer: commands after "/", people after "@", channels after "#", emoji after ":".

import { avatar } from "./avatar.js";
import { h } from "./dom.js";
import { findEmoji } from "./emoji.js";
import { icon } from "./icons.js";
import { isMe, store, userName } from "./store.js";

const MOST = 8;

function commandsFor(query) {
  return store.commands
    .filter((one) => one.command.startsWith(query))
    .map((one) => ({
      put: `${one.command} `,
      node: [
        h("span", { class: "suggest-app" }, icon("slash", 16)),
        h(
          "span",
          { class: "menu-words" },
          h(
            "span",
            { class: "menu-label" },
            h("b", {}, one.command),
            one.usage_hint ? h("span", { class: "usage" }, ` ${one.usage_hint}`) : null,
          ),
          h("span", { class: "menu-note" }, one.description ?? ""),
        ),
        h(
          "span",
          { class: "menu-hint" },
          store.apps.find((app) => app.id === one.app || app.key === one.app)?.name ?? one.app ?? "",
        ),
      ],
    }));
}

function peopleFor(query) {
  const wanted = query.toLowerCase();
  const people = [...store.users.values()]
    .filter(
      (one) =>
        !one.deleted &&
        [one.name, userName(one.id), one.real_name].some((name) =>
          (name ?? "")
            .toLowerCase()
            .split(/\s+/)
            .some((part) => part.startsWith(wanted)),
        ),
    )
    .map((one) => ({
      put: `@${one.name} `,
      node: [
        avatar(one.id, 20),
        h(
          "span",
          { class: "menu-words" },
          h(
            "span",
            { class: "menu-label" },
            h("b", {}, userName(one.id)),
            h("span", { class: "usage" }, ` ${one.name}${isMe(one.id) ? " (you)" : ""}`),
            one.is_bot ? h("span", { class: "badge" }, "APP") : null,
          ),
        ),
      ],
    }));
  const everyone = ["here", "channel"]
    .filter((name) => wanted && name.startsWith(wanted))
    .map((name) => ({
      put: `@${name} `,
      node: [icon("people"), h("span", { class: "menu-words" }, h("b", {}, `@${name}`))],
    }));
  return [...people, ...everyone];
}

function channelsFor(query) {
  return [...store.channels.values()]
    .filter((one) => one.name && !one.is_mpim && one.name.startsWith(query.toLowerCase()))
    .map((one) => ({
      put: `#${one.name} `,
      node: [icon(one.is_private ? "lock" : "hash", 16), h("span", { class: "menu-words" }, one.name)],
    }));
}

function emojiFor(query) {
  return findEmoji(query, MOST).map(([name, character]) => ({
    put: `${character} `,
    node: [h("span", { class: "emoji" }, character), h("span", { class: "menu-words" }, `:${name}:`)],
  }));
}

const KINDS = [
  [/^(\/[\w-]*)$/, commandsFor, "Commands"],
  [/(?:^|[\s(])(@([\w.-]*))$/, peopleFor, "People"],
  [/(?:^|[\s(])(#([\w-]*))$/, channelsFor, "Channels"],
  [/(?:^|\s)(:([a-z0-9_+-]{2,}))$/, emojiFor, "Emoji"],
];

export class Suggestions {
  constructor(composer) {
    this.composer = composer;
    this.box = h("div", { class: "suggestions", role: "listbox", hidden: true });
    composer.box.append(this.box);
    this.entries = [];
    this.chosen = 0;
    composer.field.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    composer.field.setAttribute("aria-autocomplete", "list");
  }

  update() {
    const { field } = this.composer;
    const before = field.value.slice(0, field.selectionStart);
    this.showHint(field.value);
    for (const [pattern, find, title] of KINDS) {
      const match = pattern.exec(before);
      if (!match) continue;
      this.from = before.length - match[1].length;
      this.entries = find(match[2] ?? match[1]).slice(0, MOST);
      this.chosen = 0;
      this.draw(title);
      return;
    }
    this.close();
  }

  // Once the command stands, Slack keeps showing how it goes on.
  showHint(value) {
    const command = /^(\/\S+)\s/.exec(value)?.[1];
    const known = command && store.commands.find((one) => one.command === command);
    this.composer.hint.textContent = known ? `${known.command} ${known.usage_hint ?? ""}` : "";
  }

  draw(title) {
    if (!this.entries.length) {
      this.close();
      return;
    }
    const rows = this.entries.map((entry, index) =>
      h(
        "div",
        {
          class: "menu-item",
          role: "option",
          "aria-selected": String(index === this.chosen),
          on: { pointerdown: (event) => event.preventDefault(), click: () => this.accept(index) },
        },
        entry.node,
      ),
    );
    this.box.replaceChildren(h("div", { class: "menu-heading" }, title), ...rows);
    this.box.hidden = false;
    rows[this.chosen].scrollIntoView({ block: "nearest" });
    this.title = title;
  }

  close() {
    this.entries = [];
    this.box.hidden = true;
  }

  accept(index) {
    const { field } = this.composer;
    const entry = this.entries[index];
    field.setRangeText(entry.put, this.from, field.selectionStart, "end");
    this.close();
    field.focus();
    this.composer.changed();
  }

  // True when the key was for the list.
  keyed(event) {
    if (this.box.hidden) return false;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.chosen = (this.chosen + step + this.entries.length) % this.entries.length;
      this.draw(this.title);
    } else if (event.key === "Enter" || event.key === "Tab") {
      // A command already typed in full is sent, not completed once more.
      const typed = this.composer.field.value.slice(this.from).trim();
      if (event.key === "Enter" && this.entries[this.chosen].put.trim() === typed) return false;
      this.accept(this.chosen);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }
}
