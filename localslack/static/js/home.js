// An app: its Home tab, its Messages tab, and what it is about.

import { get } from "./api.js";
import { avatar } from "./avatar.js";
import { blockContext, renderBlocks } from "./blocks.js";
import { ChannelPane } from "./channel.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { on, store } from "./store.js";

export class AppPane {
  constructor(app, channel, tab, go) {
    this.app = app;
    this.channel = channel;
    this.go = go;
    this.offs = [
      on("stream:home", (event) => {
        if (event.app !== app.id) return;
        this.published = true;
        this.draw(event.view);
      }),
    ];
    this.tabs = h("nav", { class: "tabs", role: "tablist" });
    this.body = h("div", { class: "app-body" });
    this.root = h(
      "section",
      { class: "pane app-pane" },
      h(
        "header",
        { class: "pane-head" },
        h(
          "button",
          {
            type: "button",
            class: "icon-button side-open",
            "aria-label": "Open the sidebar",
            on: { click: () => go.openSidebar() },
          },
          icon("menu", 20),
        ),
        h(
          "h1",
          {},
          h(
            "span",
            { class: "channel-name" },
            avatar(app.bot_user, 24, app.name),
            h("span", {}, app.name),
            h("span", { class: "badge" }, "APP"),
          ),
        ),
      ),
      this.tabs,
      this.body,
    );
    this.tab = tab ?? (app.home_tab ? "home" : "messages");
  }

  drawTabs() {
    const tabs = [
      ["home", "Home", this.app.home_tab],
      ["messages", "Messages", this.app.messages_tab !== false],
    ].filter(([, , shown]) => shown);
    this.tabs.replaceChildren(
      ...tabs.map(([key, label]) =>
        h(
          "button",
          {
            type: "button",
            role: "tab",
            class: "tab",
            "aria-selected": String(key === this.tab),
            on: { click: () => this.go.app(this.app, key) },
          },
          label,
        ),
      ),
    );
  }

  async load() {
    this.drawTabs();
    if (this.tab === "messages") {
      this.pane = new ChannelPane(this.channel, this.go);
      this.pane.head.remove();
      this.body.replaceChildren(this.pane.root);
      this.list = this.pane.list;
      this.offs.push(
        on("stream:prompts", (event) => event.channel === this.channel && this.drawPrompts(event.prompts)),
      );
      await this.pane.load();
      const own = store.channels.get(this.channel)?.prompts;
      this.drawPrompts(own?.length ? own : (this.app.prompts ?? []));
      return;
    }
    this.body.replaceChildren(h("div", { class: "home empty" }, h("p", {}, "Loading…")));
    this.published = false;
    const { view } = await get("home", { app: this.app.id });
    // What the app published while this answer was on its way is newer than the answer.
    if (!this.published) this.draw(view);
  }

  // What an agent offers to be asked.
  drawPrompts(prompts) {
    this.pane.root.querySelector(".prompts")?.remove();
    if (!prompts.length || !this.composer) return;
    const offer = (prompt) =>
      h(
        "button",
        {
          type: "button",
          class: "prompt",
          on: { click: () => this.composer.deliver({ text: prompt.message, files: [] }) },
        },
        prompt.title,
      );
    this.pane.foot.prepend(
      h("div", { class: "prompts", role: "group", "aria-label": "Suggestions" }, prompts.map(offer)),
    );
  }

  draw(view) {
    if (this.tab !== "home") return;
    if (!view) {
      this.body.replaceChildren(
        h(
          "div",
          { class: "home empty" },
          avatar(this.app.bot_user, 72, this.app.name),
          h("h2", {}, "This is a work in progress"),
          h("p", {}, `${this.app.name} has not published its Home for you yet.`),
        ),
      );
      return;
    }
    const scroll = this.body.scrollTop;
    this.body.replaceChildren(
      h("div", { class: "home" }, renderBlocks(view.blocks ?? [], blockContext({ view_id: view.id }))),
    );
    this.body.scrollTop = scroll;
  }

  get composer() {
    return this.pane?.composer;
  }

  close() {
    for (const off of this.offs) off();
    this.pane?.close();
  }
}
