/* The large part of the page: one try-on with its photo, facts and explanation, or what to do next. */

import { Compare } from "./compare.js";
import { find, findingLines, make, problemText } from "./dom.js";

const PARTS = {
  warped: ["Warped garment", "The garment, bent until it fits this person."],
  mask: ["Mask", "Tinted: what of the try-on is the garment; the rest is drawn around it."],
  flow: [
    "Flow",
    "Where in the garment's picture each pixel lies: the hue is the direction, pale is near; the lines were even squares.",
  ],
};

export class Stage {
  current = null;
  #compare = new Compare();
  #clock = null;

  /** explain(tryOn) gives its parts; again(tryOn) computes it once more. */
  constructor({ explain, again }) {
    this.explain = explain;
    find("explain").addEventListener("click", () => this.#toggleParts());
    find("again").addEventListener("click", () => again(this.current));
  }

  /** What to do next, when there is no try-on to show. */
  invite(title, text) {
    this.current = null;
    clearInterval(this.#clock);
    find("empty-title").textContent = title;
    find("empty-text").textContent = text;
    find("empty").hidden = false;
    find("shown").hidden = true;
  }

  /** Show a try-on; version: of the model that answers now. */
  show(tryOn, version) {
    if (tryOn !== this.current) this.#hideParts();
    this.current = tryOn;
    const { person, status } = tryOn;
    const done = status === "done";
    find("empty").hidden = true;
    find("shown").hidden = false;
    find("shown-title").textContent = tryOn.title;
    find("compare").classList.toggle("working", status === "working" || status === "waiting");
    this.#compare.show({
      before: person.url,
      after: tryOn.url,
      size: person.size,
      alt: tryOn.title,
      photoAlt: person.name,
    });
    this.#wait(tryOn);
    find("failure").hidden = status !== "failed";
    find("failure").replaceChildren(...(status === "failed" ? problemText(tryOn.problem) : []));
    find("warnings").replaceChildren(...findingLines(tryOn.warnings));
    const old = done && version !== null && tryOn.version !== version;
    find("facts").textContent = done ? facts(tryOn, old ? version : null) : "";
    find("save").hidden = find("explain").hidden = !done;
    find("again").hidden = !(old || status === "failed");
    find("again").querySelector("span").textContent = old
      ? `Try with version ${number(version)}`
      : "Try again";
    if (done) Object.assign(find("save"), { href: tryOn.url, download: tryOn.fileName });
  }

  #wait(tryOn) {
    clearInterval(this.#clock);
    const pending = tryOn.status === "working" || tryOn.status === "waiting";
    find("waiting").hidden = !pending;
    if (!pending) return;
    const tell = () => {
      const spent =
        tryOn.began === null
          ? "waiting for its turn"
          : `${((performance.now() - tryOn.began) / 1000).toFixed(1)} s`;
      find("waiting-text").textContent = `Trying it on … ${spent}`;
    };
    tell();
    this.#clock = setInterval(tell, 100);
  }

  #hideParts() {
    find("explanation").hidden = true;
    find("explain").setAttribute("aria-expanded", "false");
  }

  async #toggleParts() {
    const [box, button] = ["explanation", "explain"].map(find);
    if (!box.hidden) {
      this.#hideParts();
      return;
    }
    const tryOn = this.current;
    button.disabled = true;
    try {
      const parts = await this.explain(tryOn);
      box.replaceChildren(
        ...Object.entries(PARTS).map(([name, words]) => figure(parts[name], words)),
      );
    } catch (problem) {
      box.replaceChildren(make("p", { class: "failure", role: "alert" }, ...problemText(problem)));
    }
    button.disabled = false;
    if (tryOn !== this.current) return;
    button.setAttribute("aria-expanded", "true");
    button.focus();
    box.hidden = false;
    box.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
}

function figure(url, [title, text]) {
  return make(
    "figure",
    {},
    make("img", { src: url, alt: title }),
    make("figcaption", {}, make("strong", { text: title }), text),
  );
}

/** NAME/VERSION -> VERSION */
const number = (version) => version.split("/").at(-1);

function facts({ version, milliseconds }, newer) {
  const { total, ...parts } = milliseconds;
  const spent = Object.entries(parts).map(([name, value]) => `${name} ${Math.round(value)}`);
  const time = `${Math.round(total)} ms${spent.length ? ` (${spent.join(", ")})` : ""}`;
  return [
    `Made by version ${number(version)}`,
    newer && `version ${number(newer)} answers now`,
    time,
  ]
    .filter(Boolean)
    .join(" · ");
}
