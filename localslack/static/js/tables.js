// The `table` block and the sortable, paged `data_table` block.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { plain } from "./mrkdwn.js";
import { richText, richWords } from "./richtext.js";

const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 6 });

function cellNode(cell) {
  if (!cell) return "";
  if (cell.type === "rich_text") return richText(cell);
  if (cell.type === "raw_number") return document.createTextNode(cell.text ?? number.format(cell.value));
  return plain(cell.text ?? "");
}

const cellWords = (cell) =>
  cell?.type === "rich_text" ? richWords(cell) : String(cell?.text ?? cell?.value ?? "");

export function table(block) {
  const settings = block.column_settings ?? [];
  const line = (row, tag) =>
    h(
      "tr",
      {},
      row.map((cell, index) =>
        h(
          tag,
          {
            class: settings[index]?.is_wrapped ? "wrapped" : null,
            style: { "text-align": settings[index]?.align ?? "left" },
            dir: "auto",
          },
          cellNode(cell),
        ),
      ),
    );
  const [head, ...rows] = block.rows ?? [];
  return h(
    "div",
    { class: "table-scroll", tabindex: "0" },
    h(
      "table",
      { class: "table" },
      h("thead", {}, head ? line(head, "th") : null),
      h(
        "tbody",
        {},
        rows.map((row) => line(row, "td")),
      ),
    ),
  );
}

// Slack sorts by number only where a whole column is raw numbers.
function comparison(rows, column) {
  const numeric = rows.every((row) => row[column]?.type === "raw_number");
  return numeric
    ? (a, b) => a[column].value - b[column].value
    : (a, b) => cellWords(a[column]).localeCompare(cellWords(b[column]), "en", { numeric: true });
}

export function dataTable(block) {
  const [head, ...rows] = block.rows ?? [[]];
  const size = block.page_size ?? 5;
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const numeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => row[column]?.type === "raw_number"),
  );
  const titleColumn = block.row_header_column_index ?? 0;
  let page = 0;
  let sort = null;
  const body = h("tbody");
  const heads = head.map((cell, column) => {
    const sorter = h(
      "button",
      { type: "button", class: "sort", title: "Sort", on: { click: () => sortBy(column) } },
      h("span", {}, cellNode(cell)),
      icon("sort", 14),
    );
    return h("th", { scope: "col", class: numeric[column] ? "number" : null, dir: "auto" }, sorter);
  });
  const position = h("span", { class: "pager-position" });
  const turn = (name, way, label) =>
    h(
      "button",
      { type: "button", class: "icon-button", "aria-label": label, on: { click: () => show(page + way) } },
      icon(name),
    );
  const back = turn("left", -1, "Previous page");
  const next = turn("right", 1, "Next page");

  function sorted() {
    if (!sort) return rows;
    const compare = comparison(rows, sort.column);
    return [...rows].sort((a, b) => (sort.down ? compare(b, a) : compare(a, b)));
  }
  function show(wanted) {
    page = Math.max(0, Math.min(wanted, pages - 1));
    const shown = sorted().slice(page * size, (page + 1) * size);
    body.replaceChildren(
      ...shown.map((row) =>
        h(
          "tr",
          {},
          row.map((cell, column) =>
            h(
              column === titleColumn ? "th" : "td",
              {
                scope: column === titleColumn ? "row" : null,
                class: numeric[column] ? "number" : null,
                dir: "auto",
              },
              cellNode(cell),
            ),
          ),
        ),
      ),
    );
    position.textContent = rows.length
      ? `${page * size + 1}–${Math.min((page + 1) * size, rows.length)} of ${rows.length}`
      : "No rows";
    back.disabled = page === 0;
    next.disabled = page === pages - 1;
    heads.forEach((node, column) => {
      const state = sort?.column === column ? (sort.down ? "descending" : "ascending") : "none";
      node.setAttribute("aria-sort", state);
      node
        .querySelector("svg")
        .replaceWith(icon({ none: "sort", ascending: "up", descending: "down" }[state], 14));
    });
  }
  // First click up, second down, third as posted.
  function sortBy(column) {
    sort = sort?.column !== column ? { column, down: false } : sort.down ? null : { column, down: true };
    show(0);
  }
  show(0);
  return h(
    "figure",
    { class: "data-table" },
    h("figcaption", { dir: "auto" }, plain(block.caption ?? "")),
    h(
      "div",
      { class: "table-scroll", tabindex: "0" },
      h("table", { class: "table" }, h("thead", {}, h("tr", {}, heads)), body),
    ),
    pages > 1 ? h("div", { class: "pager" }, position, back, next) : null,
  );
}
