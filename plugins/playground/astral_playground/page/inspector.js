// The right column: tabs, and the message that is selected.

import { byId, el, icon, reconcile } from "./dom.js";
import { clockExact, currentLanguage, t } from "./i18n.js";
import { jsonView } from "./json.js";
import { drawGroup } from "./group.js";
import { drawPerson } from "./person.js";
import { preview } from "./service.js";
import { renderSpans } from "./spans.js";
import { changed, group, message, store } from "./store.js";
import { drawTimeline, openEvent } from "./timeline.js";
import { drawTrouble } from "./trouble.js";

const TABS = ["timeline", "message", "trouble", "person", "group"];
const WIDE_PX = 1180;
let tab = "timeline";

const inspectorOpen = () => document.body.dataset.inspector === "open";

function showInspector(open) {
  document.body.dataset.inspector = open ? "open" : "closed";
  byId("inspector").inert = !open;
  byId("toggle-inspector").setAttribute("aria-expanded", String(open));
  localStorage.setItem("astral.inspector", open ? "open" : "closed");
  if (open && innerWidth < WIDE_PX) byId(`tab-${tab}`).focus();
}

function showTab(name) {
  tab = name;
  for (const one of TABS) {
    const chosen = one === tab;
    byId(`tab-${one}`).setAttribute("aria-selected", String(chosen));
    byId(`tab-${one}`).tabIndex = chosen ? 0 : -1;
    byId(`panel-${one}`).hidden = !chosen;
  }
  changed();
}

/** Choose a message, or let it go by choosing it again. Where there is room, the inspector opens by itself. */
export function inspectMessage(one) {
  const narrow = innerWidth < WIDE_PX;
  const shown = narrow || (inspectorOpen() && tab === "message");
  store.selected = shown && store.selected === one.message_id ? 0 : one.message_id;
  changed();
  if (!store.selected) return;
  showTab("message");
  if (!inspectorOpen() && !narrow) showInspector(true);
}

/** The updates in which a message took part: it was sent by one, or its button was pressed, or a call made it. */
function related(one) {
  return store.updates.filter(
    (update) =>
      update.chat_id === one.chat_id &&
      (update.message_id === one.message_id ||
        update.calls.some(
          (call) => call.message_id === one.message_id || call.result?.message_id === one.message_id,
        )),
  );
}

function version(former) {
  return el(
    "li",
    {},
    el("time", {}, clockExact(former.date)),
    el(
      "div",
      {},
      renderSpans(former.spans, () => {}),
    ),
  );
}

function detail(one) {
  const updates = related(one);
  const go = (update) => () => {
    showTab("timeline");
    openEvent(update.update_id);
  };
  return el(
    "div",
    { class: "detail" },
    el("h3", {}, t("Message {n}", { n: one.message_id })),
    el("p", { class: "muted clip" }, preview(one)),
    updates.length
      ? el(
          "div",
          { class: "presets" },
          updates.map((update) =>
            el(
              "button",
              { type: "button", class: "pill", onclick: go(update) },
              icon("pulse"),
              update.type === "callback_query" ? update.summary : t("Its way"),
            ),
          ),
        )
      : null,
    one.history?.length
      ? el(
          "section",
          {},
          el("h4", {}, t("Former versions")),
          el("ol", { class: "versions" }, one.history.map(version)),
        )
      : null,
    el("h4", {}, "JSON"),
    jsonView(one.raw ?? one, t("JSON of the message")),
  );
}

function drawMessage() {
  const one = message(store.selected);
  const build = () =>
    one
      ? detail(one)
      : el(
          "div",
          { class: "blank" },
          icon("braces"),
          el("p", {}, t("Choose a message in the chat to see its JSON, its former versions and its way.")),
        );
  const signature = JSON.stringify([
    one ?? 0,
    currentLanguage(),
    one ? related(one).map((update) => update.update_id) : 0,
  ]);
  reconcile(byId("panel-message"), [{ key: one?.message_id ?? 0, signature, build }]);
}

export function drawInspector() {
  const where = group();
  byId("tab-group").hidden = !where;
  if (!where && tab === "group") showTab("person");
  if (!inspectorOpen()) return;
  ({
    timeline: drawTimeline,
    message: drawMessage,
    trouble: drawTrouble,
    person: drawPerson,
    group: drawGroup,
  })[tab]();
}

export function startInspector() {
  const saved = localStorage.getItem("astral.inspector");
  showInspector(innerWidth >= WIDE_PX && saved !== "closed");
  for (const name of TABS) {
    const button = byId(`tab-${name}`);
    button.onclick = () => showTab(name);
    button.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const shown = TABS.filter((one) => !byId(`tab-${one}`).hidden);
      const next = shown[(shown.indexOf(name) + step + shown.length) % shown.length];
      showTab(next);
      byId(`tab-${next}`).focus();
    };
  }
  byId("toggle-inspector").onclick = () => {
    showInspector(!inspectorOpen());
    changed();
  };
  byId("chat-title").onclick = () => {
    showInspector(true);
    showTab(group() ? "group" : "person");
  };
  byId("close-inspector").onclick = () => {
    showInspector(false);
    byId("toggle-inspector").focus();
  };
  byId("inspector").onkeydown = (event) => {
    if (event.key === "Escape" && innerWidth < WIDE_PX) byId("close-inspector").click();
  };
  byId("fault-pill").onclick = () => {
    showInspector(true);
    showTab("trouble");
  };
  showTab(tab);
}
