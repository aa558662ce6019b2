// Inline mode: `@bot words` in the field shows what the bot offers; a choice sends it.

import { askBot, chooseResult, send } from "./actions.js";
import { byId, el, icon, reconcile } from "./dom.js";
import { currentLanguage, t } from "./i18n.js";
import { store } from "./store.js";

const PAUSE_MS = 350;
let timer = 0;
let asked = ""; // what is asked or shown now; "" for nothing
let answer = null; // { query_id, results, button } | { error }
let waiting = false;

const input = () => byId("input");

/** The query in the field, or null where it holds no inline query to this bot. */
function queryIn(text) {
  const name = `@${store.bot.username}`.toLowerCase();
  if (!store.bot.username || !text.toLowerCase().startsWith(`${name} `)) return null;
  return text.slice(name.length + 1);
}

/** Put a query into the field, as a button of the bot does. */
export function askInline(query) {
  input().value = `@${store.bot.username} ${query}`;
  input().focus();
  input().dispatchEvent(new Event("input", { bubbles: true }));
}

function close() {
  clearTimeout(timer);
  asked = "";
  answer = null;
  waiting = false;
  drawInline();
}

async function ask(text, key) {
  waiting = true;
  drawInline();
  let got;
  try {
    got = await askBot(text);
  } catch (error) {
    got = { error: error.message, results: [] };
  }
  if (asked !== key) return; // another query came meanwhile
  waiting = false;
  answer = got;
  drawInline();
}

export function followInline() {
  const text = queryIn(input().value);
  if (text === null) {
    if (asked) close();
    return;
  }
  const key = `${store.userId}:${store.chatId}:${text}`;
  if (key === asked) return;
  asked = key;
  clearTimeout(timer);
  timer = setTimeout(() => ask(text, key), PAUSE_MS);
}

async function choose(result) {
  const query = answer.query_id;
  const sent = await chooseResult(query, result.id);
  if (!sent) return;
  input().value = "";
  input().dispatchEvent(new Event("input", { bubbles: true }));
  input().focus();
}

function item(result, grid) {
  const thumb = result.thumb
    ? el("img", { src: result.thumb, alt: "", loading: "lazy" })
    : el(
        "span",
        { class: "inline-letter", "aria-hidden": "true" },
        [...(result.title || result.type)][0]?.toUpperCase(),
      );
  return el(
    "button",
    {
      type: "button",
      class: grid ? "inline-tile" : "item inline-item",
      role: "option",
      "aria-label": result.title || result.type,
      onclick: () => choose(result),
    },
    thumb,
    grid
      ? null
      : el(
          "span",
          { class: "inline-text" },
          el("b", {}, result.title || result.type),
          el("small", {}, result.description || ""),
        ),
  );
}

function start(button) {
  const onclick = () => {
    close();
    store.chatId = store.userId;
    send(`/start ${button.start_parameter ?? ""}`);
  };
  return el(
    "button",
    { type: "button", class: "item inline-start", onclick },
    icon("arrow-up-right"),
    el("span", {}, button.text),
  );
}

function body() {
  if (waiting)
    return el("p", { class: "muted" }, el("span", { class: "spinner" }), ` ${t("Waiting for the bot")}`);
  if (answer.error) return el("p", { class: "muted", role: "alert" }, answer.error);
  const grid = answer.results.length > 0 && answer.results.every((one) => one.thumb && !one.title);
  return [
    answer.button ? start(answer.button) : null,
    answer.results.length
      ? el(
          "div",
          {
            class: grid ? "inline-grid" : "inline-list",
            role: "listbox",
            "aria-label": t("What the bot offers"),
          },
          answer.results.map((one) => item(one, grid)),
        )
      : el("p", { class: "muted" }, t("The bot offers nothing")),
  ];
}

export function drawInline() {
  const box = byId("inline");
  if (asked && !asked.startsWith(`${store.userId}:${store.chatId}:`)) return close();
  box.hidden = !asked || (!waiting && !answer);
  const signature = JSON.stringify([asked, waiting, answer, currentLanguage()]);
  return reconcile(
    box,
    box.hidden ? [] : [{ key: "inline", signature, build: () => el("div", { class: "inline-box" }, body()) }],
  );
}

/** Down moves from the field into the results, Escape closes them. @returns {boolean} whether the key was used */
export function inlineKey(event) {
  if (!asked) return false;
  const results = [...byId("inline").querySelectorAll("button")];
  if (event.key === "Escape") {
    close();
    return true;
  }
  if (event.key === "ArrowDown" && results.length) {
    event.preventDefault();
    results[0].focus();
    return true;
  }
  return false;
}

export function startInline() {
  byId("inline").onkeydown = (event) => {
    const results = [...byId("inline").querySelectorAll("button")];
    const at = results.indexOf(document.activeElement);
    if (event.key === "Escape") {
      close();
      input().focus();
    } else if (["ArrowDown", "ArrowRight"].includes(event.key)) results[(at + 1) % results.length]?.focus();
    else if (["ArrowUp", "ArrowLeft"].includes(event.key)) (at > 0 ? results[at - 1] : input()).focus();
    else return;
    event.preventDefault();
  };
}
