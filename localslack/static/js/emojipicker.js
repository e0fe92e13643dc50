// The small window that finds an emoji by name.

import { h } from "./dom.js";
import { emojiCharacter, findEmoji, FREQUENT, GROUPS } from "./emoji.js";
import { closePopover, popover } from "./menus.js";

export function pickEmoji(anchor, choose) {
  const field = h("input", {
    type: "text",
    class: "menu-search",
    placeholder: "Search all emoji",
    "aria-label": "Search all emoji",
  });
  const grid = h("div", { class: "emoji-grid" });
  const foot = h("div", { class: "emoji-foot" });
  const key = ([name, character]) =>
    h(
      "button",
      {
        type: "button",
        class: "emoji-key",
        title: `:${name}:`,
        "aria-label": name,
        dataset: { name },
        on: {
          click: () => {
            closePopover();
            choose(name);
          },
          pointerenter: () => foot.replaceChildren(h("span", { class: "emoji" }, character), `:${name}:`),
        },
      },
      h("span", { class: "emoji" }, character),
    );
  const unique = (pairs) =>
    pairs.filter(([, character], index) => pairs.findIndex((other) => other[1] === character) === index);
  const part = (title, pairs) => [
    h("div", { class: "menu-heading" }, title),
    h("div", { class: "emoji-row" }, unique(pairs).map(key)),
  ];
  function fill() {
    const wanted = field.value.trim();
    const found = wanted ? part("Search results", findEmoji(wanted)) : null;
    const all = [
      part(
        "Frequently used",
        FREQUENT.map((name) => [name, emojiCharacter(name)]),
      ),
      ...GROUPS.map((group) => part(group.title, group.emoji)),
    ].flat();
    grid.replaceChildren(...(found ?? all));
    if (wanted && !grid.querySelector(".emoji-key"))
      grid.replaceChildren(h("div", { class: "menu-empty" }, "No emoji found"));
  }
  field.addEventListener("input", fill);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") grid.querySelector(".emoji-key")?.click();
  });
  fill();
  popover(anchor, h("div", { class: "emoji-picker" }, field, grid, foot), { align: "end", label: "Emoji" });
  field.focus();
}
