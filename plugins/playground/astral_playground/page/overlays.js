// Layers above the chat: toasts, modal alerts, questions, forms and the enlarged picture.

import { append, byId, el, icon, iconButton } from "./dom.js";
import { t } from "./i18n.js";

const TOAST_MS = 3600;

/** `kind`: "info" or "error". Errors are announced at once by screen readers. */
export function toast(text, kind = "info") {
  const node = el(
    "div",
    { class: `toast ${kind}`, role: kind === "error" ? "alert" : "status" },
    icon(kind === "error" ? "warning" : "bell"),
    el("span", {}, text),
  );
  const shelf = byId("toasts");
  shelf.append(node);
  // shown anew each time, so that it lies above a dialog that was opened meanwhile
  if (shelf.matches(":popover-open")) shelf.hidePopover();
  shelf.showPopover();
  setTimeout(() => node.classList.add("leaving"), TOAST_MS);
  setTimeout(() => node.remove(), TOAST_MS + 300);
}

/** A native dialog: it keeps the focus inside, closes on Escape and gives the focus back. */
export function dialog(className, label, ...children) {
  const node = el("dialog", { class: className, "aria-label": label }, children);
  node.onclose = () => node.remove();
  node.onclick = (event) => {
    if (event.target === node) node.requestClose ? node.requestClose() : node.close();
  };
  document.body.append(node);
  node.showModal();
  return node;
}

export function showAlert(title, text) {
  const close = el("button", { type: "button", class: "primary", onclick: () => node.close() }, t("OK"));
  const node = dialog(
    "modal alert",
    title,
    el("h2", {}, title),
    el("p", {}, text),
    el("div", { class: "row-end" }, close),
  );
  close.focus();
}

/** @returns {Promise<boolean>} */
export function ask(title, text, action) {
  return new Promise((resolve) => {
    const finish = (answer) => () => {
      resolve(answer);
      node.close();
    };
    const no = el("button", { type: "button", class: "quiet", onclick: finish(false) }, t("Cancel"));
    const yes = el("button", { type: "button", class: "primary danger", onclick: finish(true) }, action);
    const node = dialog(
      "modal",
      title,
      el("h2", {}, title),
      el("p", {}, text),
      el("div", { class: "row-end" }, no, yes),
    );
    node.addEventListener("close", () => resolve(false));
    no.focus();
  });
}

/**
 * A small form. `fields` are `{ name, label, type, value, options, required }`.
 * @param {(values: object, form: HTMLFormElement) => Promise<any>} submit answers null to keep the form open
 */
export function formDialog(title, fields, action, submit, ...extra) {
  const form = el("form", { class: "form" });
  const save = el("button", { type: "submit", class: "primary" }, action);
  const cancel = el("button", { type: "button", class: "quiet", onclick: () => node.close() }, t("Cancel"));
  append(form, [
    fields.map(field),
    extra.map((make) => make(form)),
    el("div", { class: "row-end" }, cancel, save),
  ]);
  form.onsubmit = async (event) => {
    event.preventDefault();
    save.disabled = true;
    const values = Object.fromEntries(new FormData(form));
    const done = await submit(values, form);
    save.disabled = false;
    if (done !== null) node.close();
  };
  const node = dialog("modal", title, el("h2", {}, title), form);
  form.querySelector("input")?.focus();
  return node;
}

function field({ name, label, options, ...rest }) {
  const id = `field-${name}`;
  if (!options)
    return el(
      "label",
      { class: "field", for: id },
      el("span", {}, label),
      el("input", { id, name, autocomplete: "off", ...rest }),
    );
  const choices = options.map(([value, text], index) =>
    el(
      "label",
      { class: "choice" },
      el("input", { type: "radio", name, value, checked: index === 0 }),
      el("span", {}, text),
    ),
  );
  return el(
    "fieldset",
    { class: "field" },
    el("legend", {}, label),
    el("div", { class: "segmented" }, choices),
  );
}

export function enlarge(url, label) {
  const close = iconButton("close", t("Close"), () => node.close(), "on-dark");
  const picture = el("img", { src: url, alt: label });
  const node = dialog("lightbox", label, picture, close);
  picture.onclick = () => node.close();
}

let openMenu = null;

/** A menu under (or above) its button: closes on Escape, on a choice and on a press elsewhere. */
export function toggleMenu(button, panel, show = panel.hidden) {
  if (openMenu && openMenu.panel !== panel) toggleMenu(openMenu.button, openMenu.panel, false);
  panel.hidden = !show;
  button.setAttribute("aria-expanded", String(show));
  openMenu = show ? { button, panel } : null;
  if (show) panel.querySelector("button, input")?.focus();
}

function closeMenus(event) {
  if (!openMenu) return;
  const { button, panel } = openMenu;
  if (event?.type === "pointerdown" && (panel.contains(event.target) || button.contains(event.target)))
    return;
  toggleMenu(button, panel, false);
  if (event?.type === "keydown") button.focus();
}

document.addEventListener("pointerdown", closeMenus);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus(event);
  if (openMenu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    const items = [...openMenu.panel.querySelectorAll("button")];
    const next = items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    items[(next + items.length) % items.length]?.focus();
    event.preventDefault();
  }
});
