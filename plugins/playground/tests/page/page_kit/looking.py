"""Scripts that look at a page in the browser: each returns what is wrong, nothing when all is well."""

from __future__ import annotations

# elements in view that reach beyond the window's edge; rows that scroll sideways by themselves may
OVERFLOWS = """() => [...document.querySelectorAll('body *')].filter(node => {
  const box = node.getBoundingClientRect(), style = getComputedStyle(node);
  if (!box.width || style.visibility === 'hidden') return false;
  if (node.closest('svg, .inspector[inert], .topic-row > *, .people > *')) return false;
  return box.right > innerWidth + 1 || box.left < -1;
}).map(node => `${node.tagName}.${node.className}#${node.id}`)"""
NAMELESS = """() => [...document.querySelectorAll('button, a, input, textarea, select')].filter(node => {
  if (!node.checkVisibility()) return false;
  const label = node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent;
  return !label.trim() && !node.querySelector('img[alt]');
}).map(node => node.outerHTML)"""
# WCAG contrast of every text in view against the nearest opaque background; texts over pictures are left out
CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const f = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const background = (node) => {
    for (; node; node = node.parentElement) {
      const style = getComputedStyle(node);
      if (style.backgroundImage !== 'none') return null;
      const [r, g, b, a = 1] = parse(style.backgroundColor);
      if (a === 1) return [r, g, b];
      if (a > 0) return null;
    }
    return null;
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest('.spoiler, :disabled')) continue;
    const under = background(node);
    const colour = parse(getComputedStyle(node).color);
    if (!under || colour.length > 3) continue;
    const [a, b] = [light(colour), light(under)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${node.className} ${walker.currentNode.data.slice(0, 30)}`);
  }
  return bad;
}"""
