// Reactions: pills under a message, and the row of emoji that adds one.

import { react } from "./actions.js";
import { el, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { toggleMenu } from "./overlays.js";
import { group, store, user } from "./store.js";
import { fullName } from "./senders.js";

const USUAL = ["👍", "❤", "🔥", "🎉", "😁", "🤔", "👎"];

/** Some signs are text unless one asks for the picture: the heart is black then. */
const coloured = (emoji) => (/^\p{Emoji_Presentation}/u.test(emoji) ? emoji : `${emoji}\uFE0F`);

const nameOf = (id) =>
  id === store.bot.id ? store.bot.first_name : user(id) ? fullName(user(id)) : String(id);

export function reactionRow(message) {
  if (!message.reactions?.length) return null;
  return el(
    "div",
    { class: "reactions", role: "group", "aria-label": t("Reactions") },
    message.reactions.map(({ emoji, by }) => {
      const own = by.includes(store.userId);
      return el(
        "button",
        {
          type: "button",
          class: own ? "reaction own" : "reaction",
          "aria-pressed": String(own),
          "data-focus": `reaction-${message.message_id}-${emoji}`,
          title: by.map(nameOf).join(", "),
          onclick: (event) => {
            event.stopPropagation();
            react(message, own ? null : emoji);
          },
        },
        el("span", {}, coloured(emoji)),
        el("b", {}, String(by.length)),
      );
    }),
  );
}

/** The button that opens the row of emoji above a message. */
export function reactionPicker(message) {
  const panel = el("div", {
    class: "menu picker",
    role: "menu",
    "aria-label": t("Reactions"),
    hidden: true,
  });
  const button = iconButton("smile", t("React"), () => toggleMenu(button, panel), "small");
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");
  for (const emoji of group(message.chat_id)?.reactions ?? USUAL) {
    const onclick = () => {
      toggleMenu(button, panel, false);
      react(message, emoji);
    };
    panel.append(
      el("button", { type: "button", role: "menuitem", "aria-label": emoji, onclick }, coloured(emoji)),
    );
  }
  return el("div", { class: "anchor" }, button, panel);
}
