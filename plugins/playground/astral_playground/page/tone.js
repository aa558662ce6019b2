// A made-up sound: a quiet tune as a WAV file.

const RATE = 8000; // samples per second
const NOTES = [262, 330, 392, 523, 392, 330]; // Hz

/** @returns {ArrayBuffer} a mono WAV of that many seconds, 8 bits a sample */
export function tone(seconds) {
  const count = Math.round(RATE * seconds);
  const view = new DataView(new ArrayBuffer(44 + count));
  const text = (at, word) =>
    [...word].forEach((char, place) => view.setUint8(at + place, char.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + count, true);
  text(8, "WAVEfmt ");
  for (const [at, size, value] of [
    [16, 4, 16],
    [20, 2, 1],
    [22, 2, 1],
    [24, 4, RATE],
    [28, 4, RATE],
    [32, 2, 1],
    [34, 2, 8],
  ])
    size === 4 ? view.setUint32(at, value, true) : view.setUint16(at, value, true);
  text(36, "data");
  view.setUint32(40, count, true);
  for (let place = 0; place < count; place += 1) {
    const note = NOTES[Math.floor((place * 3) / RATE) % NOTES.length];
    const fade = 1 - ((place * 3) % RATE) / RATE;
    view.setUint8(44 + place, 128 + Math.round(40 * fade * Math.sin((2 * Math.PI * note * place) / RATE)));
  }
  return view.buffer;
}
