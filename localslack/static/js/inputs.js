// Block Kit's fields to type into and to put files in.

import { upload } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { notice } from "./menus.js";

function typed(control, type, extra = {}) {
  const { element, block } = control;
  const many = element.multiline === true;
  const initial = element.initial_value ?? "";
  const node = h(many ? "textarea" : "input", {
    class: "field",
    type: many ? null : type,
    rows: many ? Math.min(12, Math.max(3, initial.split("\n").length + 1)) : null,
    placeholder: element.placeholder?.text,
    minlength: element.min_length,
    maxlength: element.max_length,
    autofocus: element.focus_on_load,
    dir: "auto",
    autocomplete: "off",
    value: initial,
    dataset: { action: element.action_id ?? "" },
    ...extra,
  });
  const value = () => ({ value: node.value === "" ? null : node.value });
  control.remember(value());
  const on = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  node.addEventListener("input", () =>
    control.changed(value(), { silent: !on.includes("on_character_entered") }),
  );
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || many) return;
    if (block.dispatch_action && on.includes("on_enter_pressed")) {
      event.preventDefault();
      control.act(value());
    }
  });
  return node;
}

function file(control) {
  const { element } = control;
  const files = [];
  const list = h("div", { class: "file-input-list" });
  const input = h("input", {
    type: "file",
    class: "visually-hidden",
    multiple: (element.max_files ?? 10) > 1,
    accept: element.filetypes?.map((type) => `.${type}`).join(","),
  });
  const value = () => ({ files: files.map((one) => ({ id: one.id, name: one.name })) });
  const show = () => {
    control.remember(value());
    list.replaceChildren(
      ...files.map((one) =>
        h(
          "span",
          { class: "chip" },
          one.name,
          h(
            "button",
            {
              type: "button",
              class: "chip-remove",
              "aria-label": `Remove ${one.name}`,
              on: { click: () => show(files.splice(files.indexOf(one), 1)) },
            },
            icon("close", 12),
          ),
        ),
      ),
    );
  };
  input.addEventListener("change", async () => {
    for (const chosen of input.files) {
      if (files.length >= (element.max_files ?? 10)) break;
      try {
        files.push(await upload(chosen, chosen.name));
      } catch (error) {
        notice(error.message, "error");
      }
    }
    input.value = "";
    show();
  });
  show();
  return h(
    "div",
    { class: "file-input", dataset: { action: element.action_id ?? "" } },
    h("label", { class: "button small" }, icon("plus", 16), "Add a file", input),
    list,
  );
}

export const FIELDS = {
  plain_text_input: (control) => typed(control, "text"),
  email_text_input: (control) => typed(control, "email"),
  url_text_input: (control) => typed(control, "url"),
  number_input: (control) =>
    typed(control, "number", {
      step: control.element.is_decimal_allowed ? "any" : "1",
      min: control.element.min_value,
      max: control.element.max_value,
    }),
  file_input: file,
};
