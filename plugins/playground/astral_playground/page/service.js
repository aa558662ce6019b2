// What happened in a chat, in words; and one line about any message.

import { money, nt, t } from "./i18n.js";
import { plain } from "./spans.js";
import { senderName } from "./senders.js";

function payment(service) {
  const amount = money(service.total_amount, service.currency);
  if (service.kind === "refund") return t("{amount} came back to you", { amount });
  if (service.title) return t("You paid {amount} for “{title}”", { amount, title: service.title });
  return t("You paid {amount}", { amount });
}

const WORDS = {
  joined: ({ self, actor, names }) =>
    self ? t("{actor} joined the group", { actor }) : t("{actor} added {names}", { actor, names }),
  left: ({ self, actor, names }) =>
    self ? t("{actor} left the group", { actor }) : t("{actor} removed {names}", { actor, names }),
  title: ({ actor, text }) => t("{actor} changed the name to “{text}”", { actor, text }),
  photo: ({ actor }) => t("{actor} changed the group's photo", { actor }),
  photo_deleted: ({ actor }) => t("{actor} removed the group's photo", { actor }),
  created: ({ actor }) => t("{actor} created the group", { actor }),
  migrated: () => t("The group became a supergroup"),
  pinned: ({ actor, text }) =>
    text ? t("{actor} pinned “{text}”", { actor, text }) : t("{actor} pinned a message", { actor }),
  topic_created: ({ actor, text }) => t("{actor} created the topic “{text}”", { actor, text }),
  topic_edited: ({ actor, text }) =>
    text
      ? t("{actor} renamed the topic to “{text}”", { actor, text })
      : t("{actor} changed the topic's icon", { actor }),
  topic_closed: ({ actor }) => t("{actor} closed the topic", { actor }),
  topic_reopened: ({ actor }) => t("{actor} reopened the topic", { actor }),
  topic_hidden: ({ actor }) => t("{actor} hid the General topic", { actor }),
  topic_unhidden: ({ actor }) => t("{actor} showed the General topic", { actor }),
  users_shared: ({ names }) => t("You shared {names} with the bot", { names }),
  chat_shared: ({ names }) => t("You shared {names} with the bot", { names }),
  write_access: () => t("The bot may write to you"),
  auto_delete: ({ actor }) => t("{actor} changed when messages disappear", { actor }),
  boosted: ({ actor }) => t("{actor} boosted the group", { actor }),
  tasks_done: ({ actor }) => t("{actor} marked tasks as done", { actor }),
  tasks_added: ({ actor }) => t("{actor} added tasks", { actor }),
  web_app_data: ({ text }) => t("Data from “{text}” went to the bot", { text }),
};

export function serviceText(message) {
  const { service } = message;
  if (service.kind === "payment" || service.kind === "refund") return payment(service);
  const words = WORDS[service.kind];
  if (!words) return t("Service message");
  return words({ ...service, actor: senderName(message), names: (service.names ?? []).join(", ") });
}

const MEDIA = {
  video: () => `🎬 ${t("Video")}`,
  animation: () => "GIF",
  voice: () => `🎤 ${t("Voice message")}`,
  audio: ({ title, file_name: name }) => `🎵 ${title || name || t("Audio")}`,
  video_note: () => `⏺ ${t("Video message")}`,
  sticker: ({ emoji }) => t("Sticker {emoji}", { emoji: emoji ?? "" }).trim(),
};

/** One line about a message, for the list of chats and for quotations. */
export function preview(message, album = 1) {
  const text = plain(message.spans).replace(/\s+/g, " ").trim();
  if (message.service) return serviceText(message);
  if (album > 1) return text || nt("{n} picture", "{n} pictures", album);
  if (message.photo) return text ? `🖼 ${text}` : `🖼 ${t("Photo")}`;
  if (message.media) return [MEDIA[message.media.kind](message.media), text].filter(Boolean).join(" ");
  if (message.document) return `📎 ${message.document.file_name}`;
  if (message.venue) return `📍 ${message.venue.title}`;
  if (message.location) return `📍 ${t("Location")}`;
  if (message.contact) return `👤 ${message.contact.first_name}`;
  if (message.poll) return `📊 ${message.poll.question}`;
  if (message.dice) return `${message.dice.emoji} ${message.dice.value}`;
  if (message.checklist) return `☑ ${message.checklist.title}`;
  if (message.invoice)
    return `${message.invoice.title}, ${money(message.invoice.total_amount, message.invoice.currency)}`;
  return text || (message.other ? t("A message of the kind “{kind}”", { kind: message.other }) : "");
}
