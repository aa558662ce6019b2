// The chats of the selected person: the private one with the bot, groups and channels; and new ones.

import { addGroup, forward, joinGroup } from "./actions.js";
import { takeUp } from "./composer.js";
import { byId, el, icon, reconcile } from "./dom.js";
import { clock, currentLanguage, day, dayKey, t } from "./i18n.js";
import { dialog, formDialog } from "./overlays.js";
import { avatar, fullName, senderName, senderOf } from "./senders.js";
import { preview } from "./service.js";
import {
  botName,
  chat,
  chatsOf,
  group,
  isOwn,
  memberOf,
  openChat,
  store,
  typingAction,
  unreadIn,
  user,
} from "./store.js";

function moment(seconds) {
  return dayKey(seconds) === dayKey(Date.now() / 1000) ? clock(seconds) : day(seconds);
}

/** Who said the last thing, where that is not clear: oneself, or somebody in a group. */
function by(last, where) {
  if (last.service) return null;
  if (isOwn(last)) return el("i", {}, `${t("You")}: `);
  if (!where || where.type === "channel" || senderOf(last).kind === "chat") return null;
  return el("i", {}, `${senderName(last).split(" ")[0]}: `);
}

function line(id, where) {
  const action = typingAction(id);
  const last = chat(id).at(-1);
  if (!where && user()?.blocked) return el("span", { class: "line" }, `🚫 ${t("bot blocked")}`);
  if (action) return el("span", { class: "line acting" }, `${t("typing")}…`);
  if (!last) return el("span", { class: "line" }, t("No messages yet"));
  return el("span", { class: "line" }, by(last, where), preview(last));
}

const ICONS = { group: "people", supergroup: "people", channel: "megaphone" };

function row(id) {
  const where = group(id);
  const name = where?.title ?? botName();
  const last = chat(id).at(-1);
  const count = unreadIn(id);
  const shown = count > 99 ? "99+" : String(count);
  const badge = count
    ? el("span", { class: "badge", "aria-label": t("Unread: {n}", { n: count }) }, shown)
    : null;
  const kind = where ? icon(where.is_forum ? "hash" : ICONS[where.type], "tiny") : null;
  const button = el(
    "button",
    {
      type: "button",
      class: "room",
      "aria-current": id === store.chatId ? "true" : null,
      "data-focus": `chat-${id}`,
      onclick: () => choose(id),
    },
    where ? avatar(name, id) : avatar(name, store.bot.id ?? 0, "bot"),
    el(
      "span",
      { class: "room-text" },
      el(
        "span",
        { class: "room-top" },
        el("b", {}, kind, el("span", {}, name)),
        el("time", {}, last ? moment(last.date) : ""),
      ),
      el("span", { class: "room-bottom" }, line(id, where), badge),
    ),
  );
  return el("li", {}, button);
}

function choose(id) {
  openChat(id);
  document.body.dataset.view = "chat";
  takeUp();
}

/** Groups that the selected person is not in. */
const joinable = () => store.groups.filter((one) => !one.migrated_to && !memberOf(one).present);

export function drawRooms() {
  const one = user();
  byId("chats-of").textContent = one ? t("Chats of {name}", { name: one.first_name }) : "";
  reconcile(
    byId("chats"),
    (one ? chatsOf() : []).map((id) => {
      const last = chat(id).at(-1);
      const where = group(id);
      const signature = JSON.stringify([
        where ? [where.title, where.type, where.is_forum] : [botName(), one.blocked],
        last && [last.message_id, last.edited, last.spans, last.service, last.sender],
        unreadIn(id),
        id === store.chatId,
        typingAction(id),
        store.userId,
        currentLanguage(),
      ]);
      return { key: id, signature, build: () => row(id) };
    }),
  );
  byId("join-chat").hidden = joinable().length === 0;
}

/** A dialog of chats, of which one is chosen. */
function chooseChat(title, ids, run) {
  const rows = ids.map((id) => {
    const where = group(id);
    const name = where?.title ?? botName();
    const onclick = () => {
      node.close();
      run(id);
    };
    return el(
      "button",
      { type: "button", class: "item", onclick },
      avatar(name, id, where ? "small" : "bot small"),
      el("span", {}, name),
    );
  });
  const node = dialog("modal", title, el("h2", {}, title), el("div", { class: "menu-list" }, rows));
}

export function askForward(message) {
  chooseChat(t("Forward to"), chatsOf(), async (id) => {
    if (await forward(message, id)) choose(id);
  });
}

export function askJoin() {
  chooseChat(
    t("Join a chat"),
    joinable().map((one) => one.id),
    async (id) => {
      if (await joinGroup(id)) choose(id);
    },
  );
}

export function check(name, value, label, checked = false) {
  const input = el("input", { type: "checkbox", name, value, checked });
  return el("label", { class: "check" }, input, el("span", {}, label));
}

function groupFields() {
  const kinds = [
    ["supergroup", t("Supergroup")],
    ["group", t("Group")],
    ["channel", t("Channel")],
  ];
  const places = [
    ["member", t("Member")],
    ["administrator", t("Administrator")],
    ["away", t("Not in it")],
  ];
  return [
    { name: "title", label: t("Title"), required: true, maxLength: 128, placeholder: t("Quiz evening") },
    { name: "kind", label: t("Kind"), options: kinds },
    { name: "bot", label: t("The bot"), options: places },
  ];
}

/** The choice of topics, which a supergroup alone has; and bots come into channels as administrators only. */
function forumField(form) {
  const node = check("forum", "yes", t("With topics"));
  form.addEventListener("change", () => {
    const kind = form.elements.kind.value;
    node.querySelector("input").disabled = kind !== "supergroup";
    const member = form.querySelector('[name="bot"][value="member"]');
    member.disabled = kind === "channel";
    if (member.disabled && member.checked)
      form.querySelector('[name="bot"][value="administrator"]').checked = true;
  });
  return node;
}

function peopleField() {
  const others = store.users.filter((one) => one.id !== store.userId);
  if (!others.length) return null;
  return el(
    "fieldset",
    { class: "field" },
    el("legend", {}, t("Who is in it")),
    el(
      "div",
      { class: "checks" },
      others.map((one) => check("members", String(one.id), fullName(one), true)),
    ),
  );
}

export function askGroup() {
  const submit = async (values, form) => {
    const members = [...form.querySelectorAll('[name="members"]:checked')].map((one) => Number(one.value));
    const forum = values.kind === "supergroup" && values.forum === "yes";
    const made = await addGroup({
      title: values.title.trim(),
      kind: values.kind,
      bot: values.bot,
      forum,
      members,
    });
    if (made) choose(made.id);
    return made;
  };
  formDialog(t("New group or channel"), groupFields(), t("Create"), submit, forumField, peopleField);
}
