// The buttons under a message.

import { press } from "./actions.js";
import { el, icon } from "./dom.js";
import { money, t } from "./i18n.js";
import { askInline } from "./inline.js";
import { toast } from "./overlays.js";
import { openPayment } from "./payment.js";
import { link } from "./spans.js";
import { pressKey, store } from "./store.js";

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
    button.kind === "callback" && store.pressed.has(pressKey(store.userId, message, button.data));
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
    inline_here: () => askInline(button.query),
    inline: () => askInline(button.query),
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

export function keyboard(message) {
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
