// Modals: a stack of views, opened and changed by the stream, submitted with the state of their inputs.

import { get, post } from "./api.js";
import { avatar } from "./avatar.js";
import { blockContext, renderBlocks } from "./blocks.js";
import { h } from "./dom.js";
import { text } from "./elements.js";
import { icon } from "./icons.js";
import { Meanwhile } from "./meanwhile.js";
import { closePopover, notice } from "./menus.js";
import { on, store } from "./store.js";

const stack = [];
let shade = null;
let returnTo = null;

class Modal {
  constructor(view) {
    this.root = h("form", { class: "modal", role: "dialog", "aria-modal": "true", novalidate: true });
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.show(view);
  }

  show(view) {
    const kept = this.context?.values ?? {};
    const scroll = this.body?.scrollTop ?? 0;
    const cursor = this.cursor();
    this.view = view;
    this.context = blockContext({ view_id: view.id }, { kept });
    const app = store.apps.find((one) => one.id === view.app_id || one.bot_id === view.bot_id);
    this.body = h("div", { class: "modal-body" }, renderBlocks(view.blocks ?? [], this.context));
    const back = stack.indexOf(this) > 0 || (stack.length > 0 && !stack.includes(this));
    this.submitButton =
      view.submit || this.hasInputs()
        ? h("button", { type: "submit", class: "button primary" }, view.submit ? text(view.submit) : "Submit")
        : null;
    this.root.setAttribute("aria-label", view.title?.text ?? "Dialog");
    this.root.replaceChildren(
      h(
        "header",
        {},
        back
          ? h(
              "button",
              {
                type: "button",
                class: "icon-button",
                "aria-label": "Back",
                on: { click: () => this.close() },
              },
              icon("back", 20),
            )
          : app
            ? avatar(app.bot_user, 28, app.name)
            : null,
        h("h2", { dir: "auto" }, text(view.title)),
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "aria-label": "Close",
            on: { click: () => this.close(true) },
          },
          icon("close", 20),
        ),
      ),
      this.body,
      h(
        "footer",
        {},
        h("span", { class: "modal-app" }, app?.name ?? ""),
        h(
          "button",
          { type: "button", class: "button", on: { click: () => this.close() } },
          view.close ? text(view.close) : "Cancel",
        ),
        this.submitButton,
      ),
    );
    this.body.scrollTop = scroll;
    if (cursor) this.putCursor(cursor);
    this.busy(false);
  }

  hasInputs() {
    return (this.view.blocks ?? []).some((block) => block.type === "input");
  }

  // Where the cursor is, to put it there again when the view changes under the hands of who types.
  cursor() {
    const field = this.root.contains(document.activeElement) ? document.activeElement : null;
    const block = field?.closest("[data-block-id]")?.dataset.blockId;
    const action = field?.dataset.action;
    return block && action ? { block, action, at: field.selectionStart } : null;
  }

  putCursor({ block, action, at }) {
    const place = `[data-block-id="${CSS.escape(block)}"] [data-action="${CSS.escape(action)}"]`;
    const field = this.body.querySelector(place);
    field?.focus();
    if (at !== null && at !== undefined) field?.setSelectionRange?.(at, at);
  }

  busy(yes) {
    this.root.classList.toggle("busy", yes);
    if (this.submitButton) this.submitButton.disabled = yes;
  }

  missing() {
    const errors = {};
    for (const block of this.view.blocks ?? []) {
      if (block.type !== "input" || block.optional) continue;
      const state = this.context.values[block.block_id]?.[block.element.action_id] ?? {};
      const value = Object.entries(state).find(([name]) => name !== "type")?.[1];
      if (value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length))
        errors[block.block_id] = "Please complete this required field.";
    }
    return errors;
  }

  fail(errors) {
    for (const node of this.body.querySelectorAll(".input-block")) {
      const words = errors[node.dataset.block];
      node.classList.toggle("wrong", Boolean(words));
      node.querySelector(".input-error").replaceChildren(...(words ? [icon("warning", 14), words] : []));
    }
    this.body.querySelector(".wrong")?.scrollIntoView({ block: "center" });
    this.body.querySelector(".wrong .field")?.focus();
  }

  async submit() {
    const errors = this.missing();
    this.fail(errors);
    if (Object.keys(errors).length) return;
    this.busy(true);
    try {
      await post("view_submit", { view_id: this.view.id, state: { values: this.context.values } });
    } catch (error) {
      if (error.answer?.errors) this.fail(error.answer.errors);
      else notice(error.message, "error");
    }
    this.busy(false);
  }

  async close(all = false) {
    const { id } = this.view;
    if (all) drop([...stack]);
    else drop([this]);
    await post("view_close", { view_id: id, ...(all ? { all: true } : {}) });
  }
}

function drop(modals) {
  for (const modal of modals) {
    modal.root.remove();
    const at = stack.indexOf(modal);
    if (at >= 0) stack.splice(at, 1);
  }
  closePopover();
  draw();
}

function draw() {
  if (!stack.length) {
    shade?.remove();
    shade = null;
    returnTo?.focus?.();
    returnTo = null;
    return;
  }
  if (!shade) {
    returnTo = document.activeElement;
    shade = h("div", { class: "shade modal-shade" });
    shade.addEventListener("keydown", keys);
    document.body.append(shade);
  }
  const top = stack.at(-1).root;
  if (shade.firstElementChild !== top) shade.replaceChildren(top);
  const first =
    top.querySelector("[autofocus]") ??
    top.querySelector(".modal-body .field, .modal-body input, .modal-body .select") ??
    top.querySelector("footer .button");
  if (!top.contains(document.activeElement)) first?.focus();
}

// Esc closes the top view; Tab stays inside it.
function keys(event) {
  const top = stack.at(-1);
  if (event.key === "Escape") {
    event.stopPropagation();
    top.close();
  } else if (event.key === "Tab") {
    const stops = [
      ...top.root.querySelectorAll("a[href], button:not(:disabled), input, textarea, select, [tabindex='0']"),
    ].filter((one) => one.offsetParent);
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if (document.activeElement === edge) {
      event.preventDefault();
      (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
    }
  } else if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
    top.submit();
  }
}

function opened(view) {
  if (view.type === "home") return;
  const known = stack.find((modal) => modal.view.id === view.id);
  if (known) known.show(view);
  else {
    // A view on top of none replaces whatever was open.
    if (!view.previous_view_id) drop([...stack]);
    stack.push(new Modal(view));
  }
  draw();
}

export async function startModals() {
  const meanwhile = new Meanwhile();
  on("stream:view_opened", ({ view }) => meanwhile.happen(() => opened(view)));
  on("stream:view_updated", ({ view }) =>
    meanwhile.happen(() => stack.find((modal) => modal.view.id === view.id)?.show(view)),
  );
  on("stream:view_closed", ({ view_id: id, all }) =>
    meanwhile.happen(() => drop(all ? [...stack] : stack.filter((modal) => modal.view.id === id))),
  );
  const load = () =>
    meanwhile.ask(
      () => get("view"),
      ({ views }) => {
        const gone = stack.filter((modal) => !views.some((view) => view.id === modal.view.id));
        if (gone.length) drop(gone);
        for (const view of views) opened(view);
      },
    );
  on("online", ({ again }) => again && load());
  await load();
}
