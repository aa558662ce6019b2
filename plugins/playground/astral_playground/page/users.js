// The people whose phones this page plays, as a strip: a press plays another one.

import { addUser } from "./actions.js";
import { takeUp } from "./composer.js";
import { byId, el, icon, reconcile } from "./dom.js";
import { currentLanguage, t } from "./i18n.js";
import { formDialog } from "./overlays.js";
import { avatar, fullName } from "./senders.js";
import { select, store, unread, unreadIn } from "./store.js";

function row(one) {
  const count = unread(one.id);
  const badge = count
    ? el(
        "span",
        { class: "badge", "aria-label": t("Unread: {n}", { n: count }) },
        count > 99 ? "99+" : String(count),
      )
    : null;
  const button = el(
    "button",
    {
      type: "button",
      class: "person",
      "aria-current": one.id === store.userId ? "true" : null,
      "data-focus": `user-${one.id}`,
      title: fullName(one),
      onclick: () => choose(one.id),
    },
    el("span", { class: "face" }, avatar(fullName(one), one.id), badge),
    el(
      "span",
      { class: "person-name" },
      el("b", {}, one.first_name),
      one.premium ? icon("star", "premium") : null,
      el("span", { class: "lang" }, one.language_code || "–"),
    ),
  );
  return el("li", {}, button);
}

function choose(id) {
  select(id);
  takeUp();
}

export function drawUsers() {
  reconcile(
    byId("people"),
    store.users.map((one) => {
      const seen = [one.first_name, one.last_name, one.premium, one.language_code];
      const signature = JSON.stringify([seen, unread(one.id), one.id === store.userId, currentLanguage()]);
      return { key: one.id, signature, build: () => row(one) };
    }),
  );
  const here = unreadIn(store.chatId);
  const total = store.users.reduce((sum, one) => sum + unread(one.id), 0) - here;
  byId("back-badge").textContent = total > 0 ? String(total) : "";
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
