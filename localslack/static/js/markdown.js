// The `markdown` block: standard Markdown (headings, lists, tasks, tables, code, quotes) as DOM nodes.

import { fragment, h, link } from "./dom.js";
import { emojiCharacter } from "./emoji.js";
import { broadcast, channelMention, emojiNode, userMention } from "./mrkdwn.js";

const PATTERNS = [
  [/^`([^`]+)`/, (m) => h("code", {}, m[1])],
  [/^<@([UWB]\w+)(?:\|[^>]*)?>/, (m) => userMention(m[1])],
  [/^<#([CG]\w+)(?:\|([^>]*))?>/, (m) => channelMention(m[1], m[2])],
  [/^<!(here|channel|everyone)>/, (m) => broadcast(m[1])],
  [/^<(https?:\/\/[^|>\s]+)(?:\|([^>]*))?>/, (m) => link(m[1], m[2] ?? m[1])],
  [/^!?\[([^\]]*)\]\(([^\s)]+)(?:\s+"[^"]*")?\)/, (m) => link(m[2], inline(m[1] || m[2]))],
  [/^(?:\*\*|__)(?=\S)(.+?\S|\S)(?:\*\*|__)/, (m) => h("b", {}, inline(m[1]))],
  [/^~~?(?=\S)(.+?)~~?/, (m) => h("s", {}, inline(m[1]))],
  [/^\*(?=\S)([^*]*\S)\*/, (m) => h("i", {}, inline(m[1]))],
  [/^_(?=\S)([^_]*\S)_(?!\w)/, (m, before) => (/\w/.test(before) ? null : h("i", {}, inline(m[1])))],
  [/^:([a-z0-9_+'-]+):/, (m) => (emojiCharacter(m[1]) ? emojiNode(m[1]) : null)],
  [
    /^https?:\/\/[^\s<>`]+[^\s<>`.,;:!?)\]}'"*_~]/,
    (m, before) => (/\w/.test(before) ? null : link(m[0], m[0])),
  ],
  [/^\\([\\`*_{}[\]()#+.!|~>-])/, (m) => m[1]],
  [/^&(amp|lt|gt|quot);/, (m) => ({ amp: "&", lt: "<", gt: ">", quot: '"' })[m[1]]],
];
const STARTS = /[`<![*_~:h\\&]/;

function inline(text) {
  const nodes = [];
  let buffer = "";
  let at = 0;
  while (at < text.length) {
    let found = null;
    if (STARTS.test(text[at])) {
      const rest = text.slice(at);
      for (const [pattern, build] of PATTERNS) {
        const match = pattern.exec(rest);
        const node = match && build(match, text[at - 1] ?? " ");
        if (node) {
          found = [node, match[0].length];
          break;
        }
      }
    }
    if (found) {
      nodes.push(buffer, found[0]);
      buffer = "";
      at += found[1];
    } else {
      buffer += text[at++];
    }
  }
  nodes.push(buffer);
  return fragment(nodes.filter((node) => node !== ""));
}

const cells = (row) =>
  row
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const RULE = /^\s*(?:-{3,}|\*{3,}|_{3,})\s*$/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const FENCE = /^\s*(?:```|~~~)\s*([\w+-]*)\s*$/;
const DELIMITER = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

function table(rows) {
  const aligns = cells(rows[1]).map((cell) =>
    /^:.*:$/.test(cell) ? "center" : /:$/.test(cell) ? "right" : "left",
  );
  const line = (row, tag) =>
    h(
      "tr",
      {},
      cells(row).map((cell, index) =>
        h(tag, { style: { "text-align": aligns[index] ?? "left" } }, inline(cell)),
      ),
    );
  return h(
    "div",
    { class: "table-scroll" },
    h(
      "table",
      { class: "table" },
      h("thead", {}, line(rows[0], "th")),
      h(
        "tbody",
        {},
        rows.slice(2).map((row) => line(row, "td")),
      ),
    ),
  );
}

function item(words) {
  const task = /^\[([ xX])\]\s+(.*)$/.exec(words);
  if (!task) return h("li", {}, inline(words));
  const done = task[1] !== " ";
  return h(
    "li",
    { class: "task" },
    h("input", { type: "checkbox", disabled: true, checked: done }),
    h("span", { class: done ? "done" : null }, inline(task[2])),
  );
}

// Consecutive item lines, nested by their indent.
function list(rows) {
  const root = h("div");
  const stack = [];
  for (const row of rows) {
    const [, space, mark, words] = ITEM.exec(row);
    const indent = space.replaceAll("\t", "    ").length;
    while (stack.length && indent < stack.at(-1).indent) stack.pop();
    if (!stack.length || indent > stack.at(-1).indent + 1) {
      const ordered = /\d/.test(mark);
      const node = h(ordered ? "ol" : "ul", ordered ? { start: Number.parseInt(mark, 10) } : {});
      (stack.length ? stack.at(-1).node.lastElementChild : root).append(node);
      stack.push({ indent, node });
    }
    stack.at(-1).node.append(item(words));
  }
  return [...root.children];
}

export function markdown(text) {
  const rows = (text ?? "").replaceAll("\r\n", "\n").split("\n");
  const nodes = [];
  const take = (test) => {
    const taken = [];
    while (at < rows.length && test(rows[at])) taken.push(rows[at++]);
    return taken;
  };
  let at = 0;
  while (at < rows.length) {
    const row = rows[at];
    const fence = FENCE.exec(row);
    const heading = HEADING.exec(row);
    if (fence) {
      at += 1;
      nodes.push(
        h(
          "pre",
          { dataset: fence[1] ? { language: fence[1] } : {} },
          take((line) => !/^\s*(?:```|~~~)\s*$/.test(line)).join("\n"),
        ),
      );
      at += 1;
    } else if (!row.trim()) {
      at += 1;
    } else if (heading) {
      nodes.push(
        h(
          `h${Math.min(heading[1].length + 2, 6)}`,
          { class: `md-h${heading[1].length}` },
          inline(heading[2]),
        ),
      );
      at += 1;
    } else if (RULE.test(row)) {
      nodes.push(h("hr"));
      at += 1;
    } else if (/^\s*>/.test(row)) {
      nodes.push(
        h(
          "blockquote",
          {},
          markdown(
            take((line) => /^\s*>/.test(line))
              .map((line) => line.replace(/^\s*> ?/, ""))
              .join("\n"),
          ),
        ),
      );
    } else if (ITEM.test(row)) {
      nodes.push(...list(take((line) => ITEM.test(line))));
    } else if (row.includes("|") && DELIMITER.test(rows[at + 1] ?? "")) {
      nodes.push(table(take((line) => line.includes("|"))));
    } else {
      const paragraph = [rows[at++]];
      const ends = (line) =>
        !line.trim() ||
        FENCE.test(line) ||
        HEADING.test(line) ||
        RULE.test(line) ||
        /^\s*>/.test(line) ||
        ITEM.test(line);
      paragraph.push(...take((line) => !ends(line)));
      nodes.push(h("p", {}, inline(paragraph.join("\n"))));
    }
  }
  return h("div", { class: "markdown", dir: "auto" }, nodes);
}
