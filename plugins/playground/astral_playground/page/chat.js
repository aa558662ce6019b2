// The middle of the page: header, banner, messages.

import { send } from "./actions.js";
import { avatar } from "./users.js";
import { bubble } from "./bubble.js";
import { byId, el, icon, reconcile } from "./dom.js";
import { currentLanguage, day, dayKey, t } from "./i18n.js";
import { botName, chat, localized, markRead, store, typingAction, user } from "./store.js";

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

function drawHeader() {
  const action = typingAction();
  const status = byId("bot-status");
  const live = store.connected && store.bot.up;
  byId("bot-name").textContent = botName();
  byId("bot-avatar").replaceChildren(avatar(botName(), store.bot.id ?? 0, "bot"));
  status.className = action && live ? "status acting" : "status";
  const text = action && live ? actionText(action) : live ? t("bot") : t("not running");
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
    a && b && a.from === b.from && dayKey(a.date) === dayKey(b.date) && b.date - a.date < GROUP_SECONDS,
  );

function deliveries() {
  const states = new Map();
  for (const one of store.updates)
    if (one.type === "message" && one.chat_id === store.userId) states.set(one.message_id, one.state);
  return states;
}

function items() {
  const out = [];
  const states = deliveries();
  const groups = albums(chat());
  const waiting = [...store.pressed].filter((key) => key.startsWith(`${store.userId}:`));
  groups.forEach((album, index) => {
    const message = album[0];
    const before = groups[index - 1]?.[0];
    const after = groups[index + 1]?.[0];
    if (!before || dayKey(before.date) !== dayKey(message.date)) {
      const key = `day-${dayKey(message.date)}`;
      out.push({
        key,
        signature: day(message.date),
        build: () => el("div", { class: "row service" }, el("span", { class: "chip" }, day(message.date))),
      });
    }
    const look = {
      first: !together(before, message),
      last: !together(message, after),
      state: states.get(message.message_id),
    };
    const busy = album.flatMap((one) =>
      waiting.filter((key) => key.startsWith(`${one.chat_id}:${one.message_id}:`)),
    );
    const chosen = album.some((one) => one.message_id === store.selected);
    const quoted = chat().find((one) => one.message_id === message.reply_to);
    const shown = album.map(({ raw, history, ...rest }) => rest);
    const signature = JSON.stringify([
      shown,
      look,
      busy,
      chosen,
      currentLanguage(),
      user()?.first_name,
      botName(),
      quoted?.spans,
    ]);
    out.push({ key: message.message_id, signature, build: () => bubble({ album, ...look }) });
  });
  if (typingAction())
    out.push({
      key: "typing",
      signature: "typing",
      build: () =>
        el(
          "div",
          { class: "row in last typing", "aria-hidden": "true" },
          el("div", { class: "stack" }, el("div", { class: "bubble" }, dots())),
        ),
    });
  return out;
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
  box.hidden = !store.ready || chat().length > 0 || !user();
  if (box.hidden) return;
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

let shownUser = 0;
let nearEnd = true;

function scrollToEnd(smooth = false) {
  const view = byId("scroll");
  view.scrollTo({ top: view.scrollHeight, behavior: smooth ? "smooth" : "instant" });
}

export function drawChat() {
  const follow = nearEnd || shownUser !== store.userId || chat().at(-1)?.from === "user";
  const arrived = shownUser === store.userId;
  shownUser = store.userId;
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
  view.addEventListener(
    "scroll",
    () => {
      nearEnd = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR_PX;
      byId("to-end").hidden = nearEnd;
    },
    { passive: true },
  );
  byId("to-end").onclick = () => scrollToEnd(true);
  new ResizeObserver(() => nearEnd && scrollToEnd()).observe(view);
}
