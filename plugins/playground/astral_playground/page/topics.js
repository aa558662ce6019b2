// The topics of a forum: tabs over the messages.

import { addTopic, closeTopic } from "./actions.js";
import { byId, el, icon, iconButton, reconcile, setVars } from "./dom.js";
import { currentLanguage, t } from "./i18n.js";
import { formDialog } from "./overlays.js";
import { GENERAL, group, memberOf, openTopic, store, unreadIn } from "./store.js";

export const topicName = (topic) =>
  topic.id === GENERAL && topic.name === "General" ? t("General") : topic.name;

function tab(id, name, { closed = false, color = 0 } = {}) {
  const chosen = store.thread === id;
  const count = chosen || !id ? 0 : unreadIn(store.chatId, store.userId, id);
  const dot = color ? el("i", { class: "topic-dot", "aria-hidden": "true" }) : null;
  if (dot) setVars(dot, { dot: `#${color.toString(16).padStart(6, "0")}` });
  return el(
    "button",
    {
      type: "button",
      class: "topic",
      "aria-pressed": String(chosen),
      "data-focus": `topic-${id}`,
      onclick: () => openTopic(id),
    },
    dot,
    el("span", {}, name),
    closed ? el("span", { class: "unseen" }, t("closed")) : null,
    closed ? icon("lock", "tiny") : null,
    count
      ? el("span", { class: "badge", "aria-label": t("Unread: {n}", { n: count }) }, String(count))
      : null,
  );
}

function askTopic() {
  const fields = [{ name: "name", label: t("Name of the topic"), required: true, maxLength: 128 }];
  formDialog(t("New topic"), fields, t("Create"), async ({ name }) => {
    const made = await addTopic(name.trim());
    if (made) openTopic(made.thread);
    return made;
  });
}

function tools(one) {
  const topic = one.topics.find((known) => known.id === store.thread);
  const may = memberOf(one);
  const manages = may.status === "creator" || may.rights.includes("can_manage_topics");
  const add = iconButton("plus", t("New topic"), askTopic, "small");
  if (!topic || !manages) return [add];
  const name = topic.closed ? t("Reopen the topic") : t("Close the topic");
  return [
    iconButton(topic.closed ? "unlock" : "lock", name, () => closeTopic(topic.id, !topic.closed), "small"),
    add,
  ];
}

export function drawTopics() {
  const one = group();
  const box = byId("topics");
  box.hidden = !one?.is_forum;
  if (box.hidden) return;
  const counts = one.topics.map((topic) => unreadIn(one.id, store.userId, topic.id));
  const signature = JSON.stringify([
    one.id,
    one.topics,
    counts,
    store.thread,
    memberOf(one),
    currentLanguage(),
  ]);
  const build = () =>
    el(
      "div",
      { class: "topics" },
      el(
        "div",
        { class: "topic-row", role: "group", "aria-label": t("Topics") },
        tab(0, t("All")),
        one.topics.filter((topic) => !topic.hidden).map((topic) => tab(topic.id, topicName(topic), topic)),
      ),
      tools(one),
    );
  reconcile(box, [{ key: "topics", signature, build }]);
  const row = box.querySelector(".topic-row");
  const chosen = row.querySelector('[aria-pressed="true"]');
  if (!chosen) return; // a topic that was deleted or hidden a moment ago
  const [left, right] = [
    chosen.offsetLeft - row.offsetLeft,
    chosen.offsetLeft - row.offsetLeft + chosen.offsetWidth,
  ];
  if (left < row.scrollLeft || right > row.scrollLeft + row.clientWidth) row.scrollLeft = left - 40;
}
