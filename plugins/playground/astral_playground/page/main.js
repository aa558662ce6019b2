// The page's composition root.

import { send } from "./actions.js";
import { follow } from "./api.js";
import { onInspect } from "./bubble.js";
import { drawChat, startChat } from "./chat.js";
import { drawComposer, startComposer } from "./composer.js";
import { byId } from "./dom.js";
import { currentLanguage, setLanguage, t } from "./i18n.js";
import { drawInspector, inspectMessage, startInspector } from "./inspector.js";
import { onLinks } from "./links.js";
import { showAlert, toast } from "./overlays.js";
import { openPaymentBySlug, paymentOpen } from "./payment.js";
import { askReset, onReset } from "./person.js";
import { botName, changed, load, reduce, select, store, subscribe, unread, user } from "./store.js";
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
  drawComposer();
  drawUsers();
  drawInspector();
  const total = store.users.reduce((sum, one) => sum + unread(one.id), 0);
  document.title = total ? `(${total}) ${botName()}` : `${botName()} · Astral Playground`;
  const address = new URL(location.href);
  if (store.userId && address.searchParams.get("user") !== String(store.userId)) {
    address.searchParams.set("user", store.userId);
    history.replaceState(null, "", address);
  }
  return undefined;
}

/** `?user=` is an id, or the place in the list counted from 1; `?start=` opens the bot with a payload, once. */
function followAddress() {
  const address = new URL(location.href);
  const wanted = Number(address.searchParams.get("user"));
  const one = user(wanted) ?? store.users[wanted - 1] ?? store.users[0];
  if (one) select(one.id);
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

function start() {
  subscribe(draw);
  startChat();
  startComposer();
  startInspector();
  onInspect(inspectMessage);
  onLinks({ invoice: openPaymentBySlug, start: (payload) => send(`/start ${payload}`) });
  byId("add-user").onclick = askNewUser;
  byId("reset").onclick = () => askReset(false);
  byId("back").onclick = () => {
    document.body.dataset.view = "users";
    byId("people").querySelector("[aria-current]")?.focus();
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

start();
