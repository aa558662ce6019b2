// The left column: people whose phones this page plays.

import { addUser } from "./actions.js";
import { preview } from "./bubble.js";
import { byId, el, icon, reconcile } from "./dom.js";
import { clock, currentLanguage, day, dayKey, t } from "./i18n.js";
import { formDialog } from "./overlays.js";
import { chat, select, store, typingAction, unread } from "./store.js";

const TONES = 7;

export const fullName = (one) => [one.first_name, one.last_name].filter(Boolean).join(" ");

export function avatar(name, id, className = "") {
  const initials = name
    .split(/\s+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => [...word][0].toUpperCase())
    .join("");
  const face = className.includes("bot") ? icon("logo") : initials || "?";
  return el(
    "span",
    { class: `avatar tone-${Math.abs(id) % TONES} ${className}`.trim(), "aria-hidden": "true" },
    face,
  );
}

function moment(seconds) {
  return dayKey(seconds) === dayKey(Date.now() / 1000) ? clock(seconds) : day(seconds);
}

function row(one) {
  const last = chat(one.id).at(-1);
  const count = unread(one.id);
  const current = one.id === store.userId;
  const action = typingAction(one.id);
  const line = action ? `${t("typing")}…` : last ? preview(last) : t("No messages yet");
  const badge = count
    ? el(
        "span",
        { class: "badge", "aria-label": t("Unread: {n}", { n: count }) },
        count > 99 ? "99+" : String(count),
      )
    : el("span", { class: "lang" }, one.language_code || "–");
  const button = el(
    "button",
    {
      type: "button",
      class: "person",
      "aria-current": current ? "true" : null,
      "data-focus": `user-${one.id}`,
      onclick: () => choose(one.id),
    },
    avatar(fullName(one), one.id),
    el(
      "span",
      { class: "person-text" },
      el(
        "span",
        { class: "person-top" },
        el("b", {}, fullName(one), one.premium ? icon("star", "premium") : null),
        el("time", {}, last ? moment(last.date) : ""),
      ),
      el(
        "span",
        { class: "person-bottom" },
        el(
          "span",
          { class: action ? "line acting" : "line" },
          last?.from === "user" && !action ? el("i", {}, `${t("You")}: `) : null,
          one.blocked ? `🚫 ${t("bot blocked")}` : line,
        ),
        badge,
      ),
    ),
  );
  return el("li", {}, button);
}

function choose(id) {
  select(id);
  document.body.dataset.view = "chat";
  if (matchMedia("(pointer: fine)").matches) byId("input").focus();
}

export function drawUsers() {
  reconcile(
    byId("people"),
    store.users.map((one) => {
      const last = chat(one.id).at(-1);
      const signature = JSON.stringify([
        one,
        last?.spans,
        last?.message_id,
        last?.edited,
        unread(one.id),
        one.id === store.userId,
        typingAction(one.id),
        currentLanguage(),
      ]);
      return { key: one.id, signature, build: () => row(one) };
    }),
  );
  const total = store.users.reduce((sum, one) => sum + (one.id === store.userId ? 0 : unread(one.id)), 0);
  byId("back-badge").textContent = total ? String(total) : "";
}

export function askNewUser() {
  const fields = [
    { name: "first_name", label: t("Name"), required: true, maxLength: 64, placeholder: t("Anna") },
    {
      name: "username",
      label: t("Username, if any"),
      maxLength: 32,
      placeholder: "anna",
      pattern: "[A-Za-z][A-Za-z0-9_]{3,31}",
    },
    {
      name: "language_code",
      label: t("Language"),
      options: [
        ["ru", "Русский"],
        ["en", "English"],
      ],
    },
    { name: "stars", label: t("Stars"), type: "number", min: "0", max: "1000000", value: "500" },
  ];
  formDialog(t("New person"), fields, t("Add"), async (values) => {
    const fields = {
      first_name: values.first_name.trim(),
      language_code: values.language_code,
      stars: Number(values.stars) || 0,
    };
    if (values.username) fields.username = values.username;
    const created = await addUser(fields);
    if (created) choose(created.id);
    return created;
  });
}
