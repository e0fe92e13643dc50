// The sidebar: workspace, channels, direct messages, apps; and who one acts as.

import { post } from "./api.js";
import { avatar } from "./avatar.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { menu, toggles } from "./menus.js";
import { ask, input } from "./prompt.js";
import { channelTitle, isMe, partner, store, user, userName } from "./store.js";

const folded = new Set();
const MOST = 10; // colleagues listed before any conversation with them

function entry({ id, label, mark, unread, mentions, current, href, open }) {
  const classes = ["side-item", current && "current", unread && "unread"].filter(Boolean).join(" ");
  const link = h(
    "a",
    { class: classes, href, "aria-current": current ? "page" : null, dataset: { channel: id } },
    h("span", { class: "side-mark" }, mark),
    h("span", { class: "side-label", dir: "auto" }, label),
    mentions ? h("span", { class: "side-count" }, String(mentions)) : null,
  );
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    open();
  });
  return link;
}

function section(title, rows, tail = null) {
  const open = !folded.has(title);
  const head = h(
    "button",
    { type: "button", class: "side-title", "aria-expanded": String(open) },
    icon("chevron", 16),
    h("span", {}, title),
  );
  const body = h("div", { class: "side-rows", hidden: !open }, rows, tail);
  head.addEventListener("click", () => {
    folded[folded.has(title) ? "delete" : "add"](title);
    body.hidden = folded.has(title);
    head.setAttribute("aria-expanded", String(!body.hidden));
  });
  return h("section", { class: "side-section" }, head, body);
}

async function createChannel(go) {
  const name = await input("Create a channel", "Name", "e.g. plan-budget", "Create");
  if (!name) return;
  const { channel } = await post("channel", {
    action: "create",
    name: name.toLowerCase().replaceAll(/[^\w-]+/g, "-"),
  });
  store.channels.set(channel.id, channel);
  await go.channel(channel.id);
}

export function channelMenu(anchor, channel) {
  const act = (action, extra = {}) => post("channel", { action, channel: channel.id, ...extra });
  const entries = [
    {
      label: "Add people and apps…",
      icon: icon("people", 16),
      run: () =>
        menu(
          anchor,
          [...store.users.values()]
            .filter((one) => !one.deleted && !(channel.members ?? []).includes(one.id))
            .map((one) => ({
              label: userName(one.id),
              search: userName(one.id),
              icon: avatar(one.id, 20),
              note: one.is_bot ? "app" : null,
              run: () => act("invite", { users: [one.id] }),
            })),
          { search: true, label: "Add people" },
        ),
    },
    {
      label: "Rename channel…",
      icon: icon("pencil", 16),
      run: async () => {
        const name = await input(
          "Rename this channel",
          "Channel name",
          channel.name,
          "Save changes",
          channel.name,
        );
        if (name && name !== channel.name) act("rename", { name });
      },
    },
    { divider: true },
    { label: "Leave channel", run: () => act("leave") },
    {
      label: "Archive channel",
      danger: true,
      run: async () =>
        (await ask(
          "Archive this channel?",
          "Nobody will be able to post in it any more.",
          "Archive channel",
        )) && act("archive"),
    },
  ];
  menu(anchor, entries, { label: "Channel" });
}

function people(go) {
  return [...store.users.values()]
    .filter((one) => !one.deleted && !one.is_bot && !isMe(one.id))
    .map((one) => ({
      label: userName(one.id),
      search: `${userName(one.id)} ${one.name}`,
      icon: avatar(one.id, 20),
      run: () => go.person(one.id),
    }));
}

export function sidebar(go) {
  const channels = [...store.channels.values()];
  const open = store.current;
  const byTitle = (a, b) => channelTitle(a).localeCompare(channelTitle(b));
  const rooms = channels.filter((one) => !one.is_im && !one.is_mpim && !one.is_archived);
  const row = (channel, mark) =>
    entry({
      id: channel.id,
      label: channelTitle(channel),
      mark,
      unread: channel.unread_count > 0 && channel.is_member !== false && channel.id !== open,
      mentions: channel.id === open ? 0 : channel.is_im ? channel.unread_count : channel.mention_count,
      current: channel.id === open,
      href: `/archives/${channel.id}?user=${store.me}`,
      open: () => go.channel(channel.id),
    });
  const direct = channels.filter(
    (one) => (one.is_im && !store.apps.some((app) => app.bot_user === partner(one))) || one.is_mpim,
  );
  const known = new Set(direct.map(partner));
  const colleagues = [...store.users.values()]
    .filter((one) => !one.is_bot && !one.deleted && !isMe(one.id) && !known.has(one.id))
    .slice(0, MOST);
  const mine = rooms.filter((one) => one.is_member !== false).sort(byTitle);
  const others = rooms.filter((one) => one.is_member === false).sort(byTitle);
  const add = (label, run) => {
    const node = h(
      "button",
      { type: "button", class: "side-item add" },
      h("span", { class: "side-mark" }, icon("plus", 16)),
      h("span", { class: "side-label" }, label),
    );
    toggles(node, () => run(node));
    return node;
  };
  const addChannel = add("Add channels", (node) =>
    menu(
      node,
      [
        { label: "Create a channel…", icon: icon("plus", 16), run: () => createChannel(go) },
        ...others.map((one) => ({
          label: `Browse #${one.name}`,
          icon: icon("hash", 16),
          run: () => go.channel(one.id),
        })),
      ],
      { label: "Channels" },
    ),
  );
  const addPerson = add("New message", (node) => menu(node, people(go), { search: true, label: "People" }));
  const apps = store.apps.map((app) => {
    const channel = channels.find((one) => one.is_im && partner(one) === app.bot_user);
    return entry({
      id: channel?.id ?? app.id,
      label: app.name,
      mark: avatar(app.bot_user, 20, app.name),
      unread: channel?.unread_count > 0 && channel.id !== open,
      mentions: channel && channel.id !== open ? channel.unread_count : 0,
      current: Boolean(open) && (channel?.id === open || open === app.id),
      href: `/?user=${store.me}&app=${app.id}`,
      open: () => go.app(app),
    });
  });
  const acting = h(
    "button",
    { type: "button", class: "acting", "aria-label": `Acting as ${userName(store.me)}. Switch person` },
    avatar(store.me, 36),
    h("span", { class: "presence" }),
  );
  const workspace = h(
    "button",
    { type: "button", class: "workspace-name", "aria-label": "Switch person" },
    h("span", {}, store.team.name),
    icon("chevron", 18),
  );
  const who = (anchor) => {
    const entries = [...store.users.values()]
      .filter((one) => !one.is_bot && !one.deleted)
      .map((one) => ({
        label: userName(one.id),
        note: one.is_restricted ? "guest" : `@${one.name}`,
        icon: avatar(one.id, 20),
        selected: isMe(one.id),
        run: () => go.actAs(one.id),
      }));
    menu(anchor, [{ heading: "Act as" }, ...entries], { label: "Act as" });
  };
  toggles(acting, () => who(acting));
  toggles(workspace, () => who(workspace));
  return {
    rail: h(
      "nav",
      { class: "rail", "aria-label": "Workspace" },
      h("span", { class: "team-square", "aria-hidden": "true" }, (store.team.name ?? "?")[0].toUpperCase()),
      h(
        "a",
        { class: "rail-item current", href: `/?user=${store.me}` },
        h("span", { class: "rail-icon" }, icon("home", 20)),
        "Home",
      ),
      h("span", { class: "gap" }),
      acting,
    ),
    panel: h(
      "aside",
      { class: "sidebar", "aria-label": "Channels and direct messages" },
      h(
        "header",
        { class: "side-head" },
        workspace,
        h(
          "button",
          {
            type: "button",
            class: "icon-button side-close",
            "aria-label": "Close the sidebar",
            on: { click: () => go.closeSidebar() },
          },
          icon("close", 20),
        ),
      ),
      h(
        "div",
        { class: "side-scroll" },
        section(
          "Channels",
          mine.map((one) => row(one, icon(one.is_private ? "lock" : "hash", 18))),
          addChannel,
        ),
        section(
          "Direct messages",
          [
            row2me(go),
            ...direct
              .filter((one) => one.is_mpim || !isMe(partner(one)))
              .sort(byTitle)
              .map((one) =>
                row(
                  one,
                  one.is_mpim
                    ? h("span", { class: "mpim-mark" }, String((one.members ?? []).length - 1))
                    : avatar(partner(one), 20),
                ),
              ),
            ...colleagues.map((one) =>
              entry({
                id: one.id,
                label: userName(one.id),
                mark: avatar(one.id, 20),
                href: "#",
                open: () => go.person(one.id),
              }),
            ),
          ],
          addPerson,
        ),
        apps.length ? section("Apps", apps) : null,
      ),
      h(
        "footer",
        { class: "side-foot" },
        avatar(store.me, 20),
        h("span", { dir: "auto" }, userName(store.me)),
        user(store.me)?.is_restricted ? h("span", { class: "badge" }, "GUEST") : null,
      ),
    ),
  };
}

function row2me(go) {
  const own = [...store.channels.values()].find((one) => one.is_im && isMe(partner(one)));
  return entry({
    id: own?.id ?? store.me,
    label: [userName(store.me), h("span", { class: "you" }, "you")],
    mark: avatar(store.me, 20),
    current: Boolean(own) && own.id === store.current,
    href: "#",
    open: () => go.person(store.me),
  });
}
