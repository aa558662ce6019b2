// The sheet that Telegram shows over the chat: what is bought, for how much, from which balance.

import { attempt, cancelPayment, changeUser, invoiceOf, pay } from "./actions.js";
import { el, icon, iconButton, reconcile, setVars } from "./dom.js";
import { currentLanguage, money, number, t } from "./i18n.js";
import { dialog, toast } from "./overlays.js";
import { botName, store, subscribe, user } from "./store.js";

const SECONDS = 10; // Telegram waits this long for the bot's answer to pre_checkout_query
const CLOSE_MS = 2200;

let sheet = null; // { node, body, invoice, target, userId, stage: "offer" | "running" | "paid" | "failed", error }

export const paymentOpen = () => sheet !== null;

export async function openPaymentBySlug(slug) {
  const invoice = await invoiceOf(slug);
  if (invoice) openPayment({ invoice, slug });
}

export function openPayment({ message, invoice = message?.invoice, slug }) {
  // the number of a group's message is no number of the private chat, where the emulator looks for invoices
  if (message && message.chat_id !== store.userId) {
    toast(t("The playground takes payments in private chats only"), "error");
    return;
  }
  if (sheet || !invoice) return;
  const target = slug ? { slug } : { message_id: message.message_id };
  const body = el("div", { class: "sheet-body" });
  const close = iconButton("close", t("Cancel"), cancel, "small sheet-close");
  const node = dialog("modal sheet", t("Payment"), close, body);
  sheet = { node, body, close, invoice, target, userId: store.userId, stage: "offer", error: "" };
  node.oncancel = (event) => {
    event.preventDefault();
    cancel();
  };
  node.addEventListener("close", () => {
    sheet = null;
  });
  draw();
  node.querySelector(".primary")?.focus();
}

async function cancel() {
  if (!sheet || sheet.stage === "running") return;
  const { target, stage, node } = sheet;
  node.close();
  if (stage === "offer") await attempt(() => cancelPayment(target));
}

async function start() {
  const current = sheet;
  current.stage = "running";
  draw();
  try {
    const { status, error } = await pay(current.target);
    current.stage = status === "paid" ? "paid" : "failed";
    current.error = error;
  } catch (error) {
    current.stage = "failed";
    current.error = error.message;
  }
  if (sheet !== current) return;
  draw();
  if (current.stage === "paid") setTimeout(() => sheet === current && current.node.close(), CLOSE_MS);
  else current.node.querySelector(".primary")?.focus();
}

function reason(error) {
  if (error === "BOT_PRECHECKOUT_TIMEOUT")
    return t("The bot did not confirm the order within {n} seconds. Nothing was charged.", { n: SECONDS });
  if (error === "BOT_PRECHECKOUT_FAILED") return t("The bot declined the order. Nothing was charged.");
  return error || t("The payment did not go through. Nothing was charged.");
}

function topUp(missing) {
  const amounts = [...new Set([100, 500, 2500, Math.max(50, missing)])]
    .filter((one) => one >= missing)
    .slice(0, 3)
    .sort((a, b) => a - b);
  return el(
    "div",
    { class: "presets", role: "group", "aria-label": t("Top up") },
    el("span", { class: "muted" }, t("Top up")),
    amounts.map((amount) =>
      el(
        "button",
        {
          type: "button",
          class: "pill",
          onclick: async () => {
            const done = await changeUser({ stars: user(sheet.userId).stars + amount }, sheet.userId);
            if (done) toast(t("{n} ⭐ added to the balance", { n: number(amount) }));
          },
        },
        `+${number(amount)} ⭐`,
      ),
    ),
  );
}

function offer({ invoice, userId }) {
  const stars = invoice.currency === "XTR";
  const balance = user(userId)?.stars ?? 0;
  const missing = stars ? Math.max(0, invoice.total_amount - balance) : 0;
  const price = money(invoice.total_amount, invoice.currency);
  return [
    el("div", { class: stars ? "sheet-art stars" : "sheet-art card" }, icon(stars ? "star" : "card")),
    el("h2", {}, invoice.title),
    el("p", { class: "muted" }, invoice.description),
    el(
      "dl",
      { class: "facts" },
      el("div", {}, el("dt", {}, t("Seller")), el("dd", {}, botName())),
      el(
        "div",
        {},
        el("dt", {}, stars ? t("Your balance") : t("Pay with")),
        el("dd", {}, stars ? money(balance, "XTR") : t("Test card 4242")),
      ),
      el("div", { class: "total" }, el("dt", {}, t("To pay")), el("dd", {}, price)),
    ),
    missing
      ? el("p", { class: "hint" }, t("{n} ⭐ are missing. Top up, it is play money:", { n: number(missing) }))
      : null,
    stars ? topUp(missing) : null,
    el(
      "button",
      { type: "button", class: "primary wide", disabled: missing > 0, onclick: start },
      t("Pay {amount}", { amount: price }),
    ),
    el("button", { type: "button", class: "quiet wide", onclick: cancel }, t("Cancel")),
  ];
}

function running() {
  const ring = el(
    "div",
    { class: "ring", role: "progressbar", "aria-label": t("Waiting for the bot") },
    icon("star"),
  );
  setVars(ring, { seconds: `${SECONDS}s` });
  return [
    ring,
    el("h2", {}, t("Waiting for the bot")),
    el("p", { class: "muted" }, t("It has {n} seconds to confirm the order.", { n: SECONDS })),
  ];
}

function paid({ invoice }) {
  const rays = Array.from({ length: 12 }, (_, index) => {
    const ray = el("i");
    setVars(ray, { turn: `${index * 30}deg` });
    return ray;
  });
  return [
    el("div", { class: "success" }, rays, icon("check")),
    el("h2", {}, t("Paid")),
    el(
      "p",
      { class: "muted", role: "status" },
      `${invoice.title}, ${money(invoice.total_amount, invoice.currency)}`,
    ),
  ];
}

function failed({ error, node }) {
  return [
    el("div", { class: "sheet-art failed" }, icon("close")),
    el("h2", {}, t("Not paid")),
    el("p", { class: "muted", role: "alert" }, reason(error)),
    el("button", { type: "button", class: "primary wide", onclick: () => node.close() }, t("Close")),
  ];
}

function draw() {
  if (!sheet) return;
  const stages = { offer, running, paid, failed };
  const current = sheet;
  const signature = JSON.stringify([
    current.stage,
    current.error,
    user(current.userId)?.stars,
    currentLanguage(),
  ]);
  current.close.hidden = current.stage === "running";
  reconcile(current.body, [
    {
      key: "stage",
      signature,
      build: () => el("div", { class: `stage ${current.stage}` }, stages[current.stage](current)),
    },
  ]);
}

subscribe(draw);
