/* Elements, and what is said to those who listen to the page. */

export const find = (id) => document.getElementById(id);

/** An element with properties (class, text, dataset and attributes) and children. */
export function make(tag, { text, dataset, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  Object.assign(element.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) {
    if (![false, null, undefined].includes(value))
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** One of the drawings at the top of index.html; it says nothing to a screen reader. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const [svg, use] = ["svg", "use"].map((tag) => document.createElementNS(space, tag));
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** A button with a drawing, or with a text, or both; label: what a screen reader says instead. */
export function button({ sign, text, label, act, ...attributes }) {
  const inside = [sign ? icon(sign) : null, text ? make("span", { text }) : null];
  const shown = { type: "button", class: "quiet", "aria-label": label, ...attributes };
  const made = make("button", shown, ...inside);
  made.addEventListener("click", act);
  return made;
}

/** A file field that a button opens in its stead; taken(files) is called with what was chosen. */
export function fileField(attributes, taken) {
  const unseen = { type: "file", class: "unseen", tabindex: "-1", "aria-hidden": "true" };
  const field = make("input", { ...unseen, ...attributes });
  field.addEventListener("change", () => {
    taken([...field.files]);
    field.value = ""; // the same file may be chosen again
  });
  return field;
}

/** Let a list have these items in this order; those that stay are not touched, nor lose focus. */
export function arrange(list, items) {
  for (const item of [...list.children]) if (!items.includes(item)) item.remove();
  items.forEach((item, place) => {
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
}

/** Say a sentence to those who listen to the page. */
export function announce(text) {
  say(text, "unseen", 5000);
}

/** Say a sentence, and show it for a while: what came of something that cannot be seen elsewhere. */
export function notice(text) {
  say(text, "notice", 8000);
}

function say(text, look, milliseconds) {
  const line = make("p", { text, class: look });
  find("live").append(line);
  setTimeout(() => line.remove(), milliseconds);
}

/** A message as a sentence of the page, which has no fields: "person_image: blank" is "Blank". */
export function sentence(message) {
  const bare = message.replace(/^(person|garment)(_image|_mask)?: /, "");
  return bare.charAt(0).toUpperCase() + bare.slice(1);
}

/** A message and what to do about it. */
export function problemText({ message, remedy }) {
  const lines = [make("strong", { text: sentence(message) })];
  if (remedy) lines.push(make("span", { text: sentence(remedy), class: "remedy" }));
  return lines;
}

/** The signs that go with what was found. */
const SIGNS = { refuse: "refused", warn: "doubtful", note: "note" };

/** The lines of a list of findings, the gravest first. */
export function findingLines(findings) {
  const order = Object.keys(SIGNS);
  const sorted = [...findings].sort(
    (a, b) => order.indexOf(a.severity) - order.indexOf(b.severity),
  );
  return sorted.map((finding) => {
    const sign = SIGNS[finding.severity] ?? "note";
    const said = [finding.changed, finding.remedy]
      .filter(Boolean)
      .map((text) => make("span", { text: sentence(text), class: "remedy" }));
    return make(
      "li",
      { class: sign },
      icon(sign),
      make("div", { text: sentence(finding.text) }, ...said),
    );
  });
}
