// Selects and pickers: static options, people, conversations, dates and times, one or many.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { closePopover, menu, popover, toggles } from "./menus.js";
import { plain, mrkdwn } from "./mrkdwn.js";
import { channelTitle, isMe, store, userName } from "./store.js";
import { avatar } from "./avatar.js";

const label = (object) =>
  object?.type === "mrkdwn" ? mrkdwn(object.text) : plain(object?.text ?? object ?? "");

// What can be chosen: `{key, title, node, value, group?, icon?}`.
function optionsOf(element) {
  const entry = (option, group) => ({
    key: option.value,
    title: option.text.text,
    text: option.text,
    note: option.description,
    value: option,
    group,
  });
  if (element.option_groups)
    return element.option_groups.flatMap((group) =>
      group.options.map((option) => entry(option, group.label)),
    );
  return (element.options ?? []).map((option) => entry(option));
}

function peopleOf() {
  return [...store.users.values()]
    .filter((one) => !one.deleted)
    .map((one) => ({
      key: one.id,
      title: userName(one.id),
      search: `${userName(one.id)} ${one.name}`,
      note: isMe(one.id) ? "you" : null,
      value: one.id,
      icon: avatar(one.id, 20),
    }));
}

function conversationsOf(element) {
  const wanted = element.filter?.include;
  const kind = (channel) =>
    channel.is_im ? "im" : channel.is_mpim ? "mpim" : channel.is_private ? "private" : "public";
  const allowed = (channel) =>
    element.type.includes("channels")
      ? kind(channel) === "public"
      : !wanted || wanted.includes(kind(channel));
  return [...store.channels.values()]
    .filter((channel) => !channel.is_archived && allowed(channel))
    .map((channel) => ({
      key: channel.id,
      title: channelTitle(channel),
      value: channel.id,
      icon: channel.is_im ? null : icon(channel.is_private ? "lock" : "hash", 16),
    }));
}

const SOURCES = {
  static: optionsOf,
  users: peopleOf,
  conversations: conversationsOf,
  channels: conversationsOf,
};
const RESULT = {
  static: ["selected_option", "selected_options"],
  users: ["selected_user", "selected_users"],
  conversations: ["selected_conversation", "selected_conversations"],
  channels: ["selected_channel", "selected_channels"],
};
const INITIAL = {
  static: ["initial_option", "initial_options"],
  users: ["initial_user", "initial_users"],
  conversations: ["initial_conversation", "initial_conversations"],
  channels: ["initial_channel", "initial_channels"],
};

function select(control) {
  const { element } = control;
  const many = element.type.startsWith("multi_");
  const source = element.type.replace("multi_", "").replace("_select", "");
  const options = () => SOURCES[source](element);
  const initial = element[INITIAL[source][many ? 1 : 0]];
  const keyOf = (value) => (typeof value === "object" ? value.value : value);
  let chosen = [initial ?? []].flat().map(keyOf);
  if (!chosen.length && element.default_to_current_conversation && store.current) chosen = [store.current];
  const value = () => {
    const values = chosen.map((key) => options().find((option) => option.key === key)?.value).filter(Boolean);
    return { [RESULT[source][many ? 1 : 0]]: many ? values : (values[0] ?? null) };
  };
  const shown = h("span", { class: "select-words" });
  const node = h(
    "button",
    {
      type: "button",
      class: `select${many ? " many" : ""}`,
      "aria-haspopup": "listbox",
      dataset: { action: element.action_id ?? "" },
    },
    shown,
    icon("chevron", 16),
  );
  function show() {
    const picked = chosen.map((key) => options().find((option) => option.key === key)).filter(Boolean);
    node.classList.toggle("empty", !picked.length);
    const chip = (option) => h("span", { class: "chip" }, option.text ? label(option.text) : option.title);
    shown.replaceChildren(
      ...(!picked.length
        ? [label(element.placeholder ?? "Select an option")]
        : many
          ? picked.map(chip)
          : [picked[0].text ? label(picked[0].text) : document.createTextNode(picked[0].title)]),
    );
    node.setAttribute(
      "aria-label",
      `${element.placeholder?.text ?? "Select"}: ${picked.map((option) => option.title).join(", ") || "nothing chosen"}`,
    );
  }
  function entries() {
    let group = null;
    return options().flatMap((option) => {
      const heading =
        option.group && option.group.text !== group?.text ? [{ heading: label(option.group) }] : [];
      group = option.group;
      return [
        ...heading,
        {
          label: option.text ? label(option.text) : option.title,
          search: option.search ?? option.title,
          note: option.note?.text ? label(option.note) : option.note,
          icon: option.icon,
          selected: chosen.includes(option.key),
          run: () => {
            const room = !element.max_selected_items || chosen.length < element.max_selected_items;
            if (!many) chosen = [option.key];
            else if (chosen.includes(option.key)) chosen = chosen.filter((key) => key !== option.key);
            else if (room) chosen = [...chosen, option.key];
            show();
            control.changed(value());
          },
        },
      ];
    });
  }
  toggles(node, () =>
    menu(node, entries, {
      search: options().length > 5,
      keep: many,
      label: element.placeholder?.text ?? "Options",
    }),
  );
  show();
  control.remember(value());
  return node;
}

// Options that the app gives for what was typed so far.
function external(control) {
  const { element, block, context } = control;
  const many = element.type.startsWith("multi_");
  let chosen = many
    ? [...(element.initial_options ?? [])]
    : element.initial_option
      ? [element.initial_option]
      : [];
  const value = () => (many ? { selected_options: chosen } : { selected_option: chosen[0] ?? null });
  const shown = h("span", { class: "select-words" });
  const node = h(
    "button",
    {
      type: "button",
      class: `select${many ? " many" : ""}`,
      "aria-haspopup": "listbox",
      dataset: { action: element.action_id ?? "" },
    },
    shown,
    icon("chevron", 16),
  );
  const show = () => {
    node.classList.toggle("empty", !chosen.length);
    shown.replaceChildren(
      ...(chosen.length
        ? chosen.map((option) => h("span", { class: many ? "chip" : null }, label(option.text)))
        : [label(element.placeholder ?? "Select an option")]),
    );
  };
  const pick = (option) => {
    if (!many) chosen = [option];
    else if (chosen.some((one) => one.value === option.value))
      chosen = chosen.filter((one) => one.value !== option.value);
    else if (!element.max_selected_items || chosen.length < element.max_selected_items)
      chosen = [...chosen, option];
    show();
    control.changed(value());
  };
  const field = h("input", {
    class: "menu-search",
    type: "text",
    placeholder: "Search",
    "aria-label": "Search options",
  });
  const list = h("div", { class: "menu-list", role: "listbox" });
  let asked = 0;
  async function fill() {
    const mine = (asked += 1);
    if (field.value.length < (element.min_query_length ?? 0)) {
      list.replaceChildren(h("div", { class: "menu-empty" }, "Type to search"));
      return;
    }
    const answer = await context.suggest(block.block_id, element.action_id, field.value);
    if (mine !== asked) return;
    const options = [
      ...(answer.options ?? []),
      ...(answer.option_groups ?? []).flatMap((group) => group.options),
    ];
    const rows = options.map((option) =>
      h(
        "button",
        {
          type: "button",
          class: "menu-item",
          role: "option",
          on: {
            click: () => {
              closePopover();
              pick(option);
            },
          },
        },
        h(
          "span",
          { class: "menu-words" },
          h("span", { class: "menu-label" }, label(option.text)),
          option.description ? h("span", { class: "menu-note" }, label(option.description)) : null,
        ),
      ),
    );
    list.replaceChildren(
      ...(rows.length ? rows : [h("div", { class: "menu-empty" }, answer.error ?? "No results")]),
    );
  }
  let timer = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(fill, 200);
  });
  toggles(node, () => {
    field.value = "";
    list.replaceChildren(h("div", { class: "menu-empty" }, "Loading…"));
    popover(node, h("div", { class: "menu" }, field, list), { label: "Options" });
    field.focus();
    fill();
  });
  show();
  control.remember(value());
  return node;
}

function native(control, type, initial, read) {
  const { element } = control;
  const node = h("input", {
    class: "field picker",
    type,
    value: initial ?? "",
    "aria-label": element.placeholder?.text ?? "Pick",
    dataset: { action: element.action_id ?? "" },
  });
  control.remember(read(node.value));
  node.addEventListener("change", () => control.changed(read(node.value)));
  return node;
}

function localDateTime(seconds) {
  const date = new Date(seconds * 1000 - new Date(seconds * 1000).getTimezoneOffset() * 60000);
  return date.toISOString().slice(0, 16);
}

const KINDS = ["static", "users", "conversations", "channels"];

export const pickers = {
  ...Object.fromEntries(
    KINDS.flatMap((kind) => [
      [`${kind}_select`, select],
      [`multi_${kind}_select`, select],
    ]),
  ),
  external_select: external,
  multi_external_select: external,
  datepicker: (control) =>
    native(control, "date", control.element.initial_date, (value) => ({ selected_date: value || null })),
  timepicker: (control) =>
    native(control, "time", control.element.initial_time, (value) => ({ selected_time: value || null })),
  datetimepicker: (control) => {
    const initial = control.element.initial_date_time;
    return native(control, "datetime-local", initial ? localDateTime(initial) : "", (value) => ({
      selected_date_time: value ? Math.floor(new Date(value).getTime() / 1000) : null,
    }));
  },
};
