// Where the selected person writes: text, commands, files, places, the bot's own keyboard.

import { changeUser, send, sendContact, sendFile, sendLocation } from "./actions.js";
import { preview } from "./bubble.js";
import { byId, el, icon, iconButton, reconcile } from "./dom.js";
import { currentLanguage, t } from "./i18n.js";
import { formDialog, toggleMenu } from "./overlays.js";
import { botName, changed, chat, message, store, user } from "./store.js";
import { plain } from "./spans.js";

const CITIES = [
  ["Moscow", 55.7558, 37.6173],
  ["Saint Petersburg", 59.9386, 30.3141],
  ["Novosibirsk", 55.0302, 82.9204],
  ["London", 51.5074, -0.1278],
];

let recalled = -1;
let draftOf = 0;
const drafts = {};

const input = () => byId("input");

function submit() {
  const text = input().value;
  if (!text.trim() || !user()) return;
  input().value = "";
  recalled = -1;
  resize();
  send(text).then((answer) => {
    if (answer === null && !input().value) input().value = text; // refused: nothing typed is lost
    resize();
  });
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
    .filter((one) => one.from === "user" && one.spans.length && !one.service)
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
  if (event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    submit();
  } else if (
    (event.key === "ArrowUp" && (input().value === "" || recalled >= 0)) ||
    (event.key === "ArrowDown" && recalled >= 0)
  ) {
    if (recall(event.key === "ArrowUp" ? -1 : 1)) event.preventDefault();
  } else if (event.key === "Escape" && store.reply) {
    store.reply = 0;
    changed();
  }
}

function drawCommands() {
  const commands = user()?.commands ?? [];
  byId("menu-button").hidden = commands.length === 0;
  const signature = JSON.stringify(commands);
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
              send(`/${command}`);
            },
          },
          el("b", {}, `/${command}`),
          el("span", {}, description),
        ),
    })),
  );
}

function pick(accept, kind) {
  const picker = el("input", { type: "file", accept });
  picker.onchange = () => {
    if (picker.files[0])
      sendFile(picker.files[0], kind, input().value.trim()).then((done) => {
        if (done) input().value = "";
        resize();
      });
  };
  picker.click();
}

function askLocation() {
  const [, latitude, longitude] = CITIES[0];
  const fields = [
    {
      name: "latitude",
      label: t("Latitude"),
      type: "number",
      step: "any",
      min: "-90",
      max: "90",
      required: true,
      value: String(latitude),
    },
    {
      name: "longitude",
      label: t("Longitude"),
      type: "number",
      step: "any",
      min: "-180",
      max: "180",
      required: true,
      value: String(longitude),
    },
  ];
  const names = {
    Moscow: t("Moscow"),
    "Saint Petersburg": t("Saint Petersburg"),
    Novosibirsk: t("Novosibirsk"),
    London: t("London"),
  };
  const presets = (form) =>
    el(
      "div",
      { class: "presets" },
      CITIES.map(([name, lat, lon]) =>
        el(
          "button",
          {
            type: "button",
            class: "pill",
            onclick: () => {
              form.elements.latitude.value = lat;
              form.elements.longitude.value = lon;
            },
          },
          names[name],
        ),
      ),
    );
  formDialog(
    t("Send a location"),
    fields,
    t("Send"),
    ({ latitude, longitude }) => sendLocation(Number(latitude), Number(longitude)),
    presets,
  );
}

function askContact() {
  const fields = [
    { name: "phone", label: t("Phone number"), type: "tel", required: true, value: "+79990000000" },
  ];
  formDialog(t("Share your phone number?"), fields, t("Share"), ({ phone }) => sendContact(phone));
}

function drawAttach() {
  const choices = [
    ["image", t("Photo"), () => pick("image/*", "photo")],
    ["file", t("File"), () => pick("", "document")],
    ["pin", t("Location"), askLocation],
    ["person", t("Contact"), askContact],
  ];
  reconcile(
    byId("attachments"),
    choices.map(([name, label, run]) => ({
      key: name,
      signature: label,
      build: () =>
        el(
          "button",
          {
            type: "button",
            class: "item",
            role: "menuitem",
            onclick: () => {
              toggleMenu(byId("attach"), byId("attachments"), false);
              run();
            },
          },
          icon(name),
          el("span", {}, label),
        ),
    })),
  );
}

function drawKeyboard() {
  const box = byId("reply-keyboard");
  const keyboard = user()?.reply_keyboard;
  box.hidden = !keyboard;
  const run = { text: (text) => send(text), location: askLocation, contact: askContact };
  const build = () =>
    el(
      "div",
      { class: keyboard.resize ? "keys-grid" : "keys-grid tall" },
      keyboard.buttons.map((row) =>
        el(
          "div",
          { class: "keys" },
          row.map(({ text, kind }) =>
            el(
              "button",
              { type: "button", class: "key", onclick: () => (run[kind] ?? run.text)(text) },
              el("span", { class: "key-label" }, text),
            ),
          ),
        ),
      ),
    );
  reconcile(
    box,
    keyboard ? [{ key: "keys", signature: JSON.stringify([store.userId, keyboard]), build }] : [],
  );
}

function drawReply() {
  const box = byId("replying");
  const target = message(store.reply);
  box.hidden = !target;
  const cancel = () => {
    store.reply = 0;
    changed();
  };
  const build = () =>
    el(
      "div",
      { class: "replying" },
      icon("reply"),
      el(
        "span",
        { class: "quote" },
        el("b", {}, target.from === "user" ? user().first_name : botName()),
        el("span", {}, preview(target)),
      ),
      iconButton("close", t("Cancel the reply"), cancel, "small"),
    );
  reconcile(box, target ? [{ key: target.message_id, signature: currentLanguage(), build }] : []);
}

export function drawComposer() {
  if (draftOf !== store.userId) {
    drafts[draftOf] = input().value;
    input().value = drafts[store.userId] ?? "";
    draftOf = store.userId;
    recalled = -1;
    resize();
  }
  const blocked = Boolean(user()?.blocked);
  byId("compose-row").hidden = blocked || !user();
  byId("unblock").hidden = !blocked;
  input().placeholder = user()?.reply_keyboard?.placeholder || t("Message");
  drawCommands();
  drawAttach();
  drawKeyboard();
  drawReply();
}

export function startComposer() {
  input().addEventListener("keydown", onKey);
  input().addEventListener("input", () => {
    recalled = -1;
    resize();
  });
  byId("compose").onsubmit = (event) => {
    event.preventDefault();
    submit();
  };
  byId("menu-button").onclick = () => toggleMenu(byId("menu-button"), byId("commands"));
  byId("attach").onclick = () => toggleMenu(byId("attach"), byId("attachments"));
  byId("unblock").onclick = () => changeUser({ blocked: false });
  resize();
}
