// Starts the page: reads the address, draws the frame, and goes where the person goes.

import { get, listen, post, Refused } from "./api.js";
import { ChannelPane } from "./channel.js";
import { avatar } from "./avatar.js";
import { h } from "./dom.js";
import { AppPane } from "./home.js";
import { icon } from "./icons.js";
import { Meanwhile } from "./meanwhile.js";
import { closePopover, menu, notice, toggles } from "./menus.js";
import { startModals } from "./modal.js";
import { sidebar } from "./sidebar.js";
import { appOfUser, channelTitle, fillStore, isMe, on, partner, store, userName } from "./store.js";
import { ThreadPane } from "./thread.js";

const frame = h("div", { class: "frame" });
let main = null;
let thread = null;
const meanwhile = new Meanwhile();

function show() {
  const side = sidebar(go);
  const scroll = frame.querySelector(".side-scroll")?.scrollTop ?? 0;
  const old = [frame.querySelector(".rail"), frame.querySelector(".sidebar")];
  if (old[0]) {
    old[0].replaceWith(side.rail);
    old[1].replaceWith(side.panel);
  } else {
    frame.append(
      side.rail,
      side.panel,
      h("div", { class: "veil", on: { click: () => go.closeSidebar() } }),
      h("main", { class: "panes" }),
    );
  }
  side.panel.querySelector(".side-scroll").scrollTop = scroll;
  const unread = [...store.channels.values()].some(
    (channel) => channel.unread_count > 0 && channel.id !== store.current,
  );
  const name =
    main?.app?.name ??
    store.channels.get(store.current)?.name ??
    (store.current ? userName(partner(store.channels.get(store.current) ?? {})) : "");
  document.title = `${unread ? "* " : ""}${name ? `${name} - ` : ""}${store.team.name}`;
}

function place(pane, where) {
  const panes = frame.querySelector(".panes");
  panes.querySelector(`:scope > ${where}`)?.remove();
  if (where === ".thread-pane") panes.append(pane.root);
  else panes.prepend(pane.root);
}

function address(path, extra = {}) {
  return `${path}?${new URLSearchParams({ user: store.me, ...extra })}`;
}

function remember(url, replace) {
  if (location.pathname + location.search === url) return;
  history[replace ? "replaceState" : "pushState"]({}, "", url);
}

async function swap(pane, key) {
  main?.close();
  main = pane;
  store.current = key;
  place(pane, ".pane:not(.thread-pane)");
  frame.classList.remove("side-shown");
  closePopover();
  show();
  await pane.load();
  show();
}

// The cursor goes where one writes: not under a dialog, and not on a phone, whose keyboard would cover the page.
function settle(pane) {
  if (matchMedia("(min-width: 700px)").matches && !document.querySelector(".shade")) pane?.composer?.focus();
}

const go = {
  async channel(id, { ts = null, threadTs = null, replace = false, address: keep = false } = {}) {
    const channel = store.channels.get(id);
    if (!channel) {
      notice("This conversation does not exist, or you cannot see it.", "error");
      return;
    }
    if (!threadTs) go.closeThread({ quiet: true });
    const app = channel.is_im ? appOfUser(partner(channel)) : null;
    if (app) {
      await go.app(app, "messages", { replace, keep });
    } else if (store.current !== id || !main) {
      if (!keep) remember(address(`/archives/${id}`), replace);
      await swap(new ChannelPane(id, go), id);
    } else if (!keep) {
      remember(address(`/archives/${id}`), replace);
      frame.classList.remove("side-shown");
    }
    if (ts) {
      const shown = await main.list?.reveal(threadTs ?? ts);
      if (!shown && !threadTs) notice("That message is not here any more.", "error");
    }
    if (threadTs) {
      await go.thread(id, threadTs, { keep: true });
      await thread?.list.reveal(ts);
    } else if (!ts) {
      settle(main);
    }
  },

  async thread(channel, ts, { keep = false } = {}) {
    if (thread?.ts === ts && thread.channel === channel) {
      settle(thread);
      return;
    }
    thread?.close();
    thread = new ThreadPane(channel, ts, go);
    place(thread, ".thread-pane");
    frame.classList.add("with-thread");
    if (!keep)
      remember(address(`/archives/${channel}/p${ts.replace(".", "")}`, { thread_ts: ts, cid: channel }));
    await thread.load();
    settle(thread);
  },

  closeThread({ quiet = false } = {}) {
    if (!thread) return;
    thread.close();
    thread.root.remove();
    thread = null;
    frame.classList.remove("with-thread");
    if (!quiet && store.channels.has(store.current)) remember(address(`/archives/${store.current}`));
  },

  async person(id) {
    const { channel } = await post("open_dm", { with: [id] });
    if (!store.channels.has(channel.id)) store.channels.set(channel.id, channel);
    await go.channel(channel.id);
  },

  async app(app, tab = null, { replace = false, keep = false } = {}) {
    go.closeThread({ quiet: true });
    let channel = [...store.channels.values()].find((one) => one.is_im && partner(one) === app.bot_user);
    if (!channel) {
      ({ channel } = await post("open_dm", { with: [app.bot_user] }));
      store.channels.set(channel.id, channel);
    }
    const pane = new AppPane(app, channel.id, tab, go);
    if (!keep) remember(address("/", { app: app.id, tab: pane.tab }), replace);
    await swap(pane, channel.id);
    settle(pane);
  },

  actAs(id) {
    sessionStorage.setItem("user", id);
    location.href = `/?user=${id}`;
  },

  openSidebar() {
    frame.classList.add("side-shown");
    frame.querySelector(".sidebar .current")?.focus();
  },

  closeSidebar() {
    frame.classList.remove("side-shown");
  },
};

// Where an address of ours leads: a channel, a message, an app's tab.
async function visit(url, { replace = false, keep = false } = {}) {
  const match = /^\/archives\/(\w+)(?:\/p(\d{10})(\d{6}))?/.exec(url.pathname);
  if (match && store.channels.has(match[1])) {
    const ts = match[2] ? `${match[2]}.${match[3]}` : null;
    await go.channel(match[1], { ts, threadTs: url.searchParams.get("thread_ts"), replace, address: keep });
    return;
  }
  const app = store.apps.find((one) => one.id === url.searchParams.get("app"));
  if (app) {
    await go.app(app, url.searchParams.get("tab"), { replace, keep });
    return;
  }
  if (match) notice("This conversation does not exist, or you cannot see it.", "error");
  const rooms = [...store.channels.values()].filter(
    (channel) => !channel.is_im && !channel.is_archived && channel.is_member !== false,
  );
  const first = rooms.sort((a, b) => a.name.localeCompare(b.name))[0];
  if (first) await go.channel(first.id, { replace: true });
  else show();
}

function mentioned(message) {
  return new RegExp(`<@${store.me}>|<!(?:channel|here|everyone)>`).test(message.text ?? "");
}

// Everything anew: people, conversations and what is unread in them.
async function learn() {
  await meanwhile.ask(() => get("boot"), fillStore);
  show();
}

function changed(channel) {
  const hidden = channel.is_private && channel.is_member === false;
  if (hidden) store.channels.delete(channel.id);
  else store.channels.set(channel.id, { ...store.channels.get(channel.id), ...channel });
  if (hidden && store.current === channel.id)
    visit(new URL(address("/"), location.origin), { replace: true });
  else show();
}

// A list to jump to any conversation, person or app.
function jump(anchor) {
  const rooms = [...store.channels.values()].filter((one) => !one.is_im && !one.is_archived);
  const people = [...store.users.values()].filter((one) => !one.is_bot && !one.deleted);
  const entries = [
    ...rooms.map((one) => ({
      label: channelTitle(one),
      search: channelTitle(one),
      icon: icon(one.is_private ? "lock" : "hash", 18),
      run: () => go.channel(one.id),
    })),
    ...people.map((one) => ({
      label: userName(one.id),
      search: `${userName(one.id)} ${one.name}`,
      icon: avatar(one.id, 20),
      run: () => go.person(one.id),
    })),
    ...store.apps.map((app) => ({
      label: app.name,
      search: app.name,
      icon: avatar(app.bot_user, 20, app.name),
      run: () => go.app(app),
    })),
  ];
  menu(anchor, entries, { search: true, label: "Jump to", className: "jump" });
}

function topbar() {
  const field = h(
    "button",
    { type: "button", class: "topbar-field", title: "Jump to… (Ctrl K)" },
    icon("search", 16),
    `Search ${store.team.name}`,
  );
  toggles(field, () => jump(field));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "k" || !(event.metaKey || event.ctrlKey)) return;
    event.preventDefault();
    jump(field);
  });
  return h(
    "div",
    { class: "topbar" },
    field,
    h("span", { class: "offline-words", role: "status" }, "Connecting…"),
  );
}

function follow() {
  on("stream:message", ({ channel: id, message }) => {
    if (!store.channels.has(id)) learn(); // somebody else has just opened it
    const channel = store.channels.get(id);
    const reply =
      message.thread_ts && message.thread_ts !== message.ts && message.subtype !== "thread_broadcast";
    if (!channel || isMe(message.user) || (reply && !mentioned(message))) return;
    if (id === store.current && document.hasFocus()) return; // the pane marks it as read
    channel.unread_count = (channel.unread_count ?? 0) + 1;
    if (mentioned(message)) channel.mention_count = (channel.mention_count ?? 0) + 1;
    show();
  });
  on("stream:channel_changed", ({ channel }) => meanwhile.happen(() => changed(channel)));
  on("offline", () => frame.classList.add("offline"));
  on("online", ({ again }) => {
    frame.classList.remove("offline");
    if (again) learn();
  });
  addEventListener("popstate", () => visit(new URL(location.href), { keep: true }));
  // What nobody else answers for: an unreachable workspace is said once, here.
  addEventListener("unhandledrejection", (event) => {
    if (!(event.reason instanceof Refused)) return;
    event.preventDefault();
    notice(event.reason.message, "error");
  });
  // Links to messages open in the page and stay with the acting person.
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[data-permalink]");
    if (!anchor || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    visit(new URL(anchor.href));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (frame.classList.contains("side-shown")) go.closeSidebar();
    else if (thread) go.closeThread();
  });
}

async function start() {
  const root = document.getElementById("app");
  const params = new URLSearchParams(location.search);
  store.me = params.get("user") ?? sessionStorage.getItem("user");
  fillStore(await get("boot"));
  sessionStorage.setItem("user", store.me);
  root.replaceChildren(topbar(), frame);
  // The registered order matters: the store hears of a change before the panes draw it.
  follow();
  show();
  await listen();
  await learn();
  await startModals();
  await visit(new URL(location.href), { replace: true, keep: location.pathname.startsWith("/archives/") });
  document.body.dataset.ready = "1";
}

start().catch((error) => {
  document.getElementById("app").replaceChildren(h("p", { class: "fatal", role: "alert" }, error.message));
});
