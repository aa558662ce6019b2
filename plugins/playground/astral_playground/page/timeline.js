// The way of each update: created, delivered, handled by a plugin, and the calls that the bot made for it.

import { calls } from "./actions.js";
import { byId, el, icon, reconcile, setVars } from "./dom.js";
import { clockExact, currentLanguage, milliseconds, t } from "./i18n.js";
import { jsonView } from "./json.js";
import { dialog } from "./overlays.js";
import { changed, store, user } from "./store.js";

const SHOWN = 80;
const ICONS = {
  message: "bubble",
  callback_query: "tap",
  pre_checkout_query: "star",
  my_chat_member: "person",
  edited_message: "edit",
};
const STAGES = ["received", "committed", "handled", "failed"];
const open = new Set();

export function openEvent(id) {
  open.add(id);
  changed();
  setTimeout(() => {
    const node = byId("panel-timeline").querySelector(`[data-update="${id}"]`);
    if (!node) return;
    node.open = true;
    node.scrollIntoView({ block: "nearest" });
  }, 0);
}

function stateText(state) {
  return (
    {
      created: t("waiting"),
      delivering: t("under way"),
      retrying: t("trying again"),
      delivered: t("delivered"),
      expired: t("expired"),
      dropped: t("dropped"),
    }[state] ?? state
  );
}

const traceOf = (id) => store.traces.filter((one) => one.update_id === id);
const stageOf = (traces, ...names) => traces.findLast((one) => names.includes(one.stage));

/** When the update's way began and ended, in seconds: the scale of its bars. */
function scale(update, traces) {
  const points = [];
  for (const { at, ms } of [...update.deliveries, ...update.calls, ...traces])
    if (at) points.push([at, at + (ms ?? 0) / 1000]);
  if (!points.length) return { from: update.date, length: 0 };
  const from = Math.min(...points.map(([begin]) => begin));
  return { from, length: Math.max(...points.map(([, end]) => end)) - from };
}

function bar({ from, length }, at, ms, kind) {
  if (!at || !length) return null;
  const node = el("span", { class: `bar ${kind}`, "aria-hidden": "true" }, el("i"));
  setVars(node.firstChild, { start: `${(100 * (at - from)) / length}%`, width: `${ms / 10 / length}%` });
  return node;
}

function step(kind, title, detail, time, line, onclick) {
  const inner = [
    el("span", { class: "step-title" }, title),
    detail ? el("span", { class: "step-detail" }, detail) : null,
    time === null ? null : el("span", { class: "step-time" }, time),
    line,
  ];
  return el(
    "li",
    { class: `step ${kind}` },
    onclick ? el("button", { type: "button", onclick }, inner) : el("div", {}, inner),
  );
}

async function showCall(call) {
  const answer = await calls();
  const whole = answer?.calls.find((one) => one.id === call.id);
  if (whole) dialog("modal wide", call.method, el("h2", {}, call.method), jsonView(whole, call.method));
}

function deliverySteps(update, range) {
  return update.deliveries.map((one, index) => {
    const good = one.status === 0 || (one.status >= 200 && one.status < 300);
    const title =
      update.deliveries.length > 1 || !good ? t("Delivery {n}", { n: index + 1 }) : t("Delivered");
    const detail = one.status === 0 && !one.error ? "getUpdates" : one.error || `HTTP ${one.status}`;
    return step(
      good && !one.error ? "good" : "bad",
      title,
      detail,
      milliseconds(one.ms),
      bar(range, one.at, one.ms, "delivery"),
    );
  });
}

function handlerSteps(traces, range) {
  return traces
    .filter((one) => STAGES.includes(one.stage))
    .map((one) => {
      const names = {
        received: t("Received"),
        committed: t("Stored"),
        handled: t("Handled"),
        failed: t("Failed"),
      };
      const who = [one.plugin, one.route].filter(Boolean).join(" · ");
      const detail = [who, one.outcome && one.outcome !== "done" ? one.outcome : "", one.error]
        .filter(Boolean)
        .join(" · ");
      const kind = one.stage === "failed" || one.error ? "bad" : one.stage === "handled" ? "plugin" : "good";
      return step(
        kind,
        names[one.stage],
        detail,
        one.ms === undefined ? null : milliseconds(one.ms),
        [one.ms ? bar(range, one.at, one.ms, "handler") : null, one.failure ? failureOf(one.failure) : null],
      );
    });
}

function failureOf({ text, file, line, traceback }) {
  return el(
    "details",
    { class: "failure" },
    el("summary", {}, file ? `${text} · ${file}, ${line}` : text),
    el("pre", {}, traceback),
  );
}

function callSteps(update, range) {
  return update.calls.map((call) => {
    const detail = call.ok
      ? call.via === "webhook_answer"
        ? t("in the webhook's answer")
        : ""
      : `${call.error_code} ${call.description}`;
    return step(
      call.ok ? "call" : "bad",
      el("code", {}, call.method),
      detail,
      milliseconds(call.ms),
      bar(range, call.at, call.ms, call.ok ? "api" : "error"),
      () => showCall(call),
    );
  });
}

function card(update) {
  const traces = traceOf(update.update_id);
  const range = scale(update, traces);
  const handled = stageOf(traces, "handled", "failed");
  const bad =
    ["expired", "dropped"].includes(update.state) ||
    handled?.stage === "failed" ||
    update.calls.some((call) => !call.ok);
  const busy = ["created", "delivering", "retrying"].includes(update.state);
  const who = user(update.user_id)?.first_name ?? update.user_id;
  const route = handled?.plugin
    ? [handled.plugin, handled.route].filter(Boolean).join(" · ")
    : stateText(update.state);
  const total = range.length
    ? milliseconds(range.length * 1000)
    : busy
      ? el("span", { class: "spinner" })
      : "";
  const node = el(
    "details",
    { class: "event", open: open.has(update.update_id), "data-update": update.update_id },
    el(
      "summary",
      { "data-focus": `event-${update.update_id}` },
      el(
        "span",
        { class: `event-icon ${bad ? "bad" : busy ? "busy" : "good"}` },
        icon(ICONS[update.type] ?? "pulse"),
      ),
      el(
        "span",
        { class: "event-text" },
        el("b", {}, update.summary || update.type),
        el("small", {}, `${who} · ${route}`),
      ),
      el("span", { class: "event-time" }, total, el("small", {}, clockExact(update.date))),
    ),
    el(
      "ol",
      { class: "steps" },
      step("good", t("Created"), update.type, clockExact(update.date), null),
      deliverySteps(update, range),
      handlerSteps(traces, range),
      callSteps(update, range),
    ),
    el(
      "details",
      { class: "raw" },
      el("summary", {}, t("JSON of update {n}", { n: update.update_id })),
      jsonView(update.raw, t("JSON of update {n}", { n: update.update_id })),
    ),
  );
  node.ontoggle = () => (node.open ? open.add(update.update_id) : open.delete(update.update_id));
  return node;
}

function percentile(values, share) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

function stats(updates) {
  const acks = updates.flatMap((update) =>
    update.deliveries.filter((one) => one.status >= 200 && one.status < 300).map((one) => one.ms),
  );
  const answers = updates
    .filter((update) => update.deliveries[0] && update.calls[0])
    .map((update) => {
      const { at, ms } = update.calls[0];
      return Math.max(0, (at - update.deliveries[0].at) * 1000 + ms);
    });
  const tile = (label, values, share) => {
    const value = percentile(values, share);
    return el("div", {}, el("dt", {}, label), el("dd", {}, value === null ? "–" : milliseconds(value)));
  };
  return el(
    "dl",
    { class: "stats" },
    tile(t("Accepted, p50"), acks, 0.5),
    tile(t("Accepted, p95"), acks, 0.95),
    tile(t("Answered, p50"), answers, 0.5),
    tile(t("Answered, p95"), answers, 0.95),
  );
}

export function drawTimeline() {
  const updates = store.updates.slice(-SHOWN).reverse();
  if (!updates.length) {
    const build = () =>
      el(
        "div",
        { class: "blank" },
        icon("pulse"),
        el(
          "p",
          {},
          t(
            "Here you will see the way of every update: delivered, handled by a plugin, and what the bot called.",
          ),
        ),
      );
    reconcile(byId("panel-timeline"), [{ key: "blank", signature: currentLanguage(), build }]);
    return;
  }
  const times = JSON.stringify(store.updates.map((one) => [one.deliveries.length, one.calls.length]));
  const items = [{ key: "stats", signature: currentLanguage() + times, build: () => stats(store.updates) }];
  for (const update of updates) {
    const { raw, ...rest } = update;
    const signature = JSON.stringify([
      rest,
      traceOf(update.update_id),
      currentLanguage(),
      user(update.user_id)?.first_name,
    ]);
    items.push({ key: update.update_id, signature, build: () => card(update) });
  }
  reconcile(byId("panel-timeline"), items);
}
