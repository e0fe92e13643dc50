// Speaks the client API: calls as the acting person, and the stream of what happens, reconnecting by itself.

import { emit, store } from "./store.js";

export class Refused extends Error {
  constructor(answer) {
    super(answer.error ?? "Something went wrong. Try again.");
    this.answer = answer;
  }
}

async function read(response) {
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Refused({ error: `The workspace answered ${response.status}. Is its server still running?` });
  }
  if (!answer.ok) throw new Refused(answer);
  return answer;
}

async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch {
    throw new Refused({ error: "The workspace cannot be reached. Check that its server is running." });
  }
}

function query(values) {
  const known = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return new URLSearchParams(known).toString();
}

export async function get(name, values = {}) {
  return read(await reach(`/client/${name}?${query({ user: store.me, ...values })}`));
}

export async function post(name, body = {}) {
  const text = JSON.stringify({ user: store.me, ...body });
  return read(
    await reach(`/client/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: text,
    }),
  );
}

export async function upload(blob, name, { subtype, seconds } = {}) {
  const address = `/client/upload?${query({ user: store.me, name, subtype, duration_ms: seconds && Math.round(seconds * 1000) })}`;
  const type = blob.type || "application/octet-stream";
  return (await read(await reach(address, { method: "POST", headers: { "Content-Type": type }, body: blob })))
    .file;
}

export const fileUrl = (file) =>
  `/client/file/${encodeURIComponent(file.id)}/${encodeURIComponent(file.name ?? "file")}?${query({ user: store.me })}`;

// Resolves when the stream stands, or has failed for the first time: what is asked from then on misses nothing.
export function listen() {
  let wait = 500;
  let before = false;
  let tried = () => {};
  const first = new Promise((resolve) => {
    tried = resolve;
  });
  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/client/stream?${query({ user: store.me })}`);
    socket.addEventListener("open", () => {
      wait = 500;
      emit("online", { again: before });
      before = true;
      tried();
    });
    socket.addEventListener("message", (event) => {
      const data = JSON.parse(event.data);
      emit("stream", data);
      emit(`stream:${data.type}`, data);
    });
    socket.addEventListener("close", () => {
      emit("offline", {});
      tried();
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 8000);
    });
  };
  connect();
  return first;
}
