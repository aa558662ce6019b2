// What the selected person does. Every failure is shown: nothing fails in silence.

import { get, post, remove } from "./api.js";
import { t } from "./i18n.js";
import { toast } from "./overlays.js";
import { changed, pressKey, store } from "./store.js";

/** Run a request and show its error in a toast. @returns {Promise<any>} the answer, or null after an error */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message || t("Something went wrong"), "error");
    return null;
  }
}

const here = (path = "") => `/api/users/${store.userId}${path}`;

/** Where the selected person speaks: the chat in view, and its topic. */
function place() {
  if (store.chatId === store.userId) return {};
  return store.thread > 1 ? { chat_id: store.chatId, thread: store.thread } : { chat_id: store.chatId };
}

function withReply(body) {
  if (store.reply) body.reply_to = store.reply;
  store.reply = 0;
  changed();
  return { ...body, ...place() };
}

/** A message's own place in requests about it. */
const about = (message, fields = {}) => ({
  ...(message.chat_id === store.userId ? {} : { chat_id: message.chat_id }),
  message_id: message.message_id,
  ...fields,
});

export function send(text) {
  const clean = text.trim();
  return clean ? attempt(() => post(here("/messages"), withReply({ text: clean }))) : Promise.resolve(null);
}

/** @param files `[kind, File]`; several pictures or files become one album */
export function sendFiles(files, fields = {}) {
  const form = new FormData();
  files.forEach(([kind, file], index) => form.append(index ? `${kind}_${index + 1}` : kind, file, file.name));
  for (const [name, value] of Object.entries(withReply(fields))) if (value !== "") form.append(name, value);
  return attempt(() => post(here("/messages"), form));
}

export const sendLocation = (latitude, longitude) =>
  attempt(() => post(here("/location"), withReply({ latitude, longitude })));
export const sendContact = (phone) =>
  attempt(() => post(here("/contact"), withReply({ phone_number: phone })));
export const sendPoll = (poll) => attempt(() => post(here("/poll"), withReply(poll)));
export const sendDice = (emoji) => attempt(() => post(here("/dice"), withReply({ emoji })));
export const editMessage = (message, text) => attempt(() => post(here("/edit"), about(message, { text })));
export const removeMessage = (message) => attempt(() => post(here("/delete"), about(message)));
export const react = (message, emoji) => attempt(() => post(here("/react"), about(message, { emoji })));
export const vote = (message, options) => attempt(() => post(here("/vote"), about(message, { options })));
export const share = (fields) => attempt(() => post(here("/share"), fields));
export const askBot = (query) => post(here("/inline"), { query, ...place() });
export const chooseResult = (query, result) =>
  attempt(() => post(here("/inline/choose"), { query_id: query, result_id: result }));

export const addGroup = (fields) => attempt(() => post("/api/groups", { by: store.userId, ...fields }));
const inGroup = (path, fields) =>
  attempt(() => post(`/api/groups/${store.chatId}${path}`, { by: store.userId, ...fields }));
export const rename = (title) => inGroup("", { title });
export const deed = (name, userId, fields = {}) =>
  inGroup("/members", { do: name, user_id: userId, ...fields });
export const addTopic = (name) => inGroup("/topics", { name });
export const closeTopic = (thread, closed) => inGroup(`/topics/${thread}`, { closed });
export const pin = (message) => inGroup("/pin", { message_id: message.message_id });
export const upgrade = () => inGroup("/upgrade", {});
export const addLink = () => inGroup("/links", {});
export const joinByLink = (link) => attempt(() => post(here("/join"), { link }));
export const forward = (message, to) => attempt(() => post(here("/forward"), about(message, { to })));
export const joinGroup = (id) =>
  attempt(() => post(`/api/groups/${id}/members`, { by: store.userId, do: "join", user_id: store.userId }));
export const setBot = (fields) => attempt(() => post("/api/bot", fields));

export async function press(message, button) {
  const key = pressKey(store.userId, message, button.data);
  if (store.pressed.has(key)) return;
  store.pressed.add(key);
  changed();
  const answer = await attempt(() => post(here("/press"), about(message, { data: button.data })));
  if (!answer) {
    store.pressed.delete(key);
    changed();
  }
}

export const changeUser = (fields, id = store.userId) => attempt(() => post(`/api/users/${id}`, fields));
export const addUser = (fields) => attempt(() => post("/api/users", fields));
export const resetChat = () => attempt(() => post("/api/reset", { user_id: store.userId }));
export const startAfresh = () => attempt(() => post("/api/afresh"));
export const resetAll = () => attempt(() => post("/api/reset"));
export const pay = (target) => post(here("/pay"), target);
export const cancelPayment = (target) => post(here("/cancel"), target);
export const invoiceOf = (slug) => attempt(() => get(`/api/invoices/${encodeURIComponent(slug)}`));
export const setSwitch = (fields) => attempt(() => post("/api/switches", fields));
export const addFault = (fault) => attempt(() => post("/api/faults", fault));
export const removeFault = (id) => attempt(() => remove(`/api/faults/${id}`));
export const calls = () => attempt(() => get("/api/calls?limit=1000"));
