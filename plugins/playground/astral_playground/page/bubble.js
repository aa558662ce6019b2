// One message, or one album, as a bubble with its keyboard.

import { pin, removeMessage, send } from "./actions.js";
import { cards, look } from "./cards.js";
import { beginEdit } from "./composer.js";
import { el, icon, iconButton } from "./dom.js";
import { clock, money, t } from "./i18n.js";
import { keyboard } from "./keys.js";
import { pollCard } from "./polls.js";
import { reactionPicker, reactionRow } from "./reactions.js";
import { askForward } from "./rooms.js";
import { faceOf, senderName, senderRank, toneOf } from "./senders.js";
import { preview, serviceText } from "./service.js";
import { plain, renderSpans } from "./spans.js";
import { GENERAL, changed, group, isOwn, memberOf, message as findMessage, store } from "./store.js";
import { topicName } from "./topics.js";

const TICKS = {
  created: "clock",
  delivering: "check",
  retrying: "clock",
  delivered: "checks",
  expired: "warning",
  dropped: "warning",
};

function tickLabel(state) {
  return {
    created: t("Waiting for delivery"),
    delivering: t("Being delivered"),
    retrying: t("Delivery is being repeated"),
    delivered: t("Delivered to the bot"),
    expired: t("Never delivered"),
    dropped: t("Dropped"),
  }[state];
}

function meta(message, state) {
  const tick = isOwn(message) && TICKS[state] ? icon(TICKS[state], "tick") : null;
  if (tick) {
    tick.setAttribute("aria-hidden", "false");
    tick.setAttribute("role", "img");
    tick.setAttribute("aria-label", tickLabel(state));
  }
  return el(
    "span",
    { class: "meta" },
    message.edited ? el("span", {}, t("edited")) : null,
    el("time", { dateTime: new Date(message.date * 1000).toISOString() }, clock(message.date)),
    tick,
  );
}

function quote(message) {
  const target = findMessage(message.reply_to, message.chat_id);
  if (!target) return null;
  const onclick = (event) => {
    event.stopPropagation();
    showMessage(target.message_id);
  };
  return el(
    "button",
    { type: "button", class: `quote ${toneOf(target)}`, onclick },
    el("b", {}, senderName(target)),
    el("span", {}, message.quote || preview(target)),
  );
}

function invoiceCard({ title, description, currency, total_amount: amount, paid }) {
  return el(
    "div",
    { class: "invoice" },
    el(
      "div",
      { class: "invoice-top" },
      icon(currency === "XTR" ? "star" : "card", "invoice-art"),
      el("span", { class: "price" }, money(amount, currency)),
    ),
    el("b", { class: "invoice-title" }, title),
    el("p", {}, description),
    paid ? el("span", { class: "paid-mark" }, icon("check"), t("Paid")) : null,
  );
}

let showMessage = () => {};
/** Scroll to a message, also to one that is not drawn yet. */
export function onShow(callback) {
  showMessage = callback;
}

let inspect = () => {};
export function onInspect(callback) {
  inspect = callback;
}

function answer(message) {
  store.editing = 0;
  store.reply = message.message_id;
  changed();
  document.querySelector("#input")?.focus();
}

/** What one can do with a message; on a phone they stand under the chosen one. */
function tools(message) {
  const where = group(message.chat_id);
  const own = isOwn(message) || (where?.type === "channel" && message.author === store.userId);
  const here = memberOf(where);
  const admin = ["creator", "administrator"].includes(here.status);
  const canEdit = own && (plain(message.spans) || message.photo) && !message.poll;
  return el(
    "div",
    { class: "tools", role: "group", "aria-label": t("What to do with the message") },
    iconButton("reply", t("Reply"), () => answer(message), "small"),
    reactionPicker(message),
    iconButton("forward", t("Forward"), () => askForward(message), "small"),
    canEdit ? iconButton("edit", t("Edit"), () => beginEdit(message), "small") : null,
    own || admin ? iconButton("bin", t("Delete"), () => removeMessage(message), "small") : null,
    admin
      ? iconButton(
          "thumbtack",
          where.pinned.includes(message.message_id) ? t("Unpin") : t("Pin"),
          () => pin(message),
          "small",
        )
      : null,
    iconButton("braces", t("Inspect"), () => inspect(message), "small"),
  );
}

function origin(message) {
  if (message.forward === null || message.forward === undefined) return null;
  return el(
    "p",
    { class: "forward" },
    t("Forwarded from {name}", { name: message.forward || t("a hidden account") }),
  );
}

/** Name and rank over the first message of a row of somebody else's. */
function head(message, first) {
  const where = group(message.chat_id);
  const via = message.via_bot
    ? el("span", { class: "via" }, t("via @{bot}", { bot: message.via_bot }))
    : null;
  if (!where || isOwn(message) || !first) return via;
  const topic =
    store.thread || !where.is_forum
      ? null
      : where.topics.find((one) => one.id === (message.thread ?? GENERAL));
  return el(
    "div",
    { class: "author" },
    el("b", { class: toneOf(message) }, senderName(message)),
    via,
    topic ? el("span", { class: "topic-mark" }, topicName(topic)) : null,
    el("span", { class: "rank" }, senderRank(message)),
  );
}

function content(message, album, { state, first }) {
  const text = message.spans.length
    ? el("div", { class: "text", dir: "auto" }, renderSpans(message.spans, send), meta(message, state))
    : null;
  const body = [
    cards(message, album),
    message.poll ? pollCard(message) : null,
    message.invoice ? invoiceCard(message.invoice) : null,
  ];
  const parts = message.caption_above ? [text, body] : [body, text];
  return [
    head(message, first),
    origin(message),
    message.reply_to ? quote(message) : null,
    parts,
    reactionRow(message),
    text ? null : meta(message, state),
  ];
}

function serviceRow(message) {
  const money = ["payment", "refund"].includes(message.service.kind) && message.service.currency !== "XTR";
  const chip = el(
    "button",
    { type: "button", class: "chip", onclick: () => inspect(message) },
    money ? icon("card") : null,
    serviceText(message),
  );
  return el("article", { class: "row service", "data-id": message.message_id }, chip);
}

const EMOJI_ONLY = /^\p{Extended_Pictographic}{1,3}\uFE0F?$/u;

/** @param album all messages of the bubble, at least one; the first that has text gives text and keyboard */
export function bubble({ album, first, last, state }) {
  const message = album.find((one) => one.spans.length) ?? album[0];
  if (message.service) return serviceRow(message);
  const own = isOwn(message);
  const emoji = EMOJI_ONLY.test(plain(message.spans)) && !message.photo && !message.media ? "emoji" : "";
  const box = el(
    "div",
    { class: `bubble ${look(message)} ${emoji}`.trim() },
    content(message, album, { state, first }),
  );
  box.onclick = () => {
    if (!String(getSelection())) inspect(message);
  };
  const chosen = album.some((one) => one.message_id === store.selected);
  const faces = group(message.chat_id) && !own && group(message.chat_id).type !== "channel";
  const names = [
    "row",
    own ? "out" : "in",
    first && "first",
    last && "last",
    chosen && "chosen",
    faces && "faced",
  ];
  return el(
    "article",
    {
      class: names.filter(Boolean).join(" "),
      "data-id": message.message_id,
      "aria-label": `${senderName(message)}, ${clock(message.date)}`,
    },
    faces ? (last ? faceOf(message, "small") : el("span", { class: "no-face" })) : null,
    el("div", { class: "stack" }, box, keyboard(message)),
    tools(message),
  );
}
