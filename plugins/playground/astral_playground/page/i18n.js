// The page speaks the language of the selected person. The source text is English.

import { plurals, ru } from "./texts.js";

let language = "en";
let rules = new Intl.PluralRules("en");

/** @returns {boolean} whether the language changed, so that everything must be drawn again */
export function setLanguage(code) {
  const next = (code ?? "").toLowerCase().startsWith("ru") ? "ru" : "en";
  if (next === language) return false;
  language = next;
  rules = new Intl.PluralRules(next);
  return true;
}

export const currentLanguage = () => language;

export function t(source, values = {}) {
  return fill(language === "ru" ? (ru[source] ?? source) : source, values);
}

/** Plural forms: `one` and `many` are English; Russian has three forms under the key `one`. */
export function nt(one, many, n, values = {}) {
  const forms = language === "ru" ? plurals[one] : { one, other: many };
  return fill(forms?.[rules.select(n)] ?? forms?.other ?? many, { n: number(n), ...values });
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

const locale = () => (language === "ru" ? "ru-RU" : "en-GB");

export const number = (value) => new Intl.NumberFormat(locale()).format(value);

export const clock = (seconds) =>
  new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit" }).format(seconds * 1000);

export const clockExact = (seconds) =>
  new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(
    seconds * 1000,
  );

export function dayKey(seconds) {
  const date = new Date(seconds * 1000);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

export function day(seconds) {
  const now = Date.now() / 1000;
  if (dayKey(seconds) === dayKey(now)) return t("Today");
  if (dayKey(seconds) === dayKey(now - 86400)) return t("Yesterday");
  const date = new Date(seconds * 1000);
  const options = { day: "numeric", month: "long" };
  if (date.getFullYear() !== new Date().getFullYear()) options.year = "numeric";
  return new Intl.DateTimeFormat(locale(), options).format(date);
}

export function milliseconds(value) {
  if (value >= 10000) return t("{n} s", { n: number(Math.round(value / 100) / 10) });
  return t("{n} ms", { n: number(value >= 100 ? Math.round(value) : Math.round(value * 10) / 10) });
}

/** Seconds as a player shows them. */
export function duration(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function bytes(size) {
  if (size >= 1048576) return t("{n} MB", { n: number(Math.round(size / 104857.6) / 10) });
  if (size >= 1024) return t("{n} KB", { n: number(Math.round(size / 102.4) / 10) });
  return t("{n} B", { n: number(size) });
}

// currencies without minor units among those that Telegram takes
const WHOLE = new Set(["CLP", "JPY", "KRW", "PYG", "UGX", "VND"]);

/** Amounts are in the currency's smallest unit; Stars have none. */
export function money(amount, currency) {
  if (currency === "XTR") return `⭐ ${number(amount)}`;
  const value = WHOLE.has(currency) ? amount : amount / 100;
  try {
    return new Intl.NumberFormat(locale(), { style: "currency", currency }).format(value);
  } catch {
    return `${number(value)} ${currency}`;
  }
}
