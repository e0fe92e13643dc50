// Slack's mrkdwn as DOM nodes: bold, italic, strike, code, quotes, links, mentions, dates and emoji.

import { fragment, h, link, safeUrl } from "./dom.js";
import { emojiCharacter } from "./emoji.js";
import { channelName, isMe, userName } from "./store.js";
import { dateToken } from "./time.js";

const WORD = /[\p{L}\p{N}]/u;
const TAGS = { "*": "b", _: "i", "~": "s" };

export const unescape = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

export function emojiNode(name) {
  const character = emojiCharacter(name);
  return character
    ? h("span", { class: "emoji", title: `:${name}:`, role: "img", "aria-label": name }, character)
    : null;
}

// Text without markup, but with :names: of emoji replaced.
export function plain(text) {
  const parts = unescape(text ?? "").split(/(:[a-z0-9_+'-]+:)/);
  return fragment(parts.map((part) => (/^:.+:$/.test(part) && emojiNode(part.slice(1, -1))) || part));
}

export function userMention(id, label) {
  const name = userName(id) ?? label ?? id;
  return h("span", { class: isMe(id) ? "mention me" : "mention", dataset: { user: id } }, `@${name}`);
}

export function channelMention(id, label) {
  const name = channelName(id) ?? label;
  if (!name) return h("span", { class: "mention" }, "#private-channel");
  return h("a", { class: "mention", href: `/archives/${id}`, dataset: { permalink: "1" } }, `#${name}`);
}

export function broadcast(range) {
  return h("span", { class: "mention me" }, `@${range}`);
}

function dateNode(body, label) {
  const [, seconds, format, url] = body.split("^");
  const words =
    /^\d+$/.test(seconds ?? "") && format ? dateToken(seconds, unescape(format)) : unescape(label ?? "");
  return url ? link(unescape(url), words) : h("span", { class: "date", title: unescape(label ?? "") }, words);
}

// What stands between < and >.
function special(inside) {
  const bar = inside.indexOf("|");
  const body = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? null : inside.slice(bar + 1);
  if (/^@[UWB]\w+$/.test(body)) return userMention(body.slice(1), label);
  if (/^#[CGD]\w+$/.test(body)) return channelMention(body.slice(1), label);
  if (body.startsWith("!date^")) return dateNode(body, label);
  if (/^!(here|channel|everyone)$/.test(body)) return broadcast(body.slice(1));
  if (body.startsWith("!subteam^")) return h("span", { class: "mention" }, unescape(label ?? "@group"));
  const url = unescape(body);
  if (/^[a-z][a-z0-9+.-]*:/i.test(url) && safeUrl(url)) {
    return link(url, label ? inline(label) : url.replace(/^mailto:/, ""));
  }
  return document.createTextNode(unescape(`<${inside}>`));
}

// The end of an atom (`<…>` or `code`) that starts at `at`, else -1: formatting never reaches into one.
function atomEnd(text, at) {
  const match = /^(?:<[^<>\n]+>|`[^`\n]+`)/.exec(text.slice(at));
  return match ? at + match[0].length : -1;
}

function closing(text, from, delimiter) {
  for (let at = from; at < text.length && text[at] !== "\n"; at += 1) {
    const end = atomEnd(text, at);
    if (end > 0) {
      at = end - 1;
    } else if (
      text[at] === delimiter &&
      at > from &&
      !/\s/.test(text[at - 1]) &&
      !WORD.test(text[at + 1] ?? "")
    ) {
      return at;
    }
  }
  return -1;
}

export function inline(text) {
  const nodes = [];
  let buffer = "";
  const flush = () => {
    if (buffer) nodes.push(unescape(buffer));
    buffer = "";
  };
  const push = (node, length) => {
    flush();
    nodes.push(node);
    at += length;
  };
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const character = text[at];
    const before = text[at - 1] ?? " ";
    let match;
    if (character === "<" && (match = /^<([^<>\n]+)>/.exec(rest))) {
      push(special(match[1]), match[0].length);
    } else if (character === "`" && (match = /^`([^`\n]+)`/.exec(rest))) {
      push(
        h(
          "code",
          {},
          unescape(match[1].replace(/<([^<>|]+)(?:\|([^<>]+))?>/g, (_, url, label) => label ?? url)),
        ),
        match[0].length,
      );
    } else if (
      TAGS[character] &&
      !WORD.test(before) &&
      /\S/.test(text[at + 1] ?? " ") &&
      closing(text, at + 1, character) > 0
    ) {
      const end = closing(text, at + 1, character);
      push(h(TAGS[character], {}, inline(text.slice(at + 1, end))), end + 1 - at);
    } else if (
      character === ":" &&
      (match = /^:([a-z0-9_+'-]+):(?::?skin-tone-\d:)?/.exec(rest)) &&
      emojiCharacter(match[1])
    ) {
      push(emojiNode(match[1]), match[0].length);
    } else if (
      character === "h" &&
      !WORD.test(before) &&
      (match = /^https?:\/\/[^\s<>`|]+[^\s<>`|.,;:!?)\]}'"*_~]/.exec(rest))
    ) {
      push(link(unescape(match[0]), unescape(match[0])), match[0].length);
    } else {
      buffer += character;
      at += 1;
    }
  }
  flush();
  return fragment(nodes);
}

const QUOTE = /^(?:>|&gt;)(?!(?:>|&gt;){2}) ?/;
const LONG_QUOTE = /^(?:>|&gt;){3} ?/;

function lines(text) {
  const nodes = [];
  const rows = text.split("\n");
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) nodes.push(inline(paragraph.join("\n")));
    paragraph = [];
  };
  for (let at = 0; at < rows.length; at += 1) {
    if (LONG_QUOTE.test(rows[at])) {
      flush();
      nodes.push(
        h("blockquote", {}, inline([rows[at].replace(LONG_QUOTE, ""), ...rows.slice(at + 1)].join("\n"))),
      );
      return nodes;
    }
    if (QUOTE.test(rows[at])) {
      flush();
      const quoted = [];
      while (at < rows.length && QUOTE.test(rows[at])) quoted.push(rows[at++].replace(QUOTE, ""));
      at -= 1;
      nodes.push(h("blockquote", {}, inline(quoted.join("\n"))));
    } else {
      paragraph.push(rows[at]);
    }
  }
  flush();
  return nodes;
}

const ONLY_EMOJI = /^(?:\s*:[a-z0-9_+'-]+:\s*){1,23}$/;

export function mrkdwn(text) {
  const source = text ?? "";
  const parts = source.split(/```\n?([\s\S]*?)\n?```\n?/);
  const nodes = parts.map((part, index) =>
    index % 2
      ? h("pre", {}, unescape(part.replace(/<([^<>|]+)(?:\|([^<>]+))?>/g, (_, url, label) => label ?? url)))
      : lines(part),
  );
  const jumbo =
    ONLY_EMOJI.test(source) && source.match(/:[^:\s]+:/g).every((name) => emojiCharacter(name.slice(1, -1)));
  return h("div", { class: jumbo ? "mrkdwn jumbo" : "mrkdwn", dir: "auto" }, nodes);
}
