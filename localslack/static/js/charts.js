// The `data_visualization` block: line, bar, area and pie charts as SVG, redrawn to the width they get.

import { h, svg } from "./dom.js";

const COLOURS = [
  "#1264A3",
  "#E8912D",
  "#2BAC76",
  "#CD2553",
  "#7C4DBC",
  "#0B97A7",
  "#B5872B",
  "#5B6770",
  "#D45D9E",
  "#6B8E23",
  "#A0522D",
  "#3F51B5",
];
const HEIGHT = 250;
const DENSE = 32; // pixels between points
const colour = (index) => COLOURS[index % COLOURS.length];

// Round steps of 1, 2 or 5 that cover the values.
export function ticks(low, high, wanted = 5) {
  if (low === high) {
    const pad = Math.abs(low) / 10 || 1;
    return ticks(low - pad, high + pad, wanted);
  }
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) * power;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e9) return `${Number((value / 1e9).toPrecision(3))}B`;
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}K`;
  if (size > 0 && size < 1e-3) return value.toExponential(1).replace("e-", "e−");
  return String(Number(value.toPrecision(4))).replace("-", "−");
}

function tip(words) {
  return svg("title", {}, words);
}

function valuesOf(series, categories) {
  const byLabel = new Map(series.data.map((point) => [point.label, point.value]));
  return categories.map((label) => byLabel.get(label) ?? null);
}

function axes(chart, width, zero) {
  const config = chart.axis_config ?? {};
  const categories = config.categories ?? chart.series[0].data.map((point) => point.label);
  const rows = chart.series.map((series) => valuesOf(series, categories));
  const all = rows.flat().filter((value) => value !== null);
  const marks = ticks(Math.min(...all, ...(zero ? [0] : [])), Math.max(...all, ...(zero ? [0] : [])));
  const left = 14 + Math.max(...marks.map((mark) => short(mark).length)) * 6.6 + (config.y_label ? 18 : 0);
  const box = { left, right: width - 12, top: 12, bottom: HEIGHT - 28 - (config.x_label ? 18 : 0) };
  const y = (value) => box.bottom - ((value - marks[0]) / (marks.at(-1) - marks[0])) * (box.bottom - box.top);
  const band = (box.right - box.left) / categories.length;
  const centre = (index) => box.left + band * (index + 0.5);
  const longest = Math.max(...categories.map((label) => label.length)) * 6.2 + 10;
  const every = Math.ceil(longest / band);
  const nodes = [
    ...marks.flatMap((mark) => [
      svg("line", {
        class: mark === 0 ? "axis zero" : "axis",
        x1: box.left,
        x2: box.right,
        y1: y(mark),
        y2: y(mark),
      }),
      svg("text", { class: "tick", x: box.left - 7, y: y(mark) + 4, "text-anchor": "end" }, short(mark)),
    ]),
    ...categories.map((label, index) =>
      index % every === 0
        ? svg("text", { class: "tick", x: centre(index), y: box.bottom + 17, "text-anchor": "middle" }, label)
        : null,
    ),
    config.x_label
      ? svg(
          "text",
          { class: "axis-label", x: (box.left + box.right) / 2, y: HEIGHT - 4, "text-anchor": "middle" },
          config.x_label,
        )
      : null,
    config.y_label
      ? svg(
          "text",
          {
            class: "axis-label",
            transform: `translate(12 ${(box.top + box.bottom) / 2}) rotate(-90)`,
            "text-anchor": "middle",
          },
          config.y_label,
        )
      : null,
  ];
  return { categories, rows, box, y, band, centre, marks, nodes };
}

// Runs of neighbouring points, so that a gap stays a gap.
function strokes(values) {
  const runs = [];
  values.forEach((value, index) => {
    if (value === null) return;
    if (index && values[index - 1] !== null && runs.length) runs.at(-1).push(index);
    else runs.push([index]);
  });
  return runs;
}

function curves(chart, width, filled) {
  const plane = axes(chart, width, filled);
  const base = plane.y(Math.max(plane.marks[0], Math.min(0, plane.marks.at(-1))));
  const dense = plane.band < DENSE; // dots that near would hide the lines
  const nodes = chart.series.flatMap((series, index) => {
    const values = plane.rows[index];
    const at = (point) => `${plane.centre(point).toFixed(1)},${plane.y(values[point]).toFixed(1)}`;
    const runs = strokes(values);
    return [
      ...(filled
        ? runs.map((run) =>
            svg("path", {
              class: "area",
              fill: colour(index),
              d: `M${plane.centre(run[0])},${base}L${run.map(at).join("L")}L${plane.centre(run.at(-1))},${base}Z`,
            }),
          )
        : []),
      ...runs.map((run) =>
        svg("path", { class: "curve", stroke: colour(index), d: `M${run.map(at).join("L")}` }),
      ),
      ...runs
        .flat()
        .map((point) =>
          svg(
            "circle",
            {
              class: dense ? "point dense" : "point",
              fill: colour(index),
              cx: plane.centre(point),
              cy: plane.y(values[point]),
              r: 3,
            },
            tip(`${series.name}, ${plane.categories[point]}: ${values[point]}`),
          ),
        ),
    ];
  });
  return [...plane.nodes, ...nodes];
}

function bars(chart, width) {
  const plane = axes(chart, width, true);
  const thick = Math.min(44, (plane.band * 0.72) / chart.series.length);
  const base = plane.y(0);
  const nodes = chart.series.flatMap((series, index) =>
    plane.rows[index].map((value, point) => {
      if (value === null) return null;
      const x = plane.centre(point) + (index - chart.series.length / 2) * thick;
      const top = Math.min(base, plane.y(value));
      const size = {
        x: x + 1,
        y: top,
        width: Math.max(1, thick - 2),
        height: Math.max(1, Math.abs(base - plane.y(value))),
        rx: 2,
      };
      return svg(
        "rect",
        { class: "bar", fill: colour(index), ...size },
        tip(`${series.name}, ${plane.categories[point]}: ${value}`),
      );
    }),
  );
  return [...plane.nodes, ...nodes];
}

function pie(chart, width) {
  const total = chart.segments.reduce((sum, segment) => sum + segment.value, 0);
  const radius = HEIGHT / 2 - 14;
  const [cx, cy] = [width / 2, HEIGHT / 2];
  let angle = -Math.PI / 2;
  return chart.segments.map((segment, index) => {
    const share = segment.value / total;
    const words = tip(`${segment.label}: ${segment.value} (${(share * 100).toFixed(1)}%)`);
    if (share > 0.9999)
      return svg("circle", { class: "slice", cx, cy, r: radius, fill: colour(index) }, words);
    const start = angle;
    angle += share * 2 * Math.PI;
    const on = (value) =>
      `${(cx + radius * Math.cos(value)).toFixed(2)},${(cy + radius * Math.sin(value)).toFixed(2)}`;
    return svg(
      "path",
      {
        class: "slice",
        fill: colour(index),
        d: `M${cx},${cy}L${on(start)}A${radius},${radius} 0 ${share > 0.5 ? 1 : 0} 1 ${on(angle)}Z`,
      },
      words,
    );
  });
}

const KINDS = {
  line: (chart, width) => curves(chart, width, false),
  area: (chart, width) => curves(chart, width, true),
  bar: bars,
  pie,
};

function legend(chart) {
  const total = chart.segments?.reduce((sum, segment) => sum + segment.value, 0);
  const names = chart.segments
    ? chart.segments.map((segment) => `${segment.label} ${((segment.value / total) * 100).toFixed(1)}%`)
    : chart.series.map((series) => series.name);
  return h(
    "ul",
    { class: "legend" },
    names.map((name, index) =>
      h(
        "li",
        {},
        h("span", { class: "key", style: { background: colour(index) } }),
        h("span", { dir: "auto" }, name),
      ),
    ),
  );
}

function described(chart) {
  if (chart.segments) return chart.segments.map((segment) => `${segment.label} ${segment.value}`).join(", ");
  return chart.series
    .map(
      (series) => `${series.name}: ${series.data.map((point) => `${point.label} ${point.value}`).join(", ")}`,
    )
    .join("; ");
}

export function chart(block) {
  const draw = KINDS[block.chart?.type];
  if (!draw) return h("div", { class: "unknown" }, "chart");
  const canvas = h("div", { class: "chart-canvas" });
  const paint = (width) => {
    const picture = svg("svg", {
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: "img",
      "aria-label": `${block.title}. ${described(block.chart)}`,
    });
    picture.append(...draw(block.chart, width).filter(Boolean));
    canvas.replaceChildren(picture);
  };
  let last = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width > 80 && width !== last) paint((last = width));
  }).observe(canvas);
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", { dir: "auto" }, block.title),
    canvas,
    legend(block.chart),
  );
}
