// The middle of the page: header, banner, messages.

import { send } from "./actions.js";
import { bubble } from "./bubble.js";
import { byId, el, icon, reconcile } from "./dom.js";
import { currentLanguage, day, dayKey, nt, t } from "./i18n.js";
import { avatar, senderOf } from "./senders.js";
import {
  PAGE,
  botName,
  chat,
  group,
  inView,
  localized,
  markRead,
  message as findMessage,
  store,
  typingAction,
  user,
} from "./store.js";

const GROUP_SECONDS = 300;
const NEAR_PX = 120;

function actionText(action) {
  return (
    {
      typing: t("typing"),
      upload_photo: t("sending a photo"),
      upload_document: t("sending a file"),
      find_location: t("looking for a place"),
      record_voice: t("recording"),
      upload_voice: t("sending a voice message"),
      upload_video: t("sending a video"),
      record_video: t("recording"),
      choose_sticker: t("choosing a sticker"),
    }[action] ?? t("typing")
  );
}

const dots = () => el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));

function size(where) {
  const count = where.members.filter((one) => one.present).length;
  return where.type === "channel"
    ? nt("{n} subscriber", "{n} subscribers", count)
    : nt("{n} member", "{n} members", count);
}

function drawHeader() {
  const action = typingAction();
  const status = byId("bot-status");
  const live = store.connected && store.bot.up;
  const where = group();
  const name = where?.title ?? botName();
  byId("bot-name").textContent = name;
  byId("chat-title").setAttribute("aria-label", t("About this chat: {name}", { name }));
  byId("bot-avatar").replaceChildren(where ? avatar(name, where.id) : avatar(name, store.bot.id ?? 0, "bot"));
  status.className = action && live ? "status acting" : "status";
  const still = where ? size(where) : live ? t("bot") : t("not running");
  const text = action && live ? actionText(action) : still;
  if (status.textContent !== text) status.replaceChildren(text, action && live ? dots() : "");
  const broken = store.faults.length + Object.values(store.switches).filter(Boolean).length;
  byId("fault-pill").hidden = broken === 0;
  byId("fault-count").textContent = String(broken);
}

function drawBanner() {
  const banner = byId("banner");
  const [first, ...rest] = (store.bot.detail ?? "").trim().split("\n");
  let text = "";
  if (!store.connected) text = t("No connection to the emulator. Trying again…");
  else if (!store.bot.up) text = t("The bot is not running. Messages wait for it.");
  else if (first) text = first;
  banner.hidden = text === "";
  if (banner.hidden) return;
  banner.className = store.connected && store.bot.up ? "banner warn" : "banner down";
  const more = store.connected ? (store.bot.up ? rest : [first, ...rest]).filter(Boolean).join("\n") : "";
  const signature = JSON.stringify([text, more, currentLanguage()]);
  const body = el("span", { class: "banner-text" }, text);
  const build = () =>
    more
      ? el(
          "details",
          {},
          el("summary", {}, icon("warning"), body, el("span", { class: "more" }, t("Details"))),
          el("pre", {}, more),
        )
      : el("div", { class: "banner-line" }, icon("warning"), body);
  reconcile(banner, [{ key: "line", signature, build }]);
}

/** Messages of one album become one entry; others stand alone. */
function albums(messages) {
  const out = [];
  for (const one of messages) {
    const group = one.media_group_id && out.at(-1);
    if (group && group[0].media_group_id === one.media_group_id) group.push(one);
    else out.push([one]);
  }
  return out;
}

const together = (a, b) =>
  Boolean(
    a &&
    b &&
    a.from === b.from &&
    !a.service &&
    !b.service &&
    senderOf(a).id === senderOf(b).id &&
    (store.thread || a.thread === b.thread) &&
    dayKey(a.date) === dayKey(b.date) &&
    b.date - a.date < GROUP_SECONDS,
  );

const MESSAGES = new Set(["message", "channel_post"]);

function deliveries() {
  const states = new Map();
  for (const one of store.updates)
    if (MESSAGES.has(one.type) && one.chat_id === store.chatId) states.set(one.message_id, one.state);
  return states;
}

const written = new WeakMap();

/** A message as text, made once for each version of it: long chats are drawn at every event. */
function signatureOf(one) {
  if (!written.has(one)) {
    const { raw, history, ...rest } = one;
    written.set(one, JSON.stringify(rest));
  }
  return written.get(one);
}

/** What names, ranks and topics in all bubbles depend on. */
function surroundings() {
  const where = group();
  return JSON.stringify([
    currentLanguage(),
    store.userId,
    user()?.first_name,
    botName(),
    store.thread,
    where && [where.members, where.topics, where.title, where.pinned, where.reactions],
    where && store.users.map((one) => [one.id, one.first_name, one.last_name]),
  ]);
}

function separator(message) {
  return {
    key: `day-${dayKey(message.date)}`,
    signature: day(message.date),
    build: () => el("div", { class: "row service" }, el("span", { class: "chip" }, day(message.date))),
  };
}

function typingRow() {
  const build = () =>
    el(
      "div",
      { class: "row in last typing", "aria-hidden": "true" },
      el("div", { class: "stack" }, el("div", { class: "bubble" }, dots())),
    );
  return { key: "typing", signature: "typing", build };
}

function entry(album, look, around) {
  const message = album[0];
  const mine = `${store.userId}:${message.chat_id}:`;
  const busy = album.flatMap((one) =>
    [...store.pressed].filter((key) => key.startsWith(`${mine}${one.message_id}:`)),
  );
  const chosen = album.some((one) => one.message_id === store.selected);
  const quoted = message.reply_to ? findMessage(message.reply_to) : null;
  const signature = [
    album.map(signatureOf).join(),
    JSON.stringify([look, busy, chosen, quoted?.spans]),
    around,
  ].join();
  return { key: message.message_id, signature, build: () => bubble({ album, ...look }) };
}

function items() {
  const out = [];
  const states = deliveries();
  const every = inView();
  const groups = albums(every.slice(-store.shown));
  const around = surroundings();
  if (every.length > store.shown) out.push(earlier(every.length - store.shown));
  groups.forEach((album, index) => {
    const message = album[0];
    const before = groups[index - 1]?.[0];
    if (!before || dayKey(before.date) !== dayKey(message.date)) out.push(separator(message));
    const look = {
      first: !together(before, message),
      last: !together(message, groups[index + 1]?.[0]),
      state: states.get(message.message_id),
    };
    out.push(entry(album, look, around));
  });
  if (typingAction()) out.push(typingRow());
  return out;
}

/** Draw more of a long chat, and stay where one reads. */
function showEarlier() {
  const view = byId("scroll");
  const below = view.scrollHeight - view.scrollTop;
  store.shown += PAGE;
  drawChat();
  view.scrollTop = view.scrollHeight - below;
}

function earlier(count) {
  const build = () =>
    el(
      "div",
      { class: "row service" },
      el(
        "button",
        { type: "button", class: "chip", onclick: showEarlier, "data-focus": "earlier" },
        nt("{n} earlier message", "{n} earlier messages", count),
      ),
    );
  return { key: "earlier", signature: `${count} ${currentLanguage()}`, build };
}

/** Scroll to a message, and draw it first if it is an earlier one. */
export function showMessage(id) {
  const at = inView().findIndex((one) => one.message_id === id);
  if (at < 0) return;
  const needed = inView().length - at;
  if (needed > store.shown) {
    store.shown = needed + PAGE / 4;
    drawChat();
  }
  nearEnd = false;
  const node = document.querySelector(`[data-id="${id}"]`);
  node?.scrollIntoView({ block: "center", behavior: "smooth" });
  node?.animate([{ filter: "brightness(1.25)" }, { filter: "none" }], 900);
}

function starters() {
  const known = new Set((user()?.commands ?? []).map((one) => one.command));
  const text = (command, label) => (known.has(command) ? `/${command}` : label);
  return [
    ["sparkle", t("Begin"), "/start"],
    ["person", t("My profile"), text("profile", t("My profile"))],
    ["planet", t("Natal chart"), text("chart", t("Natal chart"))],
  ];
}

function drawEmpty() {
  const box = byId("empty");
  box.hidden = !store.ready || inView().length > 0 || !user();
  if (box.hidden) return;
  if (group()) {
    const build = () => el("p", { class: "chip" }, t("No messages yet"));
    reconcile(box, [{ key: "group", signature: currentLanguage(), build }]);
    return;
  }
  const description = localized(store.bot.description, user().language_code);
  const signature = JSON.stringify([currentLanguage(), description, starters(), botName(), user().blocked]);
  const build = () =>
    el(
      "div",
      { class: "welcome" },
      avatar(botName(), store.bot.id ?? 0, "bot large"),
      el("h2", {}, t("What can this bot do?")),
      el("p", {}, description || t("Nothing here yet. Say something, or begin with one of these:")),
      user().blocked
        ? null
        : el(
            "div",
            { class: "starters" },
            starters().map(([name, label, command]) =>
              el(
                "button",
                { type: "button", class: "starter", onclick: () => send(command) },
                icon(name),
                el("span", {}, label),
                command === label ? null : el("code", {}, command),
              ),
            ),
          ),
    );
  reconcile(box, [{ key: "welcome", signature, build }]);
}

let shownPlace = "";
let nearEnd = true;

function scrollToEnd(smooth = false) {
  const view = byId("scroll");
  view.scrollTo({ top: view.scrollHeight, behavior: smooth ? "smooth" : "instant" });
}

export function drawChat() {
  const place = `${store.userId}:${store.chatId}:${store.thread}`;
  const arrived = shownPlace === place;
  const last = inView().at(-1);
  const follow =
    nearEnd || !arrived || (last?.from === "user" && (last.author ?? store.userId) === store.userId);
  shownPlace = place;
  drawHeader();
  drawBanner();
  drawEmpty();
  const before = byId("messages").lastElementChild;
  reconcile(byId("messages"), items());
  const grew = byId("messages").lastElementChild !== before;
  if (follow && (grew || nearEnd || !arrived)) scrollToEnd(arrived && grew);
  if (!document.hidden && document.body.dataset.view !== "users") markRead();
}

export function startChat() {
  const view = byId("scroll");
  let lastTop = 0;
  view.addEventListener(
    "scroll",
    () => {
      const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR_PX;
      // Only a way up leaves the end: a message may arrive while we still glide down to the one before it.
      nearEnd = atEnd || (nearEnd && view.scrollTop >= lastTop);
      lastTop = view.scrollTop;
      byId("to-end").hidden = nearEnd;
      if (view.scrollTop < NEAR_PX && inView().length > store.shown && shownPlace) showEarlier();
    },
    { passive: true },
  );
  byId("to-end").onclick = () => scrollToEnd(true);
  new ResizeObserver(() => nearEnd && scrollToEnd()).observe(view);
}
