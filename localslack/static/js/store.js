// What the page knows of the workspace: people, channels, apps, commands, and who is acting.

export const store = {
  team: {},
  me: null,
  users: new Map(),
  channels: new Map(),
  apps: [],
  commands: [],
  current: null, // the open channel's id
};

const bus = new EventTarget();

export function on(type, listener) {
  const wrapped = (event) => listener(event.detail);
  bus.addEventListener(type, wrapped);
  return () => bus.removeEventListener(type, wrapped);
}

export function emit(type, detail) {
  bus.dispatchEvent(new CustomEvent(type, { detail }));
}

export function fillStore(boot) {
  store.team = boot.team;
  store.me = typeof boot.me === "string" ? boot.me : boot.me.id;
  store.users = new Map(boot.users.map((user) => [user.id, user]));
  store.channels = new Map(boot.channels.map((channel) => [channel.id, channel]));
  store.apps = boot.apps ?? [];
  store.commands = boot.commands ?? [];
}

export const isMe = (id) => id === store.me;

export function user(id) {
  return store.users.get(id) ?? null;
}

export function userName(id) {
  const found = user(id);
  if (!found) return null;
  return found.real_name || found.profile?.real_name || found.profile?.display_name || found.name;
}

export function channelName(id) {
  const found = store.channels.get(id);
  return found && !found.is_im ? found.name : null;
}

export function appOfUser(id) {
  return store.apps.find((app) => app.bot_user === id || app.bot_user_id === id) ?? null;
}

export function appOfMessage(message) {
  return (
    store.apps.find((app) => app.bot_id === message.bot_id || app.id === message.app_id) ??
    appOfUser(message.user)
  );
}

// The other person of a direct message.
export const partner = (channel) =>
  channel.user ?? (channel.members ?? []).find((id) => id !== store.me) ?? store.me;

export function channelTitle(channel) {
  if (channel.is_im) return userName(partner(channel)) ?? "Direct message";
  if (channel.is_mpim)
    return (channel.members ?? [])
      .filter((id) => !isMe(id))
      .map(userName)
      .join(", ");
  return channel.name;
}

// Who wrote a message, as shown: name, picture's seed, whether it is an app.
export function author(message) {
  if (message.is_ephemeral && message.user === "USLACKBOT")
    return { id: "USLACKBOT", name: "Slackbot", app: false };
  const app = message.bot_id ? appOfMessage(message) : appOfUser(message.user);
  const name = message.username ?? userName(message.user) ?? app?.name ?? message.user ?? "Unknown";
  return {
    id: message.user ?? message.bot_id ?? name,
    name,
    app: Boolean(app || message.bot_id),
    icon: app?.icon,
  };
}
