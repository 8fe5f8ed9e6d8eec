/* Elements, and what is said to those who listen to the page. */

export const find = (id) => document.getElementById(id);

/** An element with properties (class, text, dataset and attributes) and children. */
export function make(tag, { text, dataset, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  Object.assign(element.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
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

/** Say a sentence in the live region. */
export function announce(text) {
  const line = make("p", { text });
  find("live").append(line);
  setTimeout(() => line.remove(), 5000);
}

/** A message as a sentence of the page, which has no fields: "person_image: blank" is "Blank". */
export function sentence(message) {
  const bare = message.replace(/^(person|garment)(_image|_mask)?: /, "");
  return bare.charAt(0).toUpperCase() + bare.slice(1);
}

/** A message and what to do about it. */
export function problemText({ message, remedy }) {
  return [make("strong", { text: sentence(message) }), remedy ? make("span", { text: sentence(remedy), class: "remedy" }) : null].filter(Boolean);
}

/** The signs that go with what was found. */
const SIGNS = { refuse: "refused", warn: "doubtful", note: "note" };

/** The lines of a list of findings, the gravest first. */
export function findingLines(findings) {
  const order = Object.keys(SIGNS);
  const sorted = [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  return sorted.map((finding) => {
    const sign = SIGNS[finding.severity] ?? "note";
    const said = [finding.changed, finding.remedy].filter(Boolean).map((text) => make("span", { text: sentence(text), class: "remedy" }));
    return make("li", { class: sign }, icon(sign), make("div", { text: sentence(finding.text) }, ...said));
  });
}
