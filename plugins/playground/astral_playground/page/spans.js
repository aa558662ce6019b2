// Text with entities. The emulator parsed them: here every span becomes elements with text content only.

import { el } from "./dom.js";
import { t } from "./i18n.js";
import { openLink } from "./links.js";

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code" };
const SAFE = /^(https?|mailto|tel|tg):/i;

function address(style, span) {
  if (style === "text_link") return span.url;
  if (style === "url") return /^[a-z][a-z0-9+.-]*:/i.test(span.text) ? span.text : `https://${span.text}`;
  if (style === "email") return `mailto:${span.text}`;
  if (style === "phone_number") return `tel:${span.text}`;
  if (style === "mention") return `https://t.me/${span.text.slice(1)}`;
  return null;
}

/** A link opens in a new tab; t.me links that mean something here stay in the chat. Other schemes stay text. */
export function link(href, className, ...children) {
  if (!href || !SAFE.test(href)) return el("span", { class: className }, children);
  const onclick = (event) => {
    if (openLink(href)) event.preventDefault();
    event.stopPropagation();
  };
  return el(
    "a",
    { class: className, href, target: "_blank", rel: "noopener noreferrer", title: href, onclick },
    children,
  );
}

function spoiler(children) {
  const node = el(
    "span",
    { class: "spoiler", role: "button", tabIndex: 0, "aria-label": t("Hidden text, press to show") },
    children,
  );
  const show = (event) => {
    if (node.classList.contains("shown") || (event.type === "keydown" && !["Enter", " "].includes(event.key)))
      return;
    event.preventDefault();
    event.stopPropagation();
    node.classList.add("shown");
    node.removeAttribute("role");
    node.removeAttribute("aria-label");
  };
  node.onclick = show;
  node.onkeydown = show;
  return node;
}

function wrap(style, span, child, send) {
  if (TAGS[style]) return el(TAGS[style], {}, child);
  if (style === "spoiler") return spoiler(child);
  if (style === "pre") return el("pre", { "data-language": span.language || null }, el("code", {}, child));
  if (style === "blockquote" || style === "expandable_blockquote")
    return el("blockquote", { class: style }, child);
  if (style === "bot_command") {
    const onclick = (event) => {
      event.stopPropagation();
      send(span.text);
    };
    return el("button", { type: "button", class: "command", onclick }, child);
  }
  if (style === "hashtag" || style === "cashtag" || style === "text_mention")
    return el("span", { class: "tag" }, child);
  const href = address(style, span);
  return href ? link(href, "link", child) : child;
}

// block styles stay outermost, links innermost, whatever order the entities came in
const ORDER = ["blockquote", "expandable_blockquote", "pre", "spoiler"];
const rank = (style) => (ORDER.includes(style) ? ORDER.indexOf(style) : ORDER.length);

function build(span, styles, send) {
  const inner = [...styles].sort((a, b) => rank(b) - rank(a));
  return inner.reduce((child, style) => wrap(style, span, child, send), span.text);
}

/**
 * Neighbouring spans of one quotation, code block or spoiler become one element: a bold word inside a quotation
 * must not split it in three.
 */
export function renderSpans(spans, send, depth = 0) {
  const out = [];
  let afterBlock = false;
  for (let at = 0; at < spans.length;) {
    const block = ORDER.find((style) => spans[at].styles.includes(style));
    if (!block || depth > 3) {
      // a block ends its own line: the line break after it would show as an empty one
      const span = afterBlock ? { ...spans[at], text: spans[at].text.replace(/^\n/, "") } : spans[at];
      out.push(build(span, span.styles, send));
      afterBlock = false;
      at += 1;
      continue;
    }
    let end = at + 1;
    while (end < spans.length && spans[end].styles.includes(block) && block !== "pre") end += 1;
    const group = spans
      .slice(at, end)
      .map((span) => ({ ...span, styles: span.styles.filter((one) => one !== block) }));
    const child = block === "pre" ? spans[at].text : renderSpans(group, send, depth + 1);
    out.push(wrap(block, spans[at], child, send));
    afterBlock = block !== "spoiler";
    at = end;
  }
  return out;
}

export const plain = (spans) => spans.map((span) => span.text).join("");
