// Block Kit's interactive elements. `context` carries out actions and keeps the state of what was filled in.

import { h, safeUrl } from "./dom.js";
import { icon } from "./icons.js";
import { confirmDialog, menu, toggles } from "./menus.js";
import { mrkdwn, plain } from "./mrkdwn.js";
import { FIELDS } from "./inputs.js";
import { pickers } from "./pickers.js";

export function text(object) {
  if (!object) return null;
  if (typeof object === "string") return plain(object);
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plain(object.text);
}

export const words = (object) => (typeof object === "string" ? object : (object?.text ?? ""));

// A view that changes keeps what was filled in where block, action and kind stay the same.
function refilled(element, state) {
  if (state?.type !== element.type) return element;
  const filled = Object.entries(state)
    .filter(([name, value]) => /^(value$|selected_)/.test(name) && value && value.length !== 0)
    .map(([name, value]) => [name === "value" ? "initial_value" : name.replace("selected_", "initial_"), value]);
  return { ...element, ...Object.fromEntries(filled) };
}

// One control in its block: what it remembers and how it acts.
export class Control {
  constructor(element, block, context, input = false) {
    this.element = refilled(element, context.kept?.[block.block_id]?.[element.action_id]);
    this.block = block;
    this.context = context;
    this.input = input;
  }

  remember(value) {
    const { block_id: block } = this.block;
    (this.context.values[block] ??= {})[this.element.action_id] = { type: this.element.type, ...value };
  }

  // A changed value: kept, and sent at once unless it waits in an input block.
  async changed(value, { silent = false } = {}) {
    this.remember(value);
    if (silent || (this.input && !this.block.dispatch_action)) return;
    await this.act(value);
  }

  async act(value) {
    const { element } = this;
    if (element.confirm && !(await confirmDialog(element.confirm))) return false;
    const action = {
      type: element.type,
      block_id: this.block.block_id,
      action_id: element.action_id,
      ...value,
    };
    await this.context.act(action);
    return true;
  }
}

function button(control) {
  const { element } = control;
  const node = h(
    element.url ? "a" : "button",
    {
      class: `button small ${element.style ?? ""}`,
      type: element.url ? null : "button",
      href: element.url ? safeUrl(element.url) : null,
      target: element.url ? "_blank" : null,
      rel: element.url ? "noopener noreferrer" : null,
      "aria-label": element.accessibility_label,
      dataset: { action: element.action_id ?? "" },
    },
    h("span", {}, text(element.text)),
  );
  node.addEventListener("click", async () => {
    if (node.classList.contains("busy")) return;
    node.classList.add("busy");
    try {
      await control.act({ text: element.text, value: element.value });
    } finally {
      node.classList.remove("busy");
    }
  });
  return node;
}

function overflow(control) {
  const { element } = control;
  const node = h(
    "button",
    {
      type: "button",
      class: "button small square",
      "aria-label": "More options",
      dataset: { action: element.action_id ?? "" },
    },
    icon("more"),
  );
  toggles(node, () =>
    menu(
      node,
      element.options.map((option) => ({
        label: text(option.text),
        search: words(option.text),
        note: option.description ? text(option.description) : null,
        run: () => {
          if (option.url && safeUrl(option.url)) window.open(safeUrl(option.url), "_blank", "noopener");
          control.act({ selected_option: option });
        },
      })),
      { align: "end", label: "More options" },
    ),
  );
  return node;
}

const sameOption = (a, b) => a?.value === b?.value;

function choices(control, type) {
  const { element } = control;
  const many = type === "checkbox";
  let chosen = many
    ? [...(element.initial_options ?? [])]
    : element.initial_option
      ? [element.initial_option]
      : [];
  const value = () => (many ? { selected_options: chosen } : { selected_option: chosen[0] ?? null });
  control.remember(value());
  const group = `${control.block.block_id}-${element.action_id}`;
  const rows = element.options.map((option) => {
    const input = h("input", { type, name: group, checked: chosen.some((one) => sameOption(one, option)) });
    input.addEventListener("change", () => {
      const others = many ? chosen.filter((one) => !sameOption(one, option)) : [];
      chosen = input.checked ? [...others, option] : others;
      control.changed(value());
    });
    return h(
      "label",
      { class: "choice" },
      input,
      h(
        "span",
        {},
        h("span", { class: "choice-label" }, text(option.text)),
        option.description ? h("span", { class: "choice-note" }, text(option.description)) : null,
      ),
    );
  });
  return h(
    "div",
    { class: "choices", role: many ? "group" : "radiogroup", dataset: { action: element.action_id ?? "" } },
    rows,
  );
}

function feedback(control) {
  const { element } = control;
  const nodes = [
    [element.positive_button, "thumbsup"],
    [element.negative_button, "thumbsdown"],
  ].map(([one, name]) => {
    const node = h(
      "button",
      {
        type: "button",
        class: "icon-button feedback",
        "aria-label": one.accessibility_label ?? words(one.text),
        title: words(one.text),
        "aria-pressed": "false",
      },
      icon(name),
    );
    node.addEventListener("click", async () => {
      for (const other of node.parentElement.children)
        other.setAttribute("aria-pressed", String(other === node));
      await control.act({ text: one.text, value: one.value });
    });
    return node;
  });
  return h("span", { class: "feedback-buttons" }, nodes);
}

function iconButton(control) {
  const { element } = control;
  const shown = element.visible_to_user_ids;
  if (shown?.length && !shown.includes(control.context.me)) return null;
  return h(
    "button",
    {
      type: "button",
      class: "icon-button",
      title: words(element.text),
      "aria-label": element.accessibility_label ?? words(element.text),
      on: { click: () => control.act({ value: element.value }) },
    },
    icon(element.icon === "trash" ? "trash" : "bolt"),
  );
}

const KINDS = {
  button,
  workflow_button: button,
  overflow,
  checkboxes: (control) => choices(control, "checkbox"),
  radio_buttons: (control) => choices(control, "radio"),
  feedback_buttons: feedback,
  icon_button: iconButton,
  ...pickers,
  ...FIELDS,
};

export function element(item, block, context, input = false) {
  const build = KINDS[item.type];
  if (!build) return h("span", { class: "unknown" }, `[${item.type}]`);
  return build(new Control(item, block, context, input));
}
