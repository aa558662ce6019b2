// JSON for people: indented, coloured, copied with one press.

import { el, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { toast } from "./overlays.js";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function kind(match) {
  if (match[1]) return match[2] ? "json-key" : "json-string";
  return match[3] ? "json-word" : "json-number";
}

export function jsonView(value, label) {
  const text = JSON.stringify(value, null, 2);
  const code = el("code");
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    const token = match[1] ?? match[0];
    code.append(text.slice(at, match.index), el("span", { class: kind(match) }, token));
    at = match.index + token.length;
  }
  code.append(text.slice(at));
  const copy = iconButton(
    "copy",
    t("Copy the JSON"),
    async () => {
      try {
        await navigator.clipboard.writeText(text);
        toast(t("Copied"));
      } catch {
        getSelection().selectAllChildren(code);
      }
    },
    "small json-copy",
  );
  return el(
    "div",
    { class: "json" },
    copy,
    el("pre", { tabIndex: 0, role: "region", "aria-label": label }, code),
  );
}
