/* The photo on the left and the try-on on the right of an edge that can be moved. */

import { find } from "./dom.js";

const AT_REST = 30; // percent of the width that show the photo

export class Compare {
  #opened = false; // whether the edge has come in once

  constructor() {
    [this.frame, this.before, this.after, this.range] = [
      "compare",
      "before",
      "after",
      "reveal",
    ].map(find);
    this.range.addEventListener("input", () => this.#move(Number(this.range.value)));
    this.frame.addEventListener("pointerdown", (event) => this.#hold(event));
    this.#move(100);
  }

  /** Show a photo alone, or with its try-on; addresses of pictures, before may be null. */
  async show({ before, after, size, alt, photoAlt }) {
    const ready = Boolean(before && after);
    this.frame.classList.toggle("alone", !before);
    if (before && this.before.getAttribute("src") !== before) this.before.src = before;
    this.before.hidden = !before;
    this.before.alt = after ? "" : photoAlt;
    this.after.hidden = !after;
    this.after.alt = alt;
    if (after && this.after.getAttribute("src") !== after) {
      this.after.src = after;
      await this.after.decode().catch(() => null);
    }
    const { width, height } = size ?? {
      width: this.after.naturalWidth,
      height: this.after.naturalHeight,
    };
    this.frame.style.setProperty("--aspect", width && height ? width / height : 0.75);
    this.frame.classList.toggle("ready", ready);
    find("reveal-row").hidden = !ready;
    if (!after) this.frame.style.setProperty("--at", "100%");
    else if (this.#opened) this.#move(Number(this.range.value));
    else if (ready) {
      this.#opened = true;
      this.#move(AT_REST);
    }
  }

  #move(at) {
    this.range.value = at;
    this.range.setAttribute(
      "aria-valuetext",
      `${Math.round(at)} % photo, ${100 - Math.round(at)} % try-on`,
    );
    this.frame.style.setProperty("--at", `${at}%`);
  }

  #hold(event) {
    if (!this.frame.classList.contains("ready") || event.button) return;
    const follow = ({ clientX }) => {
      const { left, width } = this.frame.getBoundingClientRect();
      this.#move(Math.min(100, Math.max(0, (100 * (clientX - left)) / width)));
    };
    this.frame.classList.add("held");
    this.frame.setPointerCapture(event.pointerId);
    follow(event);
    this.frame.addEventListener("pointermove", follow);
    const release = () => {
      this.frame.classList.remove("held");
      this.frame.removeEventListener("pointermove", follow);
    };
    this.frame.addEventListener("lostpointercapture", release, { once: true });
  }
}
