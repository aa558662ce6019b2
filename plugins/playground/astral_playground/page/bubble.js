// One message, or one album, as a bubble with its keyboard.

import { press, send } from "./actions.js";
import { el, icon, iconButton, setVars } from "./dom.js";
import { bytes, clock, money, t } from "./i18n.js";
import { enlarge, toast } from "./overlays.js";
import { openPayment } from "./payment.js";
import { link, plain, renderSpans } from "./spans.js";
import { botName, message as findMessage, pressKey, store, changed, user } from "./store.js";

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
  const tick = message.from === "user" && TICKS[state] ? icon(TICKS[state], "tick") : null;
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
  const author = target.from === "user" ? user(message.chat_id)?.first_name : botName();
  const onclick = (event) => {
    event.stopPropagation();
    document
      .querySelector(`[data-id="${target.message_id}"]`)
      ?.scrollIntoView({ block: "center", behavior: "smooth" });
  };
  return el(
    "button",
    { type: "button", class: "quote", onclick },
    el("b", {}, author),
    el("span", {}, preview(target)),
  );
}

/** One line about a message, for the list of people and for quotations. */
export function preview(message) {
  const text = plain(message.spans).replace(/\s+/g, " ").trim();
  if (message.service) return serviceText(message.service);
  if (message.photo) return text ? `🖼 ${text}` : `🖼 ${t("Photo")}`;
  if (message.document) return `📎 ${message.document.file_name}`;
  if (message.location) return `📍 ${t("Location")}`;
  if (message.contact) return `👤 ${message.contact.first_name}`;
  if (message.invoice)
    return `${message.invoice.title}, ${money(message.invoice.total_amount, message.invoice.currency)}`;
  return text;
}

function photo(message) {
  const { url, width, height, spoiler } = message.photo;
  const label = plain(message.spans).trim().split("\n")[0] || t("Photo");
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

function locationCard({ latitude, longitude }) {
  const place = `${latitude.toFixed(4)}, ${longitude.toFixed(4)}`;
  const href = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=11/${latitude}/${longitude}`;
  return link(
    href,
    "map",
    el("span", { class: "map-paper" }, icon("pin")),
    el("span", { class: "map-text" }, el("b", {}, t("Location")), el("small", {}, place)),
  );
}

function contactCard({ first_name: first, last_name: last, phone_number: phone }) {
  const name = [first, last].filter(Boolean).join(" ");
  return el(
    "div",
    { class: "file" },
    el("span", { class: "file-icon face", "aria-hidden": "true" }, [...first][0]?.toUpperCase()),
    el("span", { class: "file-text" }, el("b", {}, name), el("small", {}, phone)),
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

function serviceText(service) {
  const amount = money(service.total_amount, service.currency);
  if (service.kind === "payment") {
    if (service.title) return t("You paid {amount} for “{title}”", { amount, title: service.title });
    return t("You paid {amount}", { amount });
  }
  if (service.kind === "refund") return t("{amount} came back to you", { amount });
  return t("Service message");
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("Copied"));
  } catch {
    toast(t("The browser did not allow copying: {text}", { text }), "error");
  }
}

const KEY_ICONS = { url: "arrow-up-right", web_app: "window", copy: "copy" };

function key(message, button, place) {
  const waiting =
    button.kind === "callback" &&
    store.pressed.has(pressKey(message.chat_id, message.message_id, button.data));
  const focus = `key-${message.message_id}-${place}`;
  const corner = waiting
    ? el("span", { class: "spinner" })
    : KEY_ICONS[button.kind]
      ? icon(KEY_ICONS[button.kind], "corner")
      : null;
  const label = el("span", { class: "key-label" }, button.text);
  if (button.kind === "url" || button.kind === "web_app") {
    const node = link(button.url, "key", label, corner);
    node.dataset.focus = focus;
    return node;
  }
  const actions = {
    callback: () => press(message, button),
    pay: () => openPayment({ message }),
    copy: () => copy(button.copy_text),
  };
  const onclick = (event) => {
    event.stopPropagation();
    (actions[button.kind] ?? (() => toast(t("This kind of button works in Telegram only"), "error")))();
  };
  return el(
    "button",
    {
      type: "button",
      class: button.kind === "pay" && !message.invoice?.paid ? "key pay" : "key",
      onclick,
      "data-focus": focus,
      "aria-busy": waiting ? "true" : null,
    },
    label,
    corner,
  );
}

function keyboard(message) {
  let rows = message.buttons;
  const { invoice } = message;
  if (invoice && !rows.flat().some((button) => button.kind === "pay")) {
    rows = [
      [{ text: t("Pay {amount}", { amount: money(invoice.total_amount, invoice.currency) }), kind: "pay" }],
      ...rows,
    ];
  }
  if (!rows.length) return null;
  return el(
    "div",
    { class: "keyboard", role: "group", "aria-label": t("Buttons of the message") },
    rows.map((row, y) =>
      el(
        "div",
        { class: "keys" },
        row.map((button, x) => key(message, button, `${y}-${x}`)),
      ),
    ),
  );
}

function tools(message) {
  const reply = iconButton(
    "reply",
    t("Reply"),
    () => {
      store.reply = message.message_id;
      changed();
      document.querySelector("#input")?.focus();
    },
    "small",
  );
  return el(
    "div",
    { class: "tools" },
    reply,
    iconButton("braces", t("Inspect"), () => inspect(message), "small"),
  );
}

let inspect = () => {};
export function onInspect(callback) {
  inspect = callback;
}

function content(message, album, state) {
  const { photo: picture, document: file, location, contact, invoice } = message;
  const text = message.spans.length
    ? el("div", { class: "text", dir: "auto" }, renderSpans(message.spans, send), meta(message, state))
    : null;
  const pictures =
    album.length > 1
      ? el("div", { class: "album" }, album.filter((one) => one.photo).map(photo))
      : picture
        ? photo(message)
        : null;
  const files = album.map((one) => (one.document ? documentCard(one.document) : null));
  const card = location
    ? locationCard(location)
    : contact
      ? contactCard(contact)
      : invoice
        ? invoiceCard(invoice)
        : null;
  const body = [pictures, file ? files : null, card];
  const parts = message.caption_above ? [text, body] : [body, text];
  return [message.reply_to ? quote(message) : null, parts, text ? null : meta(message, state)];
}

/** @param album all messages of the bubble, at least one; the first that has text gives text and keyboard */
export function bubble({ album, first, last, state }) {
  const message = album.find((one) => one.spans.length) ?? album[0];
  if (message.service) {
    const chip = el(
      "button",
      { type: "button", class: "chip", onclick: () => inspect(message) },
      message.service.currency === "XTR" ? null : icon("card"),
      serviceText(message.service),
    );
    return el("article", { class: "row service", "data-id": message.message_id }, chip);
  }
  const own = message.from === "user";
  const kinds = [
    message.photo || message.location ? "media" : "",
    message.spans.length ? "" : "bare",
    /^\p{Extended_Pictographic}{1,3}\uFE0F?$/u.test(plain(message.spans)) && !message.photo ? "emoji" : "",
  ];
  const box = el("div", { class: `bubble ${kinds.join(" ")}`.trim() }, content(message, album, state));
  box.onclick = () => {
    if (!String(getSelection())) inspect(message);
  };
  const chosen = album.some((one) => one.message_id === store.selected);
  const names = ["row", own ? "out" : "in", first && "first", last && "last", chosen && "chosen"].filter(
    Boolean,
  );
  const author = own ? user(message.chat_id)?.first_name : botName();
  return el(
    "article",
    {
      class: names.join(" "),
      "data-id": message.message_id,
      "aria-label": `${author}, ${clock(message.date)}`,
    },
    el("div", { class: "stack" }, box, keyboard(message)),
    tools(message),
  );
}
