// The emulator's JSON interface and its stream of events.

class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

async function request(method, path, body) {
  const options = { method, headers: {} };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(path, options);
  const text = await answer.text();
  if (!answer.ok) throw new ApiError(answer.status, errorText(text, answer.status));
  return text ? JSON.parse(text) : null;
}

function errorText(text, status) {
  try {
    return JSON.parse(text).error ?? `HTTP ${status}`;
  } catch {
    return `HTTP ${status}`;
  }
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, body);
export const remove = (path) => request("DELETE", path);

// "call" and "checkout" are not listened to: calls come again inside their update, the sheet awaits its own answer
const EVENTS = [
  "message",
  "edit",
  "delete",
  "pressed",
  "answered",
  "toast",
  "typing",
  "balance",
  "user",
  "group",
  "bot",
  "update",
  "faults",
  "trace",
];

const REOPEN_MS = 2000;

/** Event ids are `<life>-<number>`: numbers grow within one life of the emulator and mean nothing in another. */
function isAfter(id, known) {
  const [life, number] = id.split("-");
  const [knownLife, knownNumber] = known.split("-");
  return life === knownLife && Number(number) > Number(knownNumber);
}

/**
 * Follow the emulator: read the state, then apply the events after it. The browser's EventSource reconnects by
 * itself; after each reconnection the state is read again, and events that arrive meanwhile wait for it, so that
 * none is lost under the newer snapshot and none is applied twice.
 */
export function follow({ onState, onEvent, onConnection }) {
  let seq = "";
  let waiting = null;
  let source = null;
  let broken = false;
  let timer = 0;

  function apply(name, id, data) {
    if (!isAfter(id, seq)) return;
    seq = id;
    onEvent(name, data);
  }

  async function read() {
    if (waiting) return;
    waiting = [];
    try {
      const state = await get("/api/state");
      seq = state.seq;
      onState(state);
      const late = waiting;
      waiting = null;
      for (const [name, id, data] of late) apply(name, id, data);
    } catch (error) {
      waiting = null;
      throw error;
    }
  }

  function receive(name, event) {
    const id = event.lastEventId;
    const data = JSON.parse(event.data);
    if (waiting) waiting.push([name, id, data]);
    else apply(name, id, data);
  }

  function open() {
    source = new EventSource(`/api/stream?after=${encodeURIComponent(seq)}`);
    source.onopen = () => {
      onConnection(true);
      if (broken)
        read().then(() => {
          broken = false;
        }, retry);
    };
    source.onerror = () => {
      onConnection(false);
      broken = true;
      if (source.readyState === EventSource.CLOSED) retry();
    };
    source.addEventListener("reset", () => read().catch(retry));
    for (const name of EVENTS) source.addEventListener(name, (event) => receive(name, event));
  }

  function retry() {
    source?.close();
    onConnection(false);
    if (!timer) timer = setTimeout(start, REOPEN_MS);
  }

  function start() {
    timer = 0;
    read().then(open, retry);
  }

  start();
  return { refresh: read };
}
