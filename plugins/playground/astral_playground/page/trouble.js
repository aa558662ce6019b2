// Break something: what a bot must survive, on purpose and at once.

import { addFault, removeFault, setSwitch } from "./actions.js";
import { byId, el, icon, iconButton, reconcile } from "./dom.js";
import { currentLanguage, nt, number, t } from "./i18n.js";
import { formDialog } from "./overlays.js";
import { store } from "./store.js";

const METHODS = [
  "*",
  "sendMessage",
  "sendPhoto",
  "editMessageText",
  "editMessageMedia",
  "answerCallbackQuery",
  "answerPreCheckoutQuery",
  "sendInvoice",
  "deleteMessage",
];

function counter(name, label, hint) {
  const value = store.switches[name] || 0;
  const change = (next) => setSwitch({ [name]: Math.max(0, next) });
  const shown = value ? t("1 in {n}", { n: value }) : t("off");
  return el(
    "div",
    { class: value ? "setting on" : "setting" },
    el("div", {}, el("b", {}, label), el("small", {}, hint)),
    el(
      "div",
      { class: "stepper" },
      iconButton("minus", `${label}: ${t("less")}`, () => change(value - 1), "small"),
      el("output", {}, shown),
      iconButton("plus", `${label}: ${t("more")}`, () => change(value + 1), "small"),
    ),
  );
}

export function toggle(label, hint, value, onchange) {
  const input = el("input", {
    type: "checkbox",
    role: "switch",
    checked: Boolean(value),
    onchange: () => onchange(input.checked),
    "data-focus": `toggle-${label}`,
  });
  return el(
    "label",
    { class: value ? "setting on" : "setting" },
    el("div", {}, el("b", {}, label), hint ? el("small", {}, hint) : null),
    input,
  );
}

function delay() {
  const value = store.switches.delay || 0;
  const choices = [0, 0.5, 2, 5];
  return el(
    "div",
    { class: value ? "setting on" : "setting" },
    el(
      "div",
      {},
      el("b", {}, t("Late delivery")),
      el("small", {}, t("Seconds before an update reaches the bot")),
    ),
    el(
      "div",
      { class: "segmented", role: "group", "aria-label": t("Late delivery") },
      choices.map((seconds) =>
        el(
          "button",
          {
            type: "button",
            "aria-pressed": String(value === seconds),
            onclick: () => setSwitch({ delay: seconds }),
          },
          seconds ? number(seconds) : t("off"),
        ),
      ),
    ),
  );
}

function presets() {
  const list = [
    ["timer", t("429, wait 3 s"), { method: "*", kind: "429", retry_after: 3, times: 1 }],
    ["warning", t("500 once"), { method: "*", kind: "500", times: 1 }],
    ["snail", t("Slow, 3 s"), { method: "*", kind: "slow", delay: 3, times: 3 }],
    ["unplug", t("Accepted, no answer"), { method: "*", kind: "timeout", times: 1 }],
    ["block", t("403, blocked"), { method: "*", kind: "403", times: 1 }],
    [
      "edit",
      t("400 on an edit"),
      {
        method: "editMessageText",
        kind: "400",
        description: "Bad Request: message can't be edited",
        times: 1,
      },
    ],
  ];
  return el(
    "div",
    { class: "grid" },
    list.map(([name, label, fault]) =>
      el(
        "button",
        { type: "button", class: "tile", onclick: () => addFault(fault) },
        icon(name),
        el("span", {}, label),
      ),
    ),
  );
}

function describe(fault) {
  const kinds = {
    slow: t("slow, {n} s", { n: number(fault.delay ?? 0) }),
    timeout: t("accepted, no answer"),
    429: t("429, wait {n} s", { n: number(fault.retry_after ?? 0) }),
  };
  const left =
    fault.times === null || fault.times === undefined
      ? t("until removed")
      : nt("{n} more time", "{n} more times", fault.times);
  return [
    fault.method === "*" ? t("any method") : fault.method,
    `${kinds[fault.kind] ?? fault.kind} · ${left}`,
  ];
}

function active() {
  if (!store.faults.length) return null;
  return el(
    "section",
    {},
    el("h4", {}, t("Waiting to strike")),
    el(
      "ul",
      { class: "faults" },
      store.faults.map((fault) => {
        const [method, what] = describe(fault);
        return el(
          "li",
          {},
          el("span", {}, el("b", {}, method), el("small", {}, what)),
          iconButton("close", t("Remove the fault"), () => removeFault(fault.id), "small"),
        );
      }),
    ),
  );
}

function askFault() {
  const fields = [
    {
      name: "times",
      label: t("How many times (empty: until removed)"),
      type: "number",
      min: "1",
      max: "1000",
      value: "1",
    },
    {
      name: "wait",
      label: t("Seconds (for 429 and slow)"),
      type: "number",
      min: "0",
      max: "60",
      step: "any",
      value: "3",
    },
    {
      name: "kind",
      label: t("Answer"),
      options: ["429", "500", "403", "400", "timeout", "slow"].map((kind) => [kind, kind]),
    },
  ];
  const method = () =>
    el(
      "label",
      { class: "field", for: "field-method" },
      el("span", {}, t("Method")),
      el(
        "select",
        { id: "field-method", name: "method" },
        METHODS.map((name) => el("option", { value: name }, name === "*" ? t("any method") : name)),
      ),
    );
  formDialog(
    t("A fault of your own"),
    fields,
    t("Add"),
    (values) => {
      const fault = {
        method: values.method,
        kind: values.kind,
        times: values.times ? Number(values.times) : null,
      };
      if (values.kind === "429") fault.retry_after = Math.max(1, Math.round(Number(values.wait)));
      if (values.kind === "slow") fault.delay = Number(values.wait);
      return addFault(fault);
    },
    method,
  );
}

export function drawTrouble() {
  const { switches, faults } = store;
  const items = [
    [
      "calls",
      [],
      () =>
        el(
          "section",
          {},
          el("h4", {}, t("The bot's next call fails")),
          presets(),
          el(
            "button",
            { type: "button", class: "quiet wide", onclick: askFault },
            icon("plus"),
            t("A fault of your own"),
          ),
        ),
    ],
    ["active", [faults], () => active() ?? el("section", { hidden: true })],
    [
      "duplicate",
      [switches.duplicate_every],
      () =>
        counter(
          "duplicate_every",
          t("Delivered twice"),
          t("Telegram may repeat an update that it already gave"),
        ),
    ],
    [
      "drop",
      [switches.drop_response_every],
      () =>
        counter(
          "drop_response_every",
          t("Answer lost"),
          t("The bot handled it, Telegram did not hear: it comes again"),
        ),
    ],
    ["delay", [switches.delay], delay],
    [
      "reorder",
      [switches.reorder],
      () =>
        toggle(t("Newest first"), t("Updates arrive in the wrong order"), switches.reorder, (reorder) =>
          setSwitch({ reorder }),
        ),
    ],
    [
      "paused",
      [switches.paused],
      () =>
        toggle(
          t("Hold deliveries"),
          t("Nothing reaches the bot until you let go"),
          switches.paused,
          (paused) => setSwitch({ paused }),
        ),
    ],
  ];
  reconcile(
    byId("panel-trouble"),
    items.map(([key, seen, build]) => ({ key, signature: JSON.stringify([seen, currentLanguage()]), build })),
  );
}
