// Who speaks: people, the bot, and chats in whose name an administrator writes.

import { el, icon } from "./dom.js";
import { t } from "./i18n.js";
import { botName, group, memberOf, store, user } from "./store.js";

const TONES = 7;

export const fullName = (one) => [one.first_name, one.last_name].filter(Boolean).join(" ");
export const tone = (id) => `tone-${Math.abs(id) % TONES}`;

/** In a private chat a message says no more than "user" or "bot". */
export function senderOf(message) {
  if (message.sender) return message.sender;
  const person = message.from !== "bot";
  return { kind: person ? "user" : "bot", id: person ? message.chat_id : store.bot.id, name: "" };
}

/** The colour of whoever speaks; the bot has one of its own, whatever its number. */
export const toneOf = (message) => {
  const { kind, id } = senderOf(message);
  return kind === "bot" ? "tone-2" : tone(id ?? 0);
};

/** The name as it is now: a person may have been renamed since. */
export function senderName(message) {
  const { kind, id, name } = senderOf(message);
  if (kind === "bot") return botName();
  if (kind === "chat") return group(id)?.title ?? name;
  const person = user(id);
  return person ? (group(message.chat_id) ? fullName(person) : person.first_name) : name;
}

/** What stands beside a name in a group: an administrator's title, or that they are one. */
export function senderRank(message) {
  const where = group(message.chat_id);
  const { kind, id } = senderOf(message);
  if (!where || where.type === "channel") return "";
  if (kind === "chat") return id === where.id ? t("anonymous") : t("channel");
  const member = memberOf(where, id);
  if (member.title) return member.title;
  return { creator: t("owner"), administrator: t("admin") }[member.status] ?? "";
}

export function avatar(name, id, className = "") {
  const initials = name
    .split(/\s+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => [...word][0].toUpperCase())
    .join("");
  const face = className.includes("bot") ? icon("logo") : initials || "?";
  return el("span", { class: `avatar ${tone(id)} ${className}`.trim(), "aria-hidden": "true" }, face);
}

/** The picture of whoever wrote a message. */
export function faceOf(message, className = "") {
  const { kind, id } = senderOf(message);
  return avatar(senderName(message), id ?? 0, `${kind === "bot" ? "bot" : ""} ${className}`.trim());
}
