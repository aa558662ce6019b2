// The page's composition root.

import { joinByLink, send } from "./actions.js";
import { follow } from "./api.js";
import { onInspect, onShow } from "./bubble.js";
import { drawChat, showMessage, startChat } from "./chat.js";
import { drawComposer, startComposer } from "./composer.js";
import { byId } from "./dom.js";
import { currentLanguage, setLanguage, t } from "./i18n.js";
import { drawInspector, inspectMessage, startInspector } from "./inspector.js";
import { onLinks } from "./links.js";
import { showAlert, toast } from "./overlays.js";
import { openPaymentBySlug, paymentOpen } from "./payment.js";
import { askReset, onReset } from "./person.js";
import { askGroup, askJoin, drawRooms } from "./rooms.js";
import {
  botName,
  changed,
  group,
  load,
  memberOf,
  openChat,
  reduce,
  select,
  store,
  subscribe,
  unread,
  user,
} from "./store.js";
import { drawTopics } from "./topics.js";
import { askNewUser, drawUsers } from "./users.js";

let labelled = "";

/** Fixed elements of index.html carry their English text in data attributes. */
function labelPage() {
  if (labelled === currentLanguage()) return;
  labelled = currentLanguage();
  document.documentElement.lang = labelled;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", t(node.dataset.label));
    if (node.matches("button")) node.title = t(node.dataset.label);
  }
}

function draw() {
  setLanguage(user()?.language_code);
  labelPage();
  if (!store.ready) return drawChat();
  drawChat();
  drawTopics();
  drawComposer();
  drawUsers();
  drawRooms();
  drawInspector();
  byId("reset").hidden = Boolean(group());
  const total = store.users.reduce((sum, one) => sum + unread(one.id), 0);
  const name = group()?.title ?? botName();
  document.title = total ? `(${total}) ${name}` : `${name} · Astral Playground`;
  const address = new URL(location.href);
  address.searchParams.set("user", store.userId);
  if (group()) address.searchParams.set("chat", store.chatId);
  else address.searchParams.delete("chat");
  if (store.userId && address.href !== location.href) history.replaceState(null, "", address);
  return undefined;
}

/**
 * `?user=` is an id, or the place in the list counted from 1; `?chat=` a group's id; `?start=` opens the bot with a
 * payload, once.
 */
function followAddress() {
  const address = new URL(location.href);
  const wanted = Number(address.searchParams.get("user"));
  const one = user(wanted) ?? store.users[wanted - 1] ?? store.users[0];
  if (one) select(one.id);
  const where = group(Number(address.searchParams.get("chat")));
  if (where && memberOf(where).present) openChat(where.id);
  if (!address.searchParams.has("start")) return;
  const payload = address.searchParams.get("start");
  address.searchParams.delete("start");
  history.replaceState(null, "", address);
  if (one) send(`/start ${payload}`);
}

function onEvent(name, data) {
  reduce(name, data);
  if (name !== "toast" || data.user_id !== store.userId) return;
  if (data.kind === "payment" && paymentOpen()) return; // the sheet itself shows the reason
  if (data.alert) showAlert(botName(), data.text);
  else toast(data.text, data.kind === "payment" ? "error" : "info");
}

/** A link to the bot leads into the private chat with it, wherever it stands. */
function start(payload) {
  if (group()) openChat(store.userId);
  send(`/start ${payload}`);
}

/** A link of invitation leads into its chat, or asks to be let in. */
async function join(link) {
  const answer = await joinByLink(link);
  if (answer?.joined) openChat(answer.chat_id);
  else if (answer) toast(t("You asked to join; an administrator decides"));
}

function open() {
  subscribe(draw);
  startChat();
  startComposer();
  startInspector();
  onInspect(inspectMessage);
  onShow(showMessage);
  onLinks({ invoice: openPaymentBySlug, start, join });
  byId("add-user").onclick = askNewUser;
  byId("add-group").onclick = askGroup;
  byId("join-chat").onclick = askJoin;
  byId("reset").onclick = () => askReset(false);
  byId("back").onclick = () => {
    document.body.dataset.view = "users";
    byId("chats").querySelector("[aria-current]")?.focus();
  };
  document.addEventListener("visibilitychange", changed);
  let first = true;
  const { refresh } = follow({
    onState(state) {
      load(state);
      if (first) followAddress();
      first = false;
    },
    onEvent,
    onConnection(connected) {
      store.connected = connected;
      changed();
    },
  });
  onReset(refresh);
  changed();
}

open();
