// A small dialog that asks for one line of text.

import { h } from "./dom.js";
import { icon } from "./icons.js";

export { ask } from "./menus.js";

// Resolves to the text, or null when cancelled.
export function input(title, label, placeholder, action, initial = "") {
  return new Promise((resolve) => {
    const field = h("input", {
      class: "field",
      type: "text",
      placeholder,
      value: initial,
      "aria-label": label,
    });
    const finish = (value) => {
      shade.remove();
      resolve(value);
    };
    const form = h(
      "form",
      { class: "dialog", role: "dialog", "aria-modal": "true", "aria-label": title },
      h(
        "header",
        {},
        h("h2", {}, title),
        h(
          "button",
          { type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => finish(null) } },
          icon("close", 20),
        ),
      ),
      h("div", { class: "dialog-body" }, h("label", { class: "input-label" }, label), field),
      h(
        "footer",
        {},
        h("button", { type: "button", class: "button", on: { click: () => finish(null) } }, "Cancel"),
        h("button", { type: "submit", class: "button primary" }, action),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      finish(field.value.trim() || null);
    });
    const shade = h("div", { class: "shade" }, form);
    shade.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      finish(null);
    });
    document.body.append(shade);
    field.focus();
    field.select();
  });
}
