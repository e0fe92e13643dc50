// Builds DOM nodes. Text only ever becomes text nodes, so nothing that somebody wrote can become markup.

const SVG = "http://www.w3.org/2000/svg";

function apply(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "dataset") {
      Object.assign(node.dataset, value);
    } else if (name === "style") {
      for (const [key, setting] of Object.entries(value)) node.style.setProperty(key, setting);
    } else if (name === "value") {
      node.value = value;
    } else {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
}

function fill(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child);
  }
  return node;
}

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  apply(node, props);
  return fill(node, children);
}

export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  apply(node, props);
  return fill(node, children);
}

export function fragment(...children) {
  return fill(document.createDocumentFragment(), children);
}

// Only addresses that a browser opens without running anything.
export function safeUrl(url) {
  try {
    const parsed = new URL(url, location.origin);
    return ["http:", "https:", "mailto:", "tel:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

export function link(url, ...children) {
  const href = safeUrl(url);
  if (!href) return h("span", {}, ...children);
  const ours = new URL(href).origin === location.origin && new URL(href).pathname.startsWith("/archives/");
  return ours
    ? h("a", { class: "link", href, dataset: { permalink: "1" } }, ...children)
    : h("a", { class: "link", href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

// Calls `listener` at a click outside `node`; returns the function that stops listening.
export function onOutside(node, listener) {
  const check = (event) => {
    if (!node.contains(event.target)) listener(event);
  };
  document.addEventListener("pointerdown", check, true);
  return () => document.removeEventListener("pointerdown", check, true);
}
