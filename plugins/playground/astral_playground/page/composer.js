// Where the selected person writes: text, commands, answers, edits, the bot's own keyboard.

import { changeUser, editMessage, send } from "./actions.js";
import { askContact, askLocation, askPoll, askShare, drawAttach } from "./attach.js";
import { byId, el, icon, iconButton, reconcile } from "./dom.js";
import { currentLanguage, t } from "./i18n.js";
import { drawInline, followInline, inlineKey, startInline } from "./inline.js";
import { toast, toggleMenu } from "./overlays.js";
import { senderName } from "./senders.js";
import { preview } from "./service.js";
import { changed, chat, group, isOwn, memberOf, message, store, user } from "./store.js";
import { plain } from "./spans.js";

let recalled = -1;
let draftOf = "";
const drafts = {};

const input = () => byId("input");

function submit() {
  const text = input().value;
  if (!text.trim() || !user()) return;
  const target = message(store.editing);
  input().value = "";
  recalled = -1;
  resize();
  const work = target ? editMessage(target, text.trim()) : send(text);
  if (target) stop();
  work.then((answer) => {
    if (answer === null && !input().value) input().value = text; // refused: nothing typed is lost
    resize();
  });
}

/** Neither answer nor edit any more. */
function stop() {
  if (store.editing) input().value = "";
  store.reply = 0;
  store.editing = 0;
  changed();
}

/** Put an own message's text into the field: what is sent then takes its place. */
export function beginEdit(one) {
  store.reply = 0;
  store.editing = one.message_id;
  input().value = plain(one.spans);
  input().focus();
  resize();
  changed();
}

function resize() {
  const box = input();
  box.style.setProperty("--lines", String(Math.min(8, box.value.split("\n").length)));
  box.classList.toggle("long", box.scrollHeight > box.clientHeight + 4);
  byId("send").disabled = box.value.trim() === "";
}

/** Up and down walk through what this person wrote before, as in a shell. */
function recall(step) {
  const sent = chat()
    .filter((one) => isOwn(one) && one.spans.length && !one.service)
    .map((one) => plain(one.spans));
  if (!sent.length) return false;
  const place = recalled < 0 ? sent.length : recalled;
  const next = place + step;
  if (next < 0) return true;
  recalled = next >= sent.length ? -1 : next;
  input().value = recalled < 0 ? "" : sent[recalled];
  input().setSelectionRange(input().value.length, input().value.length);
  resize();
  return true;
}

function onKey(event) {
  if (event.isComposing || inlineKey(event)) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    submit();
  } else if (
    (event.key === "ArrowUp" && (input().value === "" || recalled >= 0)) ||
    (event.key === "ArrowDown" && recalled >= 0)
  ) {
    if (recall(event.key === "ArrowUp" ? -1 : 1)) event.preventDefault();
  } else if (event.key === "Escape" && (store.reply || store.editing)) stop();
}

/** The menu of this chat: a group has its own, and its administrators theirs. */
function commandsHere() {
  const where = group();
  if (!where) return user()?.commands ?? [];
  if (where.type === "channel" || !memberOf(where, store.bot.id).present) return [];
  const admin = ["creator", "administrator"].includes(memberOf(where).status);
  return user()?.[admin ? "admin_commands" : "group_commands"] ?? [];
}

function drawCommands() {
  const commands = commandsHere();
  byId("menu-button").hidden = commands.length === 0;
  const signature = JSON.stringify([commands, store.chatId]);
  reconcile(
    byId("commands"),
    commands.map(({ command, description }) => ({
      key: command,
      signature,
      build: () =>
        el(
          "button",
          {
            type: "button",
            class: "item",
            role: "menuitem",
            onclick: () => {
              toggleMenu(byId("menu-button"), byId("commands"), false);
              send(group() ? `/${command}@${store.bot.username}` : `/${command}`);
            },
          },
          el("b", {}, `/${command}`),
          el("span", {}, description),
        ),
    })),
  );
}

function drawKeyboard() {
  const box = byId("reply-keyboard");
  const keyboard = (group() ?? user())?.reply_keyboard;
  box.hidden = !keyboard;
  const run = {
    location: askLocation,
    contact: askContact,
    poll: askPoll,
    users: askShare,
    chat: askShare,
    web_app: () => toast(t("This kind of button works in Telegram only"), "error"),
  };
  const build = () =>
    el(
      "div",
      { class: keyboard.resize ? "keys-grid" : "keys-grid tall" },
      keyboard.buttons.map((row) =>
        el(
          "div",
          { class: "keys" },
          row.map((button) =>
            el(
              "button",
              {
                type: "button",
                class: "key",
                onclick: () => (run[button.kind] ? run[button.kind](button) : send(button.text)),
              },
              el("span", { class: "key-label" }, button.text),
            ),
          ),
        ),
      ),
    );
  reconcile(
    box,
    keyboard
      ? [{ key: "keys", signature: JSON.stringify([store.userId, store.chatId, keyboard]), build }]
      : [],
  );
}

function drawReply() {
  const box = byId("replying");
  const editing = message(store.editing);
  const target = editing ?? message(store.reply);
  box.hidden = !target;
  const build = () =>
    el(
      "div",
      { class: "replying" },
      icon(editing ? "edit" : "reply"),
      el(
        "span",
        { class: "quote" },
        el("b", {}, editing ? t("Edit the message") : senderName(target)),
        el("span", {}, preview(target)),
      ),
      iconButton("close", editing ? t("Cancel the edit") : t("Cancel the reply"), stop, "small"),
    );
  const signature = JSON.stringify([currentLanguage(), Boolean(editing)]);
  reconcile(box, target ? [{ key: target.message_id, signature, build }] : []);
}

/** Who may say nothing here: subscribers of a channel. */
function isSilent() {
  const where = group();
  const { status, rights } = memberOf(where);
  if (where?.type !== "channel") return false;
  return status !== "creator" && !(status === "administrator" && rights.includes("can_post_messages"));
}

/** Every place has a draft of its own. */
function followPlace() {
  const place = `${store.userId}:${store.chatId}:${store.thread}`;
  if (draftOf === place) return;
  drafts[draftOf] = input().value;
  input().value = drafts[place] ?? "";
  draftOf = place;
  recalled = -1;
  resize();
}

/** Write in the place that was just chosen: what is typed before the next frame is its text already. */
export function takeUp() {
  followPlace();
  if (matchMedia("(pointer: fine)").matches) input().focus();
}

export function drawComposer() {
  followPlace();
  const blocked = Boolean(user()?.blocked) && !group();
  byId("compose-row").hidden = blocked || !user() || isSilent();
  byId("silent").hidden = !isSilent();
  byId("unblock").hidden = !blocked;
  input().placeholder = (group() ?? user())?.reply_keyboard?.placeholder || t("Message");
  drawCommands();
  drawAttach();
  drawKeyboard();
  drawReply();
  drawInline();
}

export function startComposer() {
  input().addEventListener("keydown", onKey);
  input().addEventListener("input", () => {
    recalled = -1;
    resize();
    followInline();
  });
  startInline();
  byId("compose").onsubmit = (event) => {
    event.preventDefault();
    submit();
  };
  byId("menu-button").onclick = () => toggleMenu(byId("menu-button"), byId("commands"));
  byId("attach").onclick = () => toggleMenu(byId("attach"), byId("attachments"));
  byId("unblock").onclick = () => changeUser({ blocked: false });
  resize();
}
