// Block Kit's layout blocks as DOM nodes.

import { post } from "./api.js";
import { chart } from "./charts.js";
import { h, safeUrl } from "./dom.js";
import { element, text, words } from "./elements.js";
import { fileCard, slackImage } from "./files.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { richText } from "./richtext.js";
import { store } from "./store.js";
import { dataTable, table } from "./tables.js";

// Where blocks stand: it sends actions with the state of everything filled in.
export function blockContext(container, extra = {}) {
  const context = {
    me: store.me,
    values: {},
    async act(action) {
      await post("action", { container, ...action, action, state: { values: context.values } });
    },
    async suggest(block, action, value) {
      try {
        return await post("suggest", { container, block_id: block, action_id: action, value });
      } catch (error) {
        return { error: error.message };
      }
    },
    ...extra,
  };
  return context;
}

const contextItem = (item) =>
  item.type === "image"
    ? h("span", { class: "context-image" }, picture(item))
    : h("span", { class: "context-text" }, text(item));

function picture(item, { full = false } = {}) {
  const address = item.slack_file ? slackImage(item.slack_file) : safeUrl(item.image_url);
  const image = h("img", { src: address, alt: item.alt_text ?? "", loading: "lazy" });
  image.addEventListener("error", () =>
    image.replaceWith(h("span", { class: "image-missing" }, item.alt_text || "image")),
  );
  return full && address
    ? h("a", { href: address, target: "_blank", rel: "noopener noreferrer", class: "image-link" }, image)
    : image;
}

function accessory(item, block, context) {
  return item.type === "image" ? h("div", { class: "thumb" }, picture(item)) : element(item, block, context);
}

function section(block, context) {
  return h(
    "div",
    { class: "section" },
    h(
      "div",
      { class: "section-main" },
      block.text ? h("div", { class: "section-text" }, text(block.text)) : null,
      block.fields
        ? h(
            "div",
            { class: "fields" },
            block.fields.map((field) => h("div", { class: "field-cell", dir: "auto" }, text(field))),
          )
        : null,
    ),
    block.accessory ? h("div", { class: "accessory" }, accessory(block.accessory, block, context)) : null,
  );
}

function image(block) {
  return h(
    "div",
    { class: "image-block" },
    block.title ? h("div", { class: "image-title" }, text(block.title)) : null,
    picture(block, { full: true }),
  );
}

function input(block, context) {
  const node = element(block.element, block, context, true);
  const field = node.matches?.("input, textarea, select, button")
    ? node
    : node.querySelector?.("input, textarea");
  const id = `f-${block.block_id}-${Math.random().toString(36).slice(2, 8)}`;
  field?.setAttribute("id", id);
  return h(
    "div",
    { class: "input-block", dataset: { block: block.block_id } },
    h(
      "label",
      { class: "input-label", for: id },
      text(block.label),
      block.optional ? h("span", { class: "optional" }, " (optional)") : null,
    ),
    node,
    h("div", { class: "input-error", role: "alert" }),
    block.hint ? h("div", { class: "hint" }, text(block.hint)) : null,
  );
}

function card(block, context) {
  const small = block.icon ? h("span", { class: "card-icon" }, picture(block.icon)) : null;
  return h(
    "article",
    { class: "card" },
    block.hero_image ? h("div", { class: "card-hero" }, picture(block.hero_image)) : null,
    block.title || small
      ? h(
          "div",
          { class: "card-head" },
          small,
          h(
            "div",
            {},
            block.title ? h("div", { class: "card-title", dir: "auto" }, text(block.title)) : null,
            block.subtitle ? h("div", { class: "card-subtitle" }, text(block.subtitle)) : null,
          ),
        )
      : null,
    block.body ? h("div", { class: "card-body", dir: "auto" }, text(block.body)) : null,
    block.subtext ? h("div", { class: "card-subtext" }, text(block.subtext)) : null,
    block.actions?.length
      ? h(
          "div",
          { class: "actions" },
          block.actions.map((item) => element(item, block, context)),
        )
      : null,
  );
}

function carousel(block, context) {
  const track = h(
    "div",
    { class: "carousel-track", tabindex: "0" },
    (block.elements ?? []).map((one) => card(one, context)),
  );
  const move = (way) => track.scrollBy({ left: way * track.clientWidth * 0.8, behavior: "smooth" });
  const arrow = (name, way, label) =>
    h(
      "button",
      { type: "button", class: "carousel-arrow", "aria-label": label, on: { click: () => move(way) } },
      icon(name),
    );
  return h(
    "div",
    { class: "carousel" },
    track,
    h(
      "div",
      { class: "carousel-arrows" },
      arrow("left", -1, "Previous cards"),
      arrow("right", 1, "Next cards"),
    ),
  );
}

function container(block, context) {
  const title = h(
    "span",
    { class: "container-title", dir: "auto" },
    block.rich_text_title ? richText(block.rich_text_title) : text(block.title),
  );
  const subtitle = block.subtitle ? h("span", { class: "container-subtitle" }, text(block.subtitle)) : null;
  const children = h(
    "div",
    { class: "container-body" },
    renderBlocks(block.child_blocks ?? block.blocks ?? [], context),
  );
  const width = `container width-${block.width ?? "standard"}`;
  if (!block.is_collapsible)
    return h(
      "section",
      { class: width },
      h("div", { class: "container-head" }, h("span", { class: "container-words" }, title, subtitle)),
      children,
    );
  const head = h(
    "summary",
    { class: "container-head" },
    h("span", { class: "container-words" }, title, subtitle),
    icon("chevron"),
  );
  return h("details", { class: width, open: !block.default_collapsed }, head, children);
}

function alert(block) {
  const level = block.level ?? "default";
  return h(
    "div",
    { class: `alert ${level}`, role: "note" },
    icon(level === "success" ? "check" : level === "info" || level === "default" ? "info" : "warning"),
    h("div", {}, text(block.text)),
  );
}

const STATUS = { pending: "○", in_progress: "◐", complete: "●", error: "✕" };

function task(block) {
  return h(
    "div",
    { class: `task-card ${block.status ?? ""}` },
    h("span", { class: "task-status", "aria-label": block.status }, STATUS[block.status] ?? "○"),
    h(
      "div",
      {},
      h("div", {}, words(block.title)),
      block.details ? richText(block.details) : null,
      block.output ? richText(block.output) : null,
    ),
  );
}

const KINDS = {
  header: (block) =>
    h(
      `h${(block.level ?? 1) + 2}`,
      { class: `header level-${block.level ?? 1}`, dir: "auto" },
      text(block.text),
    ),
  section,
  context: (block) => h("div", { class: "context", dir: "auto" }, (block.elements ?? []).map(contextItem)),
  divider: () => h("hr"),
  actions: (block, context) =>
    h(
      "div",
      { class: "actions" },
      block.elements.map((item) => element(item, block, context)),
    ),
  context_actions: (block, context) =>
    h(
      "div",
      { class: "context-actions" },
      block.elements.map((item) => element(item, block, context)),
    ),
  image,
  input,
  rich_text: richText,
  markdown: (block) => markdown(block.text),
  table,
  data_table: dataTable,
  data_visualization: chart,
  card,
  carousel,
  container,
  alert,
  plan: (block) =>
    h(
      "div",
      { class: "plan" },
      h("div", { class: "plan-title" }, words(block.title)),
      (block.tasks ?? []).map(task),
    ),
  task_card: task,
  video: (block) =>
    h(
      "div",
      { class: "image-block" },
      h("div", { class: "image-title" }, text(block.title)),
      picture({ image_url: block.thumbnail_url, alt_text: block.alt_text }),
    ),
  file: (block) => (block.file ? fileCard(block.file) : h("div", { class: "unknown" }, "file")),
};

export function renderBlocks(blocks, context) {
  return blocks.map((block, index) => {
    const build = KINDS[block.type];
    const whole = block.block_id ? block : { ...block, block_id: `block-${index}` };
    const node = build
      ? build(whole, context)
      : h("div", { class: "unknown" }, `This message has a part that this page cannot show (${block.type}).`);
    return h("div", { class: `block block-${block.type}`, dataset: { blockId: whole.block_id } }, node);
  });
}
