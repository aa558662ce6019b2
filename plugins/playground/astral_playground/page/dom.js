// Building the DOM without markup strings: the page's policy forbids every sink that parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Properties are set as such (`onclick`, `disabled`, `value`), `class` and names with a dash as attributes. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name === "class") node.className = value;
    else if (name === "vars") setVars(node, value);
    else if (name.includes("-") || name === "role" || name === "for" || name === "list")
      node.setAttribute(name, value);
    else node[name] = value;
  }
  append(node, children);
  return node;
}

export function append(node, children) {
  node.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
}

/** Style is given to CSS as custom properties: the policy allows the object model, not the attribute. */
export function setVars(node, vars) {
  for (const [name, value] of Object.entries(vars)) node.style.setProperty(`--${name}`, String(value));
}

export function icon(name, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${className}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

export const byId = (id) => document.getElementById(id);

export function iconButton(name, label, onclick, className = "") {
  const button = el(
    "button",
    { type: "button", class: `round ${className}`.trim(), title: label, onclick },
    icon(name),
  );
  button.setAttribute("aria-label", label);
  return button;
}

const built = new WeakMap();

/**
 * Make `parent` hold one node per item, in order. A node is built again only when its item's signature changed,
 * so that pictures do not flicker, revealed spoilers stay revealed and the focus stays where it was.
 */
export function reconcile(parent, items) {
  const old = built.get(parent) ?? new Map();
  const now = new Map();
  const focus = focusKey(parent);
  // first what is gone: else every node after it would be moved, and a moved picture or animation starts anew
  const keys = new Set(items.map((item) => item.key));
  for (const [key, { node }] of old) if (!keys.has(key)) node.remove();
  let place = parent.firstChild;
  for (const { key, signature, build } of items) {
    const known = old.get(key);
    const entry = known && known.signature === signature ? known : { signature, node: build() };
    now.set(key, entry);
    if (known && known !== entry) {
      if (place === known.node) place = place.nextSibling;
      known.node.remove();
    }
    if (entry.node === place) place = place.nextSibling;
    else parent.insertBefore(entry.node, place);
  }
  built.set(parent, now);
  if (focus && !parent.contains(document.activeElement)) {
    parent.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }
}

function focusKey(parent) {
  return parent.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
}
