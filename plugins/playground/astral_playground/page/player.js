// Sounds and films. One sound plays at a time, as on a phone.

import { el, icon, setVars } from "./dom.js";
import { bytes, duration, t } from "./i18n.js";
import { plain } from "./spans.js";

const BARS = 34;
let playing = null; // the sound that plays
const sounds = new Map(); // by message and address: a bubble that is drawn anew goes on with its sound

function soundOf({ chat_id: chat, message_id: id, media }) {
  const key = `${chat}:${id}:${media.url}`;
  if (!sounds.has(key)) {
    const audio = new Audio();
    audio.preload = "none";
    audio.src = media.url;
    sounds.set(key, audio);
  }
  return sounds.get(key);
}

/** A wave that looks like speech and is the same each time: a real one would need the whole file decoded. */
function wave(seed) {
  let state = [...seed].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) >>> 0, 7);
  return Array.from({ length: BARS }, (_, place) => {
    state = (state * 1664525 + 1013904223) >>> 0;
    const swell = Math.abs(Math.sin(place / 3.1 + (state % 7)));
    return Math.round(18 + 62 * swell * ((state >>> 8) % 100) * 0.01 + 14 * swell);
  });
}

function scale(audio, media) {
  const bars = wave(media.url).map((height) => {
    const bar = el("i");
    setVars(bar, { h: `${height}%` });
    return bar;
  });
  const box = el("span", { class: "wave", "aria-hidden": "true" }, bars);
  const draw = () => {
    const share = audio.duration ? audio.currentTime / audio.duration : 0;
    bars.forEach((bar, place) => bar.classList.toggle("heard", place < share * BARS));
  };
  box.onclick = (event) => {
    event.stopPropagation();
    if (audio.duration) audio.currentTime = (event.offsetX / box.clientWidth) * audio.duration;
    draw();
  };
  return { box, draw };
}

/** A voice message or a piece of music. */
export function player(message) {
  const { media } = message;
  const voice = media.kind === "voice";
  const audio = soundOf(message);
  const { box, draw } = scale(audio, media);
  const time = el("small", { class: "time" }, duration(media.duration ?? 0));
  const title = media.title || media.file_name || t("Audio");
  const name = voice ? t("Voice message") : title;
  const button = el("button", {
    type: "button",
    class: "play",
    "data-focus": `play-${message.message_id}`,
  });
  button.onclick = (event) => {
    event.stopPropagation();
    if (!audio.paused) return audio.pause();
    if (playing !== audio) playing?.pause();
    playing = audio;
    return audio.play().catch(failed);
  };
  const failed = (error) => {
    if (error.name !== "AbortError") time.replaceChildren(t("This file cannot be played here")); // else: paused at once
  };
  const show = (name, label) => {
    button.replaceChildren(icon(name));
    button.setAttribute("aria-label", label);
  };
  const follow = () =>
    audio.paused ? show("play", t("Play: {name}", { name })) : show("pause", t("Pause: {name}", { name }));
  audio.onplay = follow;
  audio.onpause = follow;
  follow();
  audio.ontimeupdate = () => {
    draw();
    time.textContent = `${duration(audio.currentTime)} / ${duration(audio.duration || media.duration || 0)}`;
  };
  const facts = voice
    ? [box, time]
    : [
        el("b", {}, title),
        el("small", {}, [media.performer, media.size ? bytes(media.size) : ""].filter(Boolean).join(" · ")),
        time,
      ];
  return el(
    "div",
    { class: voice ? "sound voice" : "sound" },
    button,
    el("span", { class: "sound-text" }, facts),
  );
}

/** A video, an animation or a round note; what a browser cannot play says so on its place. */
export function film(message) {
  const { media } = message;
  const round = media.kind === "video_note";
  const loops = media.kind === "animation";
  const side = media.length ?? 240;
  const [width, height] = round ? [side, side] : [media.width || 320, media.height || 240];
  const label =
    plain(message.spans).trim().split("\n")[0] ||
    (round ? t("Video message") : loops ? t("Animation") : t("Video"));
  const box = el("div", { class: round ? "film circle" : media.spoiler ? "film veiled" : "film" });
  setVars(box, { ratio: width / height });
  const still = (media.mime_type ?? "").startsWith("image/");
  const node = still
    ? el("img", { src: media.url, alt: label })
    : el("video", {
        src: media.url,
        controls: !loops && !round,
        loop: loops || round,
        muted: loops,
        autoplay: loops,
        playsInline: true,
        preload: "metadata",
        "aria-label": label,
        tabIndex: 0,
      });
  node.onerror = () =>
    box.replaceChildren(icon("film"), el("small", {}, t("This file cannot be played here")), mark);
  node.onloadedmetadata = () => {
    if (!round && node.videoWidth) setVars(box, { ratio: node.videoWidth / node.videoHeight });
    if (!loops && Number.isFinite(node.duration)) mark.textContent = duration(node.duration);
  };
  node.onclick = (event) => {
    event.stopPropagation();
    box.classList.remove("veiled");
    if (round) node.paused ? node.play().catch(() => node.onerror()) : node.pause();
  };
  node.onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") node.onclick(event);
  };
  const mark = loops
    ? el("span", { class: "film-mark" }, "GIF")
    : el("span", { class: "film-mark" }, duration(media.duration ?? 0));
  box.append(node, mark);
  return box;
}
