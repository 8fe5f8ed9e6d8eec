/* A row of try-ons as small pictures: the garments of one person, or all of this visit. */

import { icon, make } from "./dom.js";

const STATES = { waiting: "waits", working: "is being computed", failed: "failed", done: "done" };

export class Shelf {
  #buttons = new Map();

  /** list: the ul to fill; pick(tryOn) is called when one is chosen. */
  constructor(list, pick) {
    Object.assign(this, { list, pick });
  }

  /** Show these, the current one marked. */
  show(tryOns, current) {
    const known = new Map(tryOns.map((tryOn) => [tryOn.id, this.#buttons.get(tryOn.id) ?? this.#button(tryOn)]));
    const items = [...known.values()].map((button) => button.parentElement);
    for (const item of [...this.list.children]) if (!items.includes(item)) item.remove();
    items.forEach((item, place) => this.list.children[place] !== item && this.list.insertBefore(item, this.list.children[place] ?? null));
    this.#buttons = known;
    for (const tryOn of tryOns) this.#fill(known.get(tryOn.id), tryOn, tryOn === current);
  }

  #button(tryOn) {
    const button = make("button", { type: "button" });
    button.addEventListener("click", () => this.pick(tryOn));
    make("li", {}, button);
    return button;
  }

  #fill(button, tryOn, current) {
    button.setAttribute("aria-current", String(current));
    if (button.dataset.status === tryOn.status) return;
    button.dataset.status = tryOn.status;
    button.className = tryOn.status === "done" ? "" : "waits";
    button.title = tryOn.title;
    button.setAttribute("aria-label", `${tryOn.title}: ${STATES[tryOn.status]}`);
    const shown = tryOn.url ?? tryOn.garment.url;
    const over = { working: () => make("span", { class: "spinner" }), failed: () => make("span", { class: "sign" }, icon("refused")) }[tryOn.status];
    button.replaceChildren(...[shown ? make("img", { src: shown, alt: "" }) : icon("hanger"), over?.()].filter(Boolean));
  }
}
