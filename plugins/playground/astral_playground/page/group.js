// The group in view: who is in it and as what, what the bot hears, what one may do to whom.

import { addLink, deed, rename, setBot, upgrade } from "./actions.js";
import { byId, el, icon, iconButton, reconcile } from "./dom.js";
import { currentLanguage, nt, t } from "./i18n.js";
import { ask, dialog, formDialog, toast, toggleMenu } from "./overlays.js";
import { check } from "./rooms.js";
import { avatar, fullName } from "./senders.js";
import { botName, group, memberOf, store } from "./store.js";
import { toggle } from "./trouble.js";

const kindName = (one) =>
  one.is_forum
    ? t("Supergroup with topics")
    : { group: t("Group"), supergroup: t("Supergroup"), channel: t("Channel") }[one.type];

function statusName({ status, anonymous, title }) {
  const name = {
    creator: t("owner"),
    administrator: t("admin"),
    member: t("member"),
    restricted: t("restricted"),
    left: t("has left"),
    kicked: t("banned"),
  }[status];
  return [title || name, anonymous ? t("anonymous") : ""].filter(Boolean).join(", ");
}

const nameOf = (member) => (member.bot ? botName() : member.name);

/** Every permission that a restricted member may keep, in the words of the page. */
const PERMISSIONS = () => [
  ["can_send_messages", t("Write texts")],
  ["can_send_photos", t("Send photos")],
  ["can_send_videos", t("Send videos")],
  ["can_send_voice_notes", t("Send voice messages")],
  ["can_send_documents", t("Send files")],
  ["can_send_other_messages", t("Send stickers and GIFs")],
  ["can_send_polls", t("Send polls")],
  ["can_react_to_messages", t("React to messages")],
];

function choose(title, list, picked, action, submit) {
  const boxes = () =>
    el(
      "div",
      { class: "checks" },
      list.map(([value, label]) => check("rights", value, label, picked.has(value))),
    );
  const chosen = (form) => [...form.querySelectorAll('[name="rights"]:checked')].map((one) => one.value);
  return formDialog(title, [], action, (_, form) => submit(chosen(form)), boxes);
}

function askRestriction(one, member) {
  const list = PERMISSIONS();
  const kept = new Set(member.status === "restricted" ? member.rights : ["can_send_messages"]);
  choose(t("What may {name} do?", { name: nameOf(member) }), list, kept, t("Restrict"), (rights) =>
    deed("restrict", member.user_id, { rights }),
  );
}

function askPromotion(one, member) {
  const channel = one.type === "channel";
  const list = [
    channel
      ? ["can_post_messages", t("Post messages")]
      : ["can_restrict_members", t("Restrict and ban members")],
    channel ? ["can_edit_messages", t("Edit messages of others")] : ["can_pin_messages", t("Pin messages")],
    ["can_delete_messages", t("Delete messages of others")],
    ["can_invite_users", t("Add people")],
    ["can_change_info", t("Change title and photo")],
    one.is_forum ? ["can_manage_topics", t("Manage topics")] : null,
    ["can_promote_members", t("Appoint administrators")],
  ].filter(Boolean);
  const had = member.status === "administrator" ? member.rights : list.map(([right]) => right).slice(0, -1);
  choose(t("Rights of {name}", { name: nameOf(member) }), list, new Set(had), t("Save"), (rights) =>
    deed("promote", member.user_id, { rights: ["can_manage_chat", ...rights] }),
  );
}

/** What the selected person may do to a member. */
function deeds(one, me, member) {
  const may = (right) =>
    me.status === "creator" || (me.status === "administrator" && me.rights.includes(right));
  const own = member.user_id === store.userId;
  const admin = ["creator", "administrator"].includes(member.status);
  const run = (name, fields) => () => deed(name, member.user_id, fields);
  if (own)
    return [
      admin && one.type !== "channel"
        ? member.anonymous
          ? ["person", t("Speak as oneself"), run("anonymous", { anonymous: false })]
          : ["mask", t("Speak as the group"), run("anonymous", { anonymous: true })]
        : null,
      ["exit", t("Leave"), run("leave")],
    ];
  if (member.status === "creator") return [];
  const restricts = may("can_restrict_members");
  const promotes = may("can_promote_members");
  return [
    promotes && member.status !== "kicked"
      ? ["shield", admin ? t("Rights…") : t("Make an administrator…"), () => askPromotion(one, member)]
      : null,
    promotes && admin ? ["person", t("Make a member again"), run("demote")] : null,
    restricts && !admin && one.type === "supergroup" && member.present
      ? ["mute", t("Restrict…"), () => askRestriction(one, member)]
      : null,
    restricts && member.status === "restricted" ? ["check", t("Lift the restriction"), run("free")] : null,
    restricts && member.present ? ["exit", t("Remove"), run("remove")] : null,
    restricts && member.status !== "kicked" ? ["block", t("Ban"), run("ban")] : null,
    restricts && member.status === "kicked" ? ["check", t("Lift the ban"), run("unban")] : null,
    !member.present && member.status !== "kicked" ? ["person-plus", t("Add"), run("add")] : null,
  ];
}

function more(member, list) {
  const name = t("What to do with {name}", { name: nameOf(member) });
  const panel = el("div", { class: "menu below", role: "menu", "aria-label": name, hidden: true });
  const button = iconButton("dots", name, () => toggleMenu(button, panel), "small");
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");
  button.dataset.focus = `member-${member.user_id}`;
  for (const [glyph, label, run] of list) {
    const onclick = () => {
      toggleMenu(button, panel, false);
      run();
    };
    panel.append(
      el(
        "button",
        { type: "button", class: "item", role: "menuitem", onclick },
        icon(glyph),
        el("span", {}, label),
      ),
    );
  }
  return el("div", { class: "anchor" }, button, panel);
}

function memberRow(one, me, member) {
  const list = deeds(one, me, member).filter(Boolean);
  const name = nameOf(member);
  return el(
    "li",
    { class: member.present ? "member" : "member gone" },
    avatar(name, member.user_id, member.bot ? "bot" : ""),
    el(
      "span",
      { class: "member-text" },
      el("b", {}, name, member.user_id === store.userId ? el("small", {}, ` ${t("(you)")}`) : null),
      el("small", { class: `status-${member.status}` }, statusName(member)),
    ),
    list.length ? more(member, list) : null,
  );
}

function askTitle(one) {
  const fields = [{ name: "title", label: t("Title"), required: true, maxLength: 128, value: one.title }];
  formDialog(t("Rename"), fields, t("Save"), ({ title }) => rename(title.trim()));
}

function askMember(one) {
  const here = (id) => memberOf(one, id).present;
  const bot = { id: store.bot.id, bot: true, name: botName() };
  const people = store.users.map((person) => ({ id: person.id, name: fullName(person) }));
  const list = [bot, ...people].filter(
    (candidate) => !here(candidate.id) && memberOf(one, candidate.id).status !== "kicked",
  );
  const add = async (candidate) => {
    node.close();
    // Telegram lets bots into channels as administrators only
    if (candidate.bot && one.type === "channel")
      askPromotion(one, { ...memberOf(one, candidate.id), name: candidate.name, bot: true });
    else await deed("add", candidate.id);
  };
  const title = t("Add to the chat");
  const rows = list.map((candidate) =>
    el(
      "button",
      { type: "button", class: "item", onclick: () => add(candidate) },
      avatar(candidate.name, candidate.id, candidate.bot ? "bot small" : "small"),
      el("span", {}, candidate.name),
    ),
  );
  const node = dialog(
    "modal",
    title,
    el("h2", {}, title),
    el(
      "div",
      { class: "menu-list" },
      rows.length ? rows : el("p", { class: "muted" }, t("Everybody is here already")),
    ),
  );
}

async function askUpgrade() {
  const text = t("It gets another id, and there is no way back. The bot hears of it.");
  if (await ask(t("Make it a supergroup?"), text, t("Make it a supergroup"))) upgrade();
}

const invites = (me) =>
  me.status === "creator" || (me.status === "administrator" && me.rights.includes("can_invite_users"));

function head(one, me) {
  const count = one.members.filter((member) => member.present).length;
  const size =
    one.type === "channel"
      ? nt("{n} subscriber", "{n} subscribers", count)
      : nt("{n} member", "{n} members", count);
  const wide = (glyph, label, onclick) =>
    el(
      "button",
      { type: "button", class: "pill", onclick, "data-focus": `group-${glyph}` },
      icon(glyph),
      label,
    );
  return el(
    "div",
    { class: "profile" },
    avatar(one.title, one.id, "large"),
    el("h3", {}, one.title),
    el("p", { class: "muted" }, `${kindName(one)} · ${size}`),
    el(
      "p",
      { class: "muted" },
      [one.username ? `@${one.username}` : "", `id ${one.id}`].filter(Boolean).join(" · "),
    ),
    el(
      "div",
      { class: "presets" },
      wide("person-plus", t("Add"), () => askMember(one)),
      wide("edit", t("Rename"), () => askTitle(one)),
      invites(me) ? wide("link", t("Invite link"), copyLink) : null,
      me.status === "creator" && one.type === "group"
        ? wide("people", t("Make it a supergroup"), askUpgrade)
        : null,
    ),
  );
}

/** Who asked to join, and waits for an administrator. */
function requests(one) {
  const list = (one.waiting ?? [])
    .map((id) => store.users.find((person) => person.id === id))
    .filter(Boolean);
  if (!list.length) return el("section", { hidden: true });
  const row = (person) =>
    el(
      "li",
      { class: "member" },
      avatar(fullName(person), person.id),
      el("span", { class: "member-text" }, el("b", {}, fullName(person))),
      iconButton(
        "check",
        t("Let {name} in", { name: fullName(person) }),
        () => deed("approve", person.id),
        "small",
      ),
      iconButton(
        "close",
        t("Turn {name} away", { name: fullName(person) }),
        () => deed("decline", person.id),
        "small",
      ),
    );
  return el("section", {}, el("h4", {}, t("Want to join")), el("ul", {}, list.map(row)));
}

async function copyLink() {
  const made = await addLink();
  if (!made) return;
  try {
    await navigator.clipboard.writeText(made.link);
    toast(t("The link is copied: {link}", { link: made.link }));
  } catch {
    toast(made.link); // the browser did not allow copying: it can be read
  }
}

function members(one, me) {
  const order = ["creator", "administrator", "member", "restricted", "kicked", "left"];
  const sorted = [...one.members].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  return el(
    "section",
    {},
    el("h4", {}, one.type === "channel" ? t("Subscribers") : t("Members")),
    el(
      "ul",
      { class: "members", "aria-label": t("Members") },
      sorted.map((member) => memberRow(one, me, member)),
    ),
  );
}

export function drawGroup() {
  const one = group();
  if (!one) return reconcile(byId("panel-group"), []);
  const me = memberOf(one);
  const bot = store.bot;
  const names = JSON.stringify([botName(), store.userId]);
  const items = [
    ["head", [one.title, one.members.length, me, one.type], () => head(one, me)],
    [
      "privacy",
      [bot.privacy],
      () =>
        toggle(
          t("Privacy mode"),
          t("In groups the bot hears only what is meant for it"),
          bot.privacy,
          (privacy) => setBot({ privacy }),
        ),
    ],
    [
      "inline",
      [bot.inline],
      () =>
        toggle(
          t("Inline mode"),
          t("@{bot} and words ask the bot in any chat", { bot: bot.username }),
          bot.inline,
          (inline) => setBot({ inline }),
        ),
    ],
    ["requests", [one.waiting], () => requests(one)],
    ["members", [one.members, one.type], () => members(one, me)],
  ];
  return reconcile(
    byId("panel-group"),
    items.map(([key, seen, build]) => ({
      key: `${one.id}-${key}`,
      signature: JSON.stringify([seen, names, currentLanguage()]),
      build,
    })),
  );
}
