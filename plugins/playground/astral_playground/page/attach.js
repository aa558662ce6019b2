// What the paper clip offers: pictures, files, sounds, polls, places.

import { sendContact, sendDice, sendFiles, sendLocation, sendPoll, share } from "./actions.js";
import { byId, el, icon, reconcile } from "./dom.js";
import { t } from "./i18n.js";
import { dialog, formDialog, toast, toggleMenu } from "./overlays.js";
import { avatar, fullName } from "./senders.js";
import { store } from "./store.js";
import { tone } from "./tone.js";

const CITIES = [
  ["Moscow", 55.7558, 37.6173],
  ["Saint Petersburg", 59.9386, 30.3141],
  ["Novosibirsk", 55.0302, 82.9204],
  ["London", 51.5074, -0.1278],
];

const MOST = 10; // files of one album
const input = () => byId("input");

/** Let somebody choose files; what is written in the field becomes their caption. */
function pick(accept, kindOf, multiple = true) {
  const picker = el("input", { type: "file", accept, multiple });
  picker.onchange = async () => {
    const files = [...picker.files].slice(0, MOST).map((file) => [kindOf(file), file]);
    if (picker.files.length > MOST)
      toast(t("An album has {n} files at most; the others were left out", { n: MOST }));
    if (!files.length) return;
    const caption = input().value.trim();
    if (await sendFiles(files, { caption })) {
      if (input().value.trim() === caption) input().value = "";
      input().dispatchEvent(new Event("input", { bubbles: true }));
    }
  };
  picker.click();
}

const pictureKind = (file) =>
  file.type === "image/gif" ? "animation" : file.type.startsWith("video/") ? "video" : "photo";

export function askLocation() {
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

export function askContact() {
  const fields = [
    { name: "phone", label: t("Phone number"), type: "tel", required: true, value: "+79990000000" },
  ];
  formDialog(t("Share your phone number?"), fields, t("Share"), ({ phone }) => sendContact(phone));
}

/** A voice message: a file, or a made-up one, for the microphone of a test has nothing to say. */
function askVoice() {
  const fields = [
    {
      name: "seconds",
      label: t("Length in seconds"),
      type: "number",
      min: "1",
      max: "60",
      required: true,
      value: "4",
    },
  ];
  const file = el("input", { type: "file", accept: "audio/*", id: "field-file" });
  const chooser = () =>
    el(
      "label",
      { class: "field", for: "field-file" },
      el("span", {}, t("A sound of your own, if any")),
      file,
    );
  const submit = ({ seconds }) => {
    const own = file.files[0];
    const made = () => new File([tone(Number(seconds))], "voice.wav", { type: "audio/wav" });
    return sendFiles([["voice", own ?? made()]], { duration: Number(seconds) });
  };
  formDialog(t("Send a voice message"), fields, t("Send"), submit, chooser);
}

export function askPoll() {
  const answers = () =>
    el(
      "label",
      { class: "field", for: "field-options" },
      el("span", {}, t("Answers, one on each line")),
      el("textarea", { id: "field-options", name: "options", rows: 4, required: true, maxLength: 1200 }),
    );
  const fields = [
    { name: "question", label: t("Question"), required: true, maxLength: 300 },
    {
      name: "kind",
      label: t("Kind"),
      options: [
        ["one", t("One answer")],
        ["many", t("Several")],
        ["quiz", t("Quiz, the first is right")],
      ],
    },
    {
      name: "votes",
      label: t("Votes"),
      options: [
        ["public", t("Public")],
        ["anonymous", t("Anonymous")],
      ],
    },
  ];
  const submit = ({ question, kind, votes, options }) =>
    sendPoll({
      question: question.trim(),
      options: options
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean),
      anonymous: votes === "anonymous",
      several: kind === "many",
      ...(kind === "quiz" ? { correct: 0 } : {}),
    });
  formDialog(t("New poll"), fields, t("Send"), submit, answers);
}

/** Buttons of a reply keyboard that ask for people or chats. */
export function askShare(button) {
  const people = button.kind === "users";
  const list = people
    ? store.users.map((one) => ({ id: one.id, name: fullName(one) }))
    : store.groups
        .filter((one) => (one.type === "channel") === Boolean(button.channel))
        .map((one) => ({ id: one.id, name: one.title }));
  const send = async (one) => {
    node.close();
    await share({ text: button.text, ids: [one.id] });
  };
  const rows = list.map((one) =>
    el(
      "button",
      { type: "button", class: "item", onclick: () => send(one) },
      avatar(one.name, one.id, "small"),
      el("span", {}, one.name),
    ),
  );
  const title = people ? t("Whom to share with the bot?") : t("Which chat to share with the bot?");
  const empty = el("p", { class: "muted" }, t("There is none"));
  const node = dialog(
    "modal",
    title,
    el("h2", {}, title),
    el("div", { class: "menu-list" }, rows.length ? rows : empty),
  );
}

export function drawAttach() {
  const choices = [
    ["image", t("Photo or video"), () => pick("image/*,video/*", pictureKind)],
    ["file", t("File"), () => pick("", () => "document")],
    ["music", t("Music"), () => pick("audio/*", () => "audio")],
    ["mic", t("Voice message"), askVoice],
    ["round", t("Video message"), () => pick("video/*", () => "video_note", false)],
    ["sticker", t("Sticker"), () => pick("image/webp,image/png,video/webm", () => "sticker", false)],
    ["chart", t("Poll"), askPoll],
    ["dice", t("Dice"), () => sendDice("🎲")],
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
