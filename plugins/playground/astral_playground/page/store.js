// What the page knows: the emulator's state, kept current by its events, and the page's own choices.

const TYPING_MS = 5000;
const LIMIT = 200;

export const store = {
  ready: false,
  connected: true,
  bot: { up: true, detail: "", name: {}, description: {}, first_name: "", username: "" },
  users: [],
  chats: {},
  updates: [],
  traces: [],
  faults: [],
  switches: {},
  userId: 0,
  selected: 0, // message_id shown in the inspector
  pressed: new Set(), // "user:message:data" of buttons that wait for the bot's answer
  typing: {}, // user id -> { action, until }
  read: {}, // user id -> the last message_id seen
  reply: 0, // message_id the next message answers
};

const listeners = new Set();
let scheduled = false;

export function subscribe(listener) {
  listeners.add(listener);
}

/** Draw once for all changes of one turn. */
export function changed() {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    for (const listener of listeners) listener();
  });
}

export const user = (id = store.userId) => store.users.find((one) => one.id === id);
export const chat = (id = store.userId) => store.chats[id] ?? [];
export const message = (id, userId = store.userId) => chat(userId).find((one) => one.message_id === id);
export const pressKey = (userId, messageId, data) => `${userId}:${messageId}:${data}`;

export function localized(texts, language) {
  return texts?.[language] || texts?.[""] || "";
}

export function botName() {
  return localized(store.bot.name, user()?.language_code) || store.bot.first_name || store.bot.username;
}

export function unread(userId) {
  const seen = store.read[userId] ?? 0;
  return chat(userId).filter((one) => one.from !== "user" && one.message_id > seen).length;
}

/** Called while the chat is in view: everything in it counts as read. */
export function markRead() {
  const last = chat().at(-1);
  if (last) store.read[store.userId] = last.message_id;
}

export function select(userId) {
  store.userId = userId;
  store.selected = 0;
  store.reply = 0;
  markRead();
  changed();
}

export function load(state) {
  for (const name of ["bot", "users", "chats", "updates", "faults", "switches"]) store[name] = state[name];
  store.traces = state.traces ?? [];
  store.canStartAfresh = state.can_start_afresh ?? false;
  store.pressed.clear();
  store.typing = {};
  for (const { id } of store.users) {
    const last = chat(id).at(-1)?.message_id ?? 0;
    store.read[id] = store.ready ? Math.min(store.read[id] ?? 0, last) : last;
  }
  if (!user()) store.userId = store.users[0]?.id ?? 0;
  if (!message(store.selected)) store.selected = 0;
  store.ready = true;
  changed();
}

function upsert(list, key, value, limit = Infinity) {
  const place = list.findIndex((one) => one[key] === value[key]);
  if (place >= 0) list[place] = value;
  else list.push(value);
  if (list.length > limit) list.splice(0, list.length - limit);
}

function putMessage({ user_id: userId, message: one }) {
  store.chats[userId] ??= [];
  upsert(store.chats[userId], "message_id", one);
  if (one.from !== "user") delete store.typing[userId];
}

const reducers = {
  message: putMessage,
  edit: putMessage,
  delete({ user_id: userId, message_ids: ids }) {
    store.chats[userId] = chat(userId).filter((one) => !ids.includes(one.message_id));
    if (userId === store.userId && ids.includes(store.selected)) store.selected = 0;
    if (userId === store.userId && ids.includes(store.reply)) store.reply = 0;
  },
  pressed(event) {
    store.pressed.add(pressKey(event.user_id, event.message_id, event.data));
  },
  answered(event) {
    store.pressed.delete(pressKey(event.user_id, event.message_id, event.data));
  },
  typing({ user_id: userId, action }) {
    store.typing[userId] = { action, until: Date.now() + TYPING_MS };
    setTimeout(changed, TYPING_MS + 20);
  },
  balance(event) {
    const one = user(event.user_id);
    if (one) one.stars = event.stars;
    store.bot.stars = event.bot_stars;
  },
  user(one) {
    upsert(store.users, "id", one);
  },
  bot(bot) {
    store.bot = bot;
  },
  update(update) {
    upsert(store.updates, "update_id", update, LIMIT);
  },
  faults({ faults, switches }) {
    store.faults = faults;
    store.switches = switches;
  },
  trace(event) {
    store.traces.push(event);
    if (store.traces.length > 2 * LIMIT) store.traces.splice(0, LIMIT);
  },
  toast() {},
};

export function reduce(name, data) {
  reducers[name]?.(data);
  changed();
}

export function typingAction(userId = store.userId) {
  const entry = store.typing[userId];
  return entry && entry.until > Date.now() ? entry.action : "";
}
