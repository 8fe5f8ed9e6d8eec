/* A row of try-ons as small pictures: the garments of one person, or all of this visit. */

import { arrange, button, icon, make } from "./dom.js";

const STATES = { waiting: "waits", working: "is being computed", failed: "failed", done: "done" };

export class Shelf {
  #buttons = new Map();

  /** list: the ul to fill; pick(tryOn) is called when one is chosen. */
  constructor(list, pick) {
    Object.assign(this, { list, pick });
  }

  /** Show these, the current one marked. */
  show(tryOns, current) {
    const known = new Map(
      tryOns.map((tryOn) => [tryOn.id, this.#buttons.get(tryOn.id) ?? this.#button(tryOn)]),
    );
    const items = [...known.values()].map((button) => button.parentElement);
    arrange(this.list, items);
    this.#buttons = known;
    for (const tryOn of tryOns) this.#fill(known.get(tryOn.id), tryOn, tryOn === current);
  }

  #button(tryOn) {
    const made = button({ act: () => this.pick(tryOn), class: "" });
    make("li", {}, made);
    return made;
  }

  #fill(element, tryOn, current) {
    element.setAttribute("aria-current", String(current));
    if (element.dataset.status === tryOn.status) return;
    element.dataset.status = tryOn.status;
    element.className = tryOn.status === "done" ? "" : "waits";
    element.title = tryOn.title;
    element.setAttribute("aria-label", `${tryOn.title}: ${STATES[tryOn.status]}`);
    const shown = tryOn.url ?? tryOn.garment.url;
    element.replaceChildren(shown ? make("img", { src: shown, alt: "" }) : icon("hanger"));
    if (tryOn.status === "working") element.append(make("span", { class: "spinner" }));
    if (tryOn.status === "failed") element.append(make("span", { class: "sign" }, icon("refused")));
  }
}
