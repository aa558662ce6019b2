// What a message carries besides text: pictures, films, sounds, files, places, dice.

import { el, icon, setVars } from "./dom.js";
import { bytes, t } from "./i18n.js";
import { enlarge } from "./overlays.js";
import { player, film } from "./player.js";
import { link, plain } from "./spans.js";

const line = (message) => plain(message.spans).trim().split("\n")[0];

function photo(message) {
  const { url, width, height, spoiler } = message.photo;
  const label = line(message) || t("Photo");
  const image = el("img", { src: url, alt: label, width, height, loading: "lazy" });
  const onclick = (event) => {
    event.stopPropagation();
    if (button.classList.contains("veiled")) button.classList.remove("veiled");
    else enlarge(url, label);
  };
  const button = el(
    "button",
    {
      type: "button",
      class: spoiler ? "photo veiled" : "photo",
      title: t("Enlarge"),
      onclick,
      "data-focus": `photo-${message.message_id}`,
    },
    image,
  );
  setVars(button, { ratio: width / height });
  return button;
}

function documentCard({ url, file_name: name, mime_type: mime, size }) {
  const extension = (name.includes(".") ? name.split(".").pop() : (mime.split("/").pop() ?? "")).slice(0, 4);
  return el(
    "a",
    { class: "file", href: url, download: name, onclick: (event) => event.stopPropagation() },
    el("span", { class: "file-icon", "aria-hidden": "true" }, extension.toUpperCase()),
    el("span", { class: "file-text" }, el("b", {}, name), el("small", {}, bytes(size))),
  );
}

function mapCard({ latitude, longitude }, title, address) {
  const href = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=11/${latitude}/${longitude}`;
  return link(
    href,
    "map",
    el("span", { class: "map-paper" }, icon("pin")),
    el("span", { class: "map-text" }, el("b", {}, title), el("small", {}, address)),
  );
}

const locationCard = (place) =>
  mapCard(place, t("Location"), `${place.latitude.toFixed(4)}, ${place.longitude.toFixed(4)}`);

function contactCard({ first_name: first, last_name: last, phone_number: phone }) {
  const name = [first, last].filter(Boolean).join(" ");
  return el(
    "div",
    { class: "file" },
    el("span", { class: "file-icon face", "aria-hidden": "true" }, [...first][0]?.toUpperCase()),
    el("span", { class: "file-text" }, el("b", {}, name), el("small", {}, phone)),
  );
}

function sticker(message) {
  const { url, emoji, moves, mime_type: mime } = message.media;
  const label = t("Sticker {emoji}", { emoji: emoji ?? "" }).trim();
  // an animated sticker is a format of Telegram's own, which no browser draws: its emoji stands for it
  if (mime && !mime.startsWith("image/") && !moves)
    return el("span", { class: "sticker big-emoji" }, emoji ?? "🩵");
  const node = moves
    ? el("video", {
        src: url,
        class: "sticker",
        muted: true,
        loop: true,
        autoplay: true,
        "aria-label": label,
      })
    : el("img", { src: url, class: "sticker", alt: label, loading: "lazy" });
  node.onerror = () => node.replaceWith(el("span", { class: "sticker big-emoji" }, emoji ?? "🩵"));
  return node;
}

function dice({ emoji, value }) {
  const pips = emoji === "🎲" ? ["⚀", "⚁", "⚂", "⚃", "⚄", "⚅"][value - 1] : "";
  return el(
    "span",
    { class: "dice", role: "img", "aria-label": t("{emoji} shows {n}", { emoji, n: value }) },
    el("span", { class: pips ? "pips" : "big-emoji" }, pips || emoji),
    el("b", { class: "dice-value" }, String(value)),
  );
}

function checklist({ title, tasks }) {
  return el(
    "div",
    { class: "checklist" },
    el("b", {}, title),
    el(
      "ul",
      {},
      tasks.map((task) => {
        const done = Boolean(task.completion_date || task.completed_by_user || task.completed_by_chat);
        return el(
          "li",
          { class: done ? "done" : "" },
          el(
            "span",
            { class: "box", role: "img", "aria-label": done ? t("done") : t("not done") },
            done ? icon("check") : "",
          ),
          el("span", {}, task.text),
        );
      }),
    ),
    el(
      "small",
      {},
      t("{done} of {n} done", { done: tasks.filter((task) => task.completion_date).length, n: tasks.length }),
    ),
  );
}

/** One picture or film of an album, or alone. */
function picture(message) {
  if (message.photo) return photo(message);
  return film(message);
}

const visual = (message) => Boolean(message.photo || ["video", "animation"].includes(message.media?.kind));

/** @returns the pictures of an album as a grid, files and sounds below each other, any other card alone */
export function cards(message, album) {
  const pictures = album.filter(visual);
  const { media, location, contact, venue, checklist: tasks, other } = message;
  return [
    pictures.length > 1
      ? el("div", { class: `album of-${Math.min(pictures.length, 10)}` }, pictures.map(picture))
      : pictures.map(picture),
    album.map((one) => (one.document && one.media?.kind !== "animation" ? documentCard(one.document) : null)),
    album.map((one) => (["voice", "audio"].includes(one.media?.kind) ? player(one) : null)),
    media?.kind === "video_note" ? film(message) : null,
    media?.kind === "sticker" ? sticker(message) : null,
    message.dice ? dice(message.dice) : null,
    tasks ? checklist(tasks) : null,
    venue
      ? mapCard(venue.location, venue.title, venue.address)
      : location
        ? locationCard(location)
        : contact
          ? contactCard(contact)
          : null,
    other ? el("p", { class: "other muted" }, t("A message of the kind “{kind}”", { kind: other })) : null,
  ];
}

/** Class names of a bubble by what it carries. */
export function look(message) {
  const { media } = message;
  const bare = message.spans.length ? "" : "bare";
  if (media?.kind === "sticker" || media?.kind === "video_note" || message.dice) return `naked ${bare}`;
  if (visual(message) || message.location || message.venue) return `media ${bare}`;
  return bare;
}
