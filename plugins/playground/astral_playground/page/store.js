// What the page knows: the emulator's state, kept current by its events, and the page's own choices.

const TYPING_MS = 5000;
const LIMIT = 200;
const HIDDEN_MS = 100;

export const store = {
  ready: false,
  connected: true,
  bot: { up: true, detail: "", name: {}, description: {}, first_name: "", username: "" },
  users: [],
  groups: [],
  chats: {},
  updates: [],
  traces: [],
  faults: [],
  switches: {},
  userId: 0, // the person who is played
  chatId: 0, // the chat in view: that person's id for the private chat with the bot, or a group's
  thread: 0, // the topic in view, 0 for all of them
  shown: 0, // how many of the newest messages are drawn
  selected: 0, // message_id shown in the inspector
  pressed: new Set(), // "user:chat:message:data" of buttons that wait for the bot's answer
  typing: {}, // chat id -> { action, until }
  read: {}, // "user:chat" -> the last message_id seen
  reply: 0, // message_id the next message answers
  editing: 0, // message_id of the own message that is being edited
};

const listeners = new Set();
let scheduled = false;

export function subscribe(listener) {
  listeners.add(listener);
}

/** Draw once for all changes until the next frame; a page that nobody sees has none, and waits a moment instead. */
export function changed() {
  if (scheduled) return;
  scheduled = true;
  const draw = () => {
    scheduled = false;
    for (const listener of listeners) listener();
  };
  if (document.hidden) setTimeout(draw, HIDDEN_MS);
  else requestAnimationFrame(draw);
}

export const user = (id = store.userId) => store.users.find((one) => one.id === id);
export const group = (id = store.chatId) => store.groups.find((one) => one.id === id);
export const chat = (id = store.chatId) => store.chats[id] ?? [];
export const message = (id, chatId = store.chatId) => chat(chatId).find((one) => one.message_id === id);
export const pressKey = (userId, one, data) => `${userId}:${one.chat_id}:${one.message_id}:${data}`;

/** How many messages are drawn at first, and how many more each time one scrolls to the oldest of them. */
export const PAGE = 120;
export const GENERAL = 1; // the topic of messages that name none

/** The messages in view: of the chosen topic, if one is chosen. */
export function inView() {
  if (!store.thread) return chat();
  return chat().filter((one) => (one.thread ?? GENERAL) === store.thread);
}

/** Somebody's place in a group; one who was never there has left. */
export function memberOf(one, userId = store.userId) {
  return (
    one?.members.find((member) => member.user_id === userId) ?? {
      user_id: userId,
      status: "left",
      present: false,
      rights: [],
    }
  );
}

/** The ids of the chats that a person sees: the private one with the bot, then groups, newest news first. */
export function chatsOf(userId = store.userId) {
  const groups = store.groups.filter((one) => !one.migrated_to && memberOf(one, userId).present);
  const news = (one) => chat(one.id).at(-1)?.date ?? 0;
  return [userId, ...groups.sort((a, b) => news(b) - news(a)).map((one) => one.id)];
}

/** Whether the selected person said it. A channel's posts are the channel's. */
export function isOwn(one, userId = store.userId) {
  const where = group(one.chat_id);
  if (!where) return one.from === "user";
  return where.type !== "channel" && one.from === "user" && one.author === userId;
}

export function localized(texts, language) {
  return texts?.[language] || texts?.[""] || "";
}

export function botName() {
  return localized(store.bot.name, user()?.language_code) || store.bot.first_name || store.bot.username;
}

const readKey = (userId, chatId) => `${userId}:${chatId}`;

export function unreadIn(chatId, userId = store.userId, thread = 0) {
  const seen = store.read[readKey(userId, chatId)] ?? 0;
  const all = chat(chatId);
  let count = 0;
  for (let at = all.length - 1; at >= 0 && all[at].message_id > seen; at -= 1) {
    if (thread && (all[at].thread ?? GENERAL) !== thread) continue;
    if (!isOwn(all[at], userId)) count += 1;
  }
  return count;
}

/** What a person has not seen yet, of all their chats. */
export const unread = (userId) => chatsOf(userId).reduce((sum, id) => sum + unreadIn(id, userId), 0);

/** Called while the chat is in view: everything in it counts as read. */
export function markRead() {
  const last = chat().at(-1);
  if (last) store.read[readKey(store.userId, store.chatId)] = last.message_id;
}

function enter(chatId) {
  store.chatId = chatId;
  store.thread = 0;
  store.shown = PAGE;
  store.selected = 0;
  store.reply = 0;
  store.editing = 0;
  markRead();
  changed();
}

/** Play another person: in the same group if they are there, too, else in their private chat. */
export function select(userId) {
  const stay = group() && memberOf(group(), userId).present;
  const thread = stay ? store.thread : 0;
  store.userId = userId;
  enter(stay ? store.chatId : userId);
  store.thread = thread;
}

export function openChat(chatId) {
  enter(chatId);
}

export function openTopic(thread) {
  store.thread = thread;
  store.shown = PAGE;
  store.reply = 0;
  changed();
}

export function load(state) {
  for (const name of ["bot", "users", "chats", "updates", "faults", "switches"]) store[name] = state[name];
  store.groups = state.groups ?? [];
  store.traces = state.traces ?? [];
  store.canStartAfresh = state.can_start_afresh ?? false;
  store.pressed.clear();
  store.typing = {};
  for (const { id } of store.users)
    for (const chatId of [id, ...store.groups.map((one) => one.id)]) readUpTo(id, chatId);
  if (!user()) store.userId = store.users[0]?.id ?? 0;
  if (!group() || !memberOf(group()).present) store.chatId = store.userId;
  if (!message(store.selected)) store.selected = 0;
  store.shown ||= PAGE;
  store.ready = true;
  changed();
}

/** What is there when the page opens counts as read. */
function readUpTo(userId, chatId) {
  const last = chat(chatId).at(-1)?.message_id ?? 0;
  const key = readKey(userId, chatId);
  store.read[key] = store.ready ? Math.min(store.read[key] ?? 0, last) : last;
}

function upsert(list, key, value, limit = Infinity) {
  // the newest is looked for first: most changes are about it, and chats grow long
  const place = list.findLastIndex((one) => one[key] === value[key]);
  if (place >= 0) list[place] = value;
  else list.push(value);
  if (list.length > limit) list.splice(0, list.length - limit);
}

function putMessage({ user_id: chatId, message: one }) {
  store.chats[chatId] ??= [];
  const list = store.chats[chatId];
  if (one.message_id > (list.at(-1)?.message_id ?? 0)) list.push(one);
  else upsert(list, "message_id", one);
  if (one.from === "bot") delete store.typing[chatId];
}

const reducers = {
  message: putMessage,
  edit: putMessage,
  delete({ user_id: chatId, message_ids: ids }) {
    const gone = new Set(ids);
    store.chats[chatId] = chat(chatId).filter((one) => !gone.has(one.message_id));
    if (chatId !== store.chatId) return;
    for (const name of ["selected", "reply", "editing"]) if (gone.has(store[name])) store[name] = 0;
  },
  pressed(event) {
    store.pressed.add(
      pressKey(event.user_id, { chat_id: event.chat_id ?? event.user_id, ...event }, event.data),
    );
  },
  answered(event) {
    store.pressed.delete(
      pressKey(event.user_id, { chat_id: event.chat_id ?? event.user_id, ...event }, event.data),
    );
  },
  typing({ user_id: chatId, action }) {
    store.typing[chatId] = { action, until: Date.now() + TYPING_MS };
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
  group(one) {
    upsert(store.groups, "id", one);
    // who has left sees the chat no longer; a group that became a supergroup goes on there
    if (one.id !== store.chatId || (memberOf(one).present && !one.migrated_to)) return;
    const next = store.groups.find((other) => other.id === one.migrated_to);
    enter(next && memberOf(next).present ? next.id : store.userId);
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

export function typingAction(chatId = store.chatId) {
  const entry = store.typing[chatId];
  return entry && entry.until > Date.now() ? entry.action : "";
}
