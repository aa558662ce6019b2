// The selected person: language, balance, block, a new start, and the chat as a file.

import { changeUser, resetAll, resetChat, startAfresh } from "./actions.js";
import { byId, el, icon, reconcile } from "./dom.js";
import { currentLanguage, money, number, t } from "./i18n.js";
import { ask } from "./overlays.js";
import { avatar, fullName } from "./senders.js";
import { chat, store, user } from "./store.js";
import { toggle } from "./trouble.js";

let refresh = async () => {};
export function onReset(callback) {
  refresh = callback;
}

export async function askReset(all) {
  const one = user();
  if (!one) return;
  const title = all ? t("Start everything anew?") : t("Start {name}'s chat anew?", { name: one.first_name });
  const text = all
    ? t("All chats, updates and faults go. People stay.")
    : t("The messages of this chat go. The bot's own database keeps what it knows.");
  if (!(await ask(title, text, t("Start anew")))) return;
  if (await (all ? resetAll() : resetChat())) await refresh();
}

async function askAfresh() {
  const text = t("Database and chats go, and the bot starts anew.");
  if ((await ask(t("Start afresh?"), text, t("Start afresh"))) && (await startAfresh())) await refresh();
}

function head(one) {
  const facts = [one.username ? `@${one.username}` : "", `id ${one.id}`].filter(Boolean).join(" · ");
  return el(
    "div",
    { class: "profile" },
    avatar(fullName(one), one.id, "large"),
    el("h3", {}, fullName(one)),
    el("p", { class: "muted" }, facts),
  );
}

function language(one) {
  const choices = [
    ["ru", "Русский"],
    ["en", "English"],
  ];
  return el(
    "div",
    { class: "setting" },
    el("div", {}, el("b", {}, t("Language")), el("small", {}, "language_code")),
    el(
      "div",
      { class: "segmented", role: "group", "aria-label": t("Language") },
      choices.map(([code, name]) =>
        el(
          "button",
          {
            type: "button",
            "aria-pressed": String(one.language_code === code),
            "data-focus": `language-${code}`,
            lang: code,
            onclick: () => changeUser({ language_code: code }),
          },
          name,
        ),
      ),
    ),
  );
}

function stars(one) {
  const add = (amount) =>
    el(
      "button",
      {
        type: "button",
        class: "pill",
        "data-focus": `stars-${amount}`,
        onclick: () => changeUser({ stars: one.stars + amount }),
      },
      `+${number(amount)}`,
    );
  const none = el(
    "button",
    { type: "button", class: "pill", onclick: () => changeUser({ stars: 0 }) },
    t("None"),
  );
  return el(
    "div",
    { class: "setting" },
    el(
      "div",
      {},
      el("b", {}, t("Stars")),
      el("small", {}, t("The bot has {amount}", { amount: money(store.bot.stars ?? 0, "XTR") })),
    ),
    el(
      "div",
      { class: "purse" },
      el("strong", {}, money(one.stars, "XTR")),
      el("div", { class: "presets" }, add(100), add(500), none),
    ),
  );
}

/** The chat without the page's own fields, as the Bot API would show it. */
function exportChat(one) {
  const transcript = {
    user: one,
    messages: chat(one.id).map((message) => message.raw),
    updates: store.updates.filter((update) => update.user_id === one.id),
  };
  const url = URL.createObjectURL(
    new Blob([JSON.stringify(transcript, null, 2)], { type: "application/json" }),
  );
  el("a", { href: url, download: `chat-${one.id}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function doings(one) {
  return el(
    "div",
    { class: "doings" },
    el(
      "button",
      { type: "button", class: "quiet wide", onclick: () => exportChat(one) },
      icon("download"),
      t("Save the chat as JSON"),
    ),
    el(
      "button",
      { type: "button", class: "quiet wide", onclick: () => askReset(false) },
      icon("reset"),
      t("Start this chat anew"),
    ),
    el(
      "button",
      { type: "button", class: "quiet wide danger", onclick: () => askReset(true) },
      icon("reset"),
      t("Start everything anew"),
    ),
    store.canStartAfresh
      ? el(
          "button",
          { type: "button", class: "quiet wide danger", id: "afresh", onclick: askAfresh },
          icon("reset"),
          t("Start afresh: database and chats"),
        )
      : null,
  );
}

export function drawPerson() {
  const one = user();
  if (!one) return reconcile(byId("panel-person"), []);
  const items = [
    ["head", [fullName(one), one.username], () => head(one)],
    ["language", [one.language_code], () => language(one)],
    ["stars", [one.stars, store.bot.stars], () => stars(one)],
    [
      "premium",
      [one.premium],
      () => toggle("Telegram Premium", "is_premium", one.premium, (premium) => changeUser({ premium })),
    ],
    [
      "blocked",
      [one.blocked],
      () =>
        toggle(t("Bot blocked"), t("The bot gets my_chat_member and 403"), one.blocked, (blocked) =>
          changeUser({ blocked }),
        ),
    ],
    ["doings", [chat(one.id).length, store.canStartAfresh], () => doings(one)],
  ];
  return reconcile(
    byId("panel-person"),
    items.map(([key, seen, build]) => ({
      key: `${one.id}-${key}`,
      signature: JSON.stringify([seen, currentLanguage()]),
      build,
    })),
  );
}
