// Polls and quizzes: a press votes, the answers show their shares afterwards.

import { vote } from "./actions.js";
import { el, icon, setVars } from "./dom.js";
import { nt, t } from "./i18n.js";
import { store } from "./store.js";

function kindOf(poll) {
  if (poll.is_closed) return t("Final results");
  const quiz = poll.type === "quiz";
  if (poll.is_anonymous) return quiz ? t("Anonymous quiz") : t("Anonymous poll");
  return quiz ? t("Quiz") : t("Public poll");
}

const share = (option, poll) =>
  poll.total_voter_count ? Math.round((100 * option.voter_count) / poll.total_voter_count) : 0;

function result(poll, option, index, mine) {
  const right = poll.correct ?? poll.correct_option_ids ?? [];
  const chosen = mine.includes(index);
  const state = poll.type !== "quiz" ? "" : right.includes(index) ? "right" : chosen ? "wrong" : "";
  const percent = share(option, poll);
  const bar = el("span", { class: "share-bar" });
  setVars(bar, { share: `${percent}%` });
  const mark = chosen || state === "right" ? icon(state === "wrong" ? "close" : "check", "vote-mark") : null;
  return el(
    "li",
    { class: `result ${state} ${chosen ? "chosen" : ""}`.trim() },
    el("b", {}, `${percent}%`),
    el("span", { class: "result-text" }, option.text, mark),
    bar,
    chosen ? el("span", { class: "unseen" }, t("Your vote")) : null,
  );
}

function choices(message, poll) {
  const picked = new Set();
  const send = el("button", { type: "button", class: "quiet wide vote", disabled: true }, t("Vote"));
  send.onclick = (event) => {
    event.stopPropagation();
    vote(message, [...picked]);
  };
  const many = poll.allows_multiple_answers;
  const options = poll.options.map((option, index) => {
    const button = el(
      "button",
      {
        type: "button",
        class: many ? "option many" : "option",
        "aria-pressed": many ? "false" : null,
        "data-focus": `vote-${message.message_id}-${index}`,
      },
      el("span", { class: "box", "aria-hidden": "true" }, icon("check")),
      el("span", {}, option.text),
    );
    button.onclick = (event) => {
      event.stopPropagation();
      if (!many) return vote(message, [index]);
      if (!picked.delete(index)) picked.add(index);
      button.setAttribute("aria-pressed", String(picked.has(index)));
      send.disabled = picked.size === 0;
      return undefined;
    };
    return el("li", {}, button);
  });
  return [el("ul", { class: "options" }, options), many ? send : null];
}

export function pollCard(message) {
  const { poll } = message;
  const mine = poll.votes?.[store.userId] ?? [];
  const shown = poll.is_closed || mine.length > 0;
  const retract = (event) => {
    event.stopPropagation();
    vote(message, []);
  };
  const again = mine.length && !poll.is_closed && poll.type !== "quiz";
  return el(
    "div",
    { class: "poll", role: "group", "aria-label": poll.question },
    el("b", { class: "question" }, poll.question),
    el("small", {}, kindOf(poll)),
    shown
      ? el(
          "ul",
          { class: "results" },
          poll.options.map((option, index) => result(poll, option, index, mine)),
        )
      : choices(message, poll),
    shown && poll.explanation ? el("p", { class: "explanation" }, poll.explanation) : null,
    el(
      "small",
      {},
      poll.total_voter_count ? nt("{n} vote", "{n} votes", poll.total_voter_count) : t("No votes yet"),
    ),
    again
      ? el("button", { type: "button", class: "link retract", onclick: retract }, t("Retract the vote"))
      : null,
  );
}
