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

function withReply(body) {
  if (store.reply) body.reply_to = store.reply;
  store.reply = 0;
  changed();
  return body;
}

export function send(text) {
  const clean = text.trim();
  return clean ? attempt(() => post(here("/messages"), withReply({ text: clean }))) : Promise.resolve(null);
}

export function sendFile(file, kind, caption = "") {
  const form = new FormData();
  form.append(kind, file, file.name);
  if (caption) form.append("caption", caption);
  return attempt(() => post(here("/messages"), form));
}

export const sendLocation = (latitude, longitude) =>
  attempt(() => post(here("/location"), withReply({ latitude, longitude })));

export const sendContact = (phone) => attempt(() => post(here("/contact"), { phone_number: phone }));

export async function press(message, button) {
  const key = pressKey(message.chat_id, message.message_id, button.data);
  if (store.pressed.has(key)) return;
  store.pressed.add(key);
  changed();
  const path = `/api/users/${message.chat_id}/press`;
  const answer = await attempt(() => post(path, { message_id: message.message_id, data: button.data }));
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
