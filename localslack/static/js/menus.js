// Menus and small windows that hang on a control: option lists with search, confirm dialogs, notices.

import { h, onOutside } from "./dom.js";
import { icon } from "./icons.js";
import { plain, mrkdwn } from "./mrkdwn.js";

let open = null;

export function closePopover() {
  open?.();
}

function place(box, anchor) {
  const at = anchor.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const below = at.bottom + 4 + size.height <= innerHeight || at.top < size.height;
  const top = below ? Math.min(at.bottom + 4, innerHeight - size.height - 8) : at.top - size.height - 4;
  box.style.top = `${Math.max(8, top)}px`;
  box.style.left = `${Math.max(8, Math.min(box.dataset.align === "end" ? at.right - size.width : at.left, innerWidth - size.width - 8))}px`;
}

// Hangs `content` on `anchor` until Esc, a click outside, or the returned function.
export function popover(anchor, content, { align = "start", label = "Menu", className = "", onClose } = {}) {
  closePopover();
  const box = h(
    "div",
    { class: `popover ${className}`, role: "dialog", "aria-label": label, dataset: { align } },
    content,
  );
  document.body.append(box);
  place(box, anchor);
  anchor.setAttribute("aria-expanded", "true");
  anchor.closest(".message")?.classList.add("held");
  const stop = onOutside(box, (event) => {
    // A click on the control itself closes and must not open again at once.
    if (anchor.contains(event.target)) anchor.dataset.justClosed = "1";
    close();
  });
  const keys = (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
      anchor.focus();
    }
  };
  box.addEventListener("keydown", keys);
  function close() {
    if (open === close) open = null;
    stop();
    box.remove();
    anchor.removeAttribute("aria-expanded");
    anchor.closest(".message")?.classList.remove("held");
    onClose?.();
  }
  open = close;
  return close;
}

export function toggles(anchor, opener) {
  anchor.addEventListener("click", () => {
    if (anchor.dataset.justClosed) delete anchor.dataset.justClosed;
    else opener();
  });
}

function row(entry, choose) {
  if (entry.divider) return h("div", { class: "menu-divider", role: "separator" });
  if (entry.heading) return h("div", { class: "menu-heading" }, entry.heading);
  return h(
    "button",
    {
      class: `menu-item${entry.danger ? " danger" : ""}`,
      type: "button",
      role: "option",
      "aria-selected": entry.selected ? "true" : "false",
      on: { click: () => choose(entry) },
    },
    entry.icon ?? null,
    h(
      "span",
      { class: "menu-words" },
      h("span", { class: "menu-label" }, entry.label),
      entry.note ? h("span", { class: "menu-note" }, entry.note) : null,
    ),
    entry.hint ? h("span", { class: "menu-hint" }, entry.hint) : null,
    entry.selected ? icon("check", 16) : null,
  );
}

// A list of `{label, search?, note?, hint?, icon?, selected?, danger?, run}`; `keep` leaves it open after a choice.
export function menu(
  anchor,
  entries,
  { search = false, label = "Options", align = "start", keep = false, className = "" } = {},
) {
  const list = h("div", { class: "menu-list", role: "listbox", "aria-label": label });
  const field = search
    ? h("input", {
        class: "menu-search",
        type: "text",
        placeholder: "Search",
        "aria-label": "Search options",
      })
    : null;
  let close = () => {};
  const choose = (entry) => {
    if (!keep) close();
    entry.run(entry);
    if (keep) fill();
  };
  const words = (entry) =>
    (entry.search ?? (typeof entry.label === "string" ? entry.label : "")).toLowerCase();
  function fill() {
    const wanted = field?.value.trim().toLowerCase() ?? "";
    const shown = (typeof entries === "function" ? entries() : entries).filter(
      (entry) => !wanted || (!entry.heading && words(entry).includes(wanted)),
    );
    list.replaceChildren(
      ...(shown.length
        ? shown.map((entry) => row(entry, choose))
        : [h("div", { class: "menu-empty" }, "No results")]),
    );
  }
  fill();
  const content = h("div", { class: "menu" }, field, list);
  close = popover(anchor, content, { align, label, className });
  field?.addEventListener("input", fill);
  content.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const items = [...list.querySelectorAll(".menu-item")];
    const at = items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    (items[at] ?? (at < 0 && field ? field : items.at(at < 0 ? -1 : 0)))?.focus();
  });
  field?.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      list.querySelector(".menu-item")?.click();
    }
  });
  (field ?? list.querySelector(".menu-item"))?.focus();
  return close;
}

function textNode(object) {
  if (!object) return "";
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plain(object.text);
}

// Slack's confirm dialog of a Block Kit `confirm` object; true when confirmed.
export function confirmDialog({ title, text, confirm, deny, style }) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const finish = (answer) => {
      shade.remove();
      before?.focus?.();
      resolve(answer);
    };
    const yes = h(
      "button",
      {
        type: "button",
        class: `button ${style === "danger" ? "danger" : "primary"}`,
        on: { click: () => finish(true) },
      },
      textNode(confirm),
    );
    const box = h(
      "div",
      { class: "dialog", role: "alertdialog", "aria-modal": "true", "aria-label": title?.text ?? "Confirm" },
      h(
        "header",
        {},
        h("h2", {}, textNode(title)),
        h(
          "button",
          { type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => finish(false) } },
          icon("close", 20),
        ),
      ),
      h("div", { class: "dialog-body" }, textNode(text)),
      h(
        "footer",
        {},
        h("button", { type: "button", class: "button", on: { click: () => finish(false) } }, textNode(deny)),
        yes,
      ),
    );
    const shade = h("div", { class: "shade" }, box);
    shade.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        finish(false);
      }
    });
    document.body.append(shade);
    yes.focus();
  });
}

export function ask(title, text, confirm, style = "danger") {
  const words = (value) => ({ type: "plain_text", text: value });
  return confirmDialog({
    title: words(title),
    text: words(text),
    confirm: words(confirm),
    deny: words("Cancel"),
    style,
  });
}

// A line at the foot of the window that goes by itself.
export function notice(words, kind = "info") {
  document.querySelector(".notice")?.remove();
  const node = h(
    "div",
    { class: `notice ${kind}`, role: "status" },
    kind === "error" ? icon("warning") : null,
    words,
  );
  document.body.append(node);
  setTimeout(() => node.remove(), 5000);
}
