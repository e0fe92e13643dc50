// The `rich_text` block: sections, lists, quotes and preformatted text as DOM nodes.

import { h, link } from "./dom.js";
import { broadcast, channelMention, emojiNode, userMention } from "./mrkdwn.js";
import { dateToken } from "./time.js";

const STYLES = { code: "code", bold: "b", italic: "i", strike: "s", underline: "u" };

function styled(node, style = {}) {
  return Object.entries(STYLES).reduce(
    (inner, [name, tag]) => (style[name] ? h(tag, {}, inner) : inner),
    node,
  );
}

function unicodeEmoji(element) {
  const points = element.unicode?.split("-").map((code) => Number.parseInt(code, 16));
  return points?.every((point) => point > 0 && point <= 0x10ffff)
    ? h("span", { class: "emoji" }, String.fromCodePoint(...points))
    : `:${element.name}:`;
}

const KINDS = {
  text: (element) => document.createTextNode(element.text ?? ""),
  link: (element) => link(element.url, element.text || element.url),
  emoji: (element) => emojiNode(element.name) ?? unicodeEmoji(element),
  user: (element) => userMention(element.user_id),
  channel: (element) => channelMention(element.channel_id),
  broadcast: (element) => broadcast(element.range),
  usergroup: () => h("span", { class: "mention" }, "@group"),
  date: (element) =>
    h(
      "span",
      { class: "date" },
      element.format ? dateToken(element.timestamp, element.format) : element.fallback,
    ),
  color: (element) =>
    h(
      "span",
      { class: "swatch-text" },
      h("span", {
        class: "swatch",
        style: { background: /^#[0-9a-f]{3,8}$/i.test(element.value) ? element.value : "none" },
      }),
      element.value,
    ),
};

function inline(elements) {
  return (elements ?? []).map((element) => styled(KINDS[element.type]?.(element) ?? "", element.style));
}

function list(block) {
  const ordered = block.style === "ordered";
  return h(
    ordered ? "ol" : "ul",
    {
      class: `indent-${Math.min(block.indent ?? 0, 8)}`,
      start: ordered && block.offset ? block.offset + 1 : null,
    },
    block.elements.map((section) => h("li", {}, inline(section.elements))),
  );
}

const PARTS = {
  rich_text_section: (part) => h("p", {}, inline(part.elements)),
  rich_text_list: list,
  rich_text_quote: (part) => h("blockquote", {}, inline(part.elements)),
  rich_text_preformatted: (part) => h("pre", {}, inline(part.elements)),
};

export function richText(block) {
  return h(
    "div",
    { class: "rich-text", dir: "auto" },
    (block.elements ?? []).map((part) => PARTS[part.type]?.(part)),
  );
}

// The words alone, for sorting and for titles.
export function richWords(block) {
  const words = (element) =>
    element.text ?? element.elements?.map(words).join("") ?? (element.name ? `:${element.name}:` : "");
  return words({ elements: block.elements ?? [] });
}
