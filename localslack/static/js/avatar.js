// Pictures of people and apps: two tones and a silhouette or initial, always the same for the same id.

import { h } from "./dom.js";
import { appOfUser, store, user, userName } from "./store.js";

const TONES = [
  "#4A8FE7",
  "#D6562B",
  "#2BAC76",
  "#8D5FC7",
  "#C93B6E",
  "#1E8A9C",
  "#B7791F",
  "#5F6C7B",
  "#3E7C3A",
  "#9A4F96",
];

// Neighbours in the list of people never share a tone.
function tone(id) {
  const place = [...store.users.keys()].indexOf(id);
  return TONES[place < 0 ? 7 : place % TONES.length];
}

export function initials(name) {
  return (name.match(/[\p{L}\p{N}]/u)?.[0] ?? "?").toUpperCase();
}

export function avatar(id, size = 36, name = null) {
  const app = appOfUser(id);
  const shown = name ?? userName(id) ?? app?.name ?? String(id ?? "?");
  const image = user(id)?.profile?.image_72;
  const own = image && new URL(image, location.origin).origin === location.origin ? image : null;
  return h(
    "span",
    {
      class: `avatar${app ? " app" : ""}`,
      "aria-hidden": "true",
      style: { "--size": `${size}px`, "--tone": tone(id) },
    },
    own ? h("img", { src: own, alt: "" }) : initials(shown),
  );
}
