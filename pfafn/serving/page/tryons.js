/* The try-ons of this visit: which are wished for, which one is computed, which are done. */

import * as api from "./api.js";

const AT_ONCE = 4; // requests: the server computes together what arrives together
const KEPT = 60; // results in memory
const LOSSLESS = 4e6; // pixels: a larger photo's result comes as a JPEG

let count = 0;

class TryOn {
  constructor(person, garment, category) {
    Object.assign(this, {
      id: ++count,
      person,
      garment,
      category,
      status: "waiting",
      began: null,
      url: null,
    });
    Object.assign(this, {
      version: null,
      milliseconds: null,
      warnings: [],
      problem: null,
      parts: null,
      stop: null,
    });
  }

  get title() {
    return `${this.person.name} in ${this.garment.name}`;
  }

  get fields() {
    return {
      person_image: this.person.file,
      garment_image: this.garment.file,
      garment_mask: this.garment.mask,
      category: this.category,
    };
  }

  /** What the result is called when it is saved. */
  get fileName() {
    return `${this.person.stem}__${this.garment.stem}.${this.format}`;
  }

  get format() {
    const { size } = this.person;
    return size && size.width * size.height > LOSSLESS ? "jpeg" : "png";
  }
}

export class TryOns {
  wished = [];
  done = []; // newest first
  #known = new Map();

  /** changed(tryOn) is called whenever one of them has changed. */
  constructor(changed) {
    this.changed = changed;
  }

  /** Try these garments on this person, what is not wished any more being given up. */
  wish(person, garments, category) {
    const before = this.wished;
    this.wished = garments.map((garment) => this.#one(person, garment, category));
    for (const given of before.filter(
      (tryOn) => !this.wished.includes(tryOn) && tryOn.status !== "done",
    )) {
      this.#known.delete(key(given));
      given.stop?.abort();
    }
    this.#next();
  }

  /** Compute it once more. */
  again(tryOn) {
    const fresh = new TryOn(tryOn.person, tryOn.garment, tryOn.category);
    this.#known.set(key(fresh), fresh);
    const place = this.wished.findIndex((other) => key(other) === key(fresh));
    if (place < 0) this.wished.push(fresh);
    else this.wished[place] = fresh;
    this.#next();
    return fresh;
  }

  /** Ask for what it is made of, if that is not known: {warped, mask, flow}. */
  async explain(tryOn) {
    tryOn.parts ??= await api.explain(tryOn.fields);
    return tryOn.parts;
  }

  #one(person, garment, category) {
    const made = new TryOn(person, garment, category);
    if (!this.#known.has(key(made))) this.#known.set(key(made), made);
    return this.#known.get(key(made));
  }

  #next() {
    const working = this.wished.filter((tryOn) => tryOn.status === "working").length;
    const waiting = this.wished.filter((tryOn) => tryOn.status === "waiting");
    for (const tryOn of waiting.slice(0, Math.max(0, AT_ONCE - working))) this.#compute(tryOn);
  }

  async #compute(tryOn) {
    Object.assign(tryOn, {
      status: "working",
      began: performance.now(),
      stop: new AbortController(),
    });
    this.changed(tryOn);
    try {
      const answer = await api.tryOn(
        { ...tryOn.fields, output_format: tryOn.format },
        tryOn.stop.signal,
      );
      tryOn.url = URL.createObjectURL(await api.bytes(answer.output[0]));
      Object.assign(tryOn, {
        status: "done",
        version: answer.model_version,
        warnings: answer.warnings ?? [],
      });
      tryOn.milliseconds = answer.milliseconds ?? { total: 1000 * answer.seconds };
      this.#keep(tryOn);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof api.Problem)) console.error(error);
      Object.assign(tryOn, { status: "failed", problem: error });
    }
    this.changed(tryOn);
    this.#next();
  }

  #keep(tryOn) {
    this.done.unshift(tryOn);
    for (const old of this.done.slice(KEPT).filter((other) => !this.wished.includes(other))) {
      URL.revokeObjectURL(old.url);
      this.done.splice(this.done.indexOf(old), 1);
      if (this.#known.get(key(old)) === old) this.#known.delete(key(old));
    }
  }
}

const key = ({ person, garment, category }) => `${person.id} ${garment.id} ${category}`;
