// Links to t.me that the emulator itself can follow: invoices, starts of this bot, invitations.

import { store } from "./store.js";

const followers = { invoice: () => {}, start: () => {}, join: () => {} };

export function onLinks({ invoice, start, join }) {
  followers.invoice = invoice;
  followers.start = start;
  followers.join = join;
}

/** @returns {boolean} whether the link was followed here */
export function openLink(href) {
  let url;
  try {
    url = new URL(href);
  } catch {
    return false;
  }
  if (url.hostname !== "t.me" && url.hostname !== "telegram.me") return false;
  const name = decodeURIComponent(url.pathname.slice(1));
  if (name.startsWith("$")) followers.invoice(name.slice(1));
  else if (name.startsWith("+")) followers.join(href);
  else if (name === store.bot.username && url.searchParams.has("start"))
    followers.start(url.searchParams.get("start"));
  else return false;
  return true;
}
