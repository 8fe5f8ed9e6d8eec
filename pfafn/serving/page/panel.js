/* One side of the choice, the person or the garments: its gallery, and what is chosen with verdicts. */

import * as api from "./api.js";
import { announce, arrange, button, fileField, find, findingLines, icon, make, notice } from "./dom.js";
import * as intake from "./intake.js";
import { Photo } from "./photo.js";

const MOST = 24; // garments at once

export class Panel {
  photos = [];
  #taken = new Map(); // by address in the gallery: chosen again, a photo is the same one
  #faces = new Map(); // list items of chosen photos
  #tiles = new Map(); // buttons of the gallery, by address

  /** kind: person or garment; changed() is called whenever what is chosen or known of it changes. */
  constructor(kind, { several, word }, changed) {
    Object.assign(this, { kind, several, changed, element: find(`${kind}-panel`) });
    [this.list, this.gallery] = [".chosen", ".gallery"].map((part) =>
      this.element.querySelector(part),
    );
    this.invitation = this.element.querySelector(".invitation");
    this.gallery.dataset.kind = kind;
    this.gallery.addEventListener("keydown", (event) => this.#walk(event));
    intake.open(this.element, { word, several }, (files) => this.take(files));
  }

  /** Choose files that came from outside. */
  take(files) {
    const room = this.several ? MOST - this.photos.length : 1;
    const left = files.slice(room);
    for (const file of files.slice(0, Math.max(room, 0)))
      this.#add(new Photo(this.kind, file, file.name));
    if (left.length)
      notice(
        `${this.several ? `At most ${MOST} garments` : "One person"} at a time: ${left.length} left out.`,
      );
  }

  /** Fill the gallery: a list of {name, url, thumb}. */
  offer(items) {
    if (items.length) this.invitation.textContent = this.invitation.dataset.gallery;
    this.gallery.replaceChildren(
      ...items.map((item, index) => {
        const image = make("img", { src: item.thumb, alt: "", loading: "lazy", decoding: "async" });
        const label = `${this.kind === "person" ? "Person" : "Garment"} ${item.name}`;
        const marks = {
          class: "",
          title: item.name,
          "aria-pressed": "false",
          tabindex: index ? "-1" : "0",
        };
        const tile = button({ label, act: () => this.#toggle(item), ...marks });
        tile.append(image);
        this.#tiles.set(item.url, tile);
        return tile;
      }),
    );
  }

  #toggle(item) {
    const chosen = this.photos.find((photo) => photo.origin === item.url);
    if (chosen) {
      if (this.several) this.remove(chosen);
      return;
    }
    if (this.several && this.photos.length >= MOST) {
      notice(`At most ${MOST} garments at a time: remove one first.`);
      return;
    }
    if (!this.#taken.has(item.url))
      this.#taken.set(
        item.url,
        new Photo(this.kind, api.bytes(item.url), item.name, { origin: item.url }),
      );
    this.#add(this.#taken.get(item.url));
  }

  #add(photo) {
    this.photos = this.several ? [...this.photos, photo] : [photo];
    this.#follow(photo);
    this.list.scrollTop = this.list.scrollHeight;
  }

  #follow(photo) {
    this.#draw();
    photo.examined.then(() => {
      if (!this.photos.includes(photo)) return;
      if (photo.status === "refused") this.#taken.delete(photo.origin); // it may have been the network
      announce(`${photo.name}: ${photo.status === "refused" ? photo.reason : photo.verdict}`);
      this.#draw();
    });
  }

  remove(photo) {
    const next =
      this.#faces.get(photo)?.nextElementSibling ?? this.#faces.get(photo)?.previousElementSibling;
    const held = this.#faces.get(photo)?.contains(document.activeElement);
    this.photos = this.photos.filter((other) => other !== photo);
    this.#draw();
    if (held) (next ?? this.element).querySelector("button").focus();
  }

  #draw() {
    for (const photo of this.photos) {
      const face = this.#faces.get(photo) ?? make("li");
      this.#faces.set(photo, face);
      if (face.dataset.told !== photo.status) this.#fill(face, photo);
    }
    for (const photo of this.#faces.keys())
      if (!this.photos.includes(photo)) this.#faces.delete(photo);
    const wanted = this.photos.map((photo) => this.#faces.get(photo));
    arrange(this.list, wanted);
    const origins = new Set(this.photos.map((photo) => photo.origin));
    for (const [url, tile] of this.#tiles)
      tile.setAttribute("aria-pressed", String(origins.has(url)));
    this.invitation.hidden = this.photos.length > 0;
    this.changed();
  }

  #fill(face, photo) {
    const shown = photo.url && photo.status !== "checking" && photo.status !== "refused";
    const picture = shown
      ? make("img", { src: photo.url, alt: "" })
      : icon(this.kind === "person" ? "person" : "hanger");
    const busy = photo.status === "checking";
    const sign = busy
      ? make("span", { class: "spinner", "aria-hidden": "true" })
      : icon(photo.status);
    const label = `Remove ${photo.name}`;
    const drop = button({
      sign: "close",
      label,
      class: "quiet drop",
      act: () => this.remove(photo),
    });
    face.dataset.told = photo.status;
    face.className = `choice ${photo.status}`;
    face.replaceChildren(
      make("div", { class: "face" }, picture),
      make(
        "div",
        { class: "told" },
        make("p", { class: "name", text: photo.name, title: photo.name }),
        make(
          "p",
          { class: `verdict ${photo.status}` },
          sign,
          make("span", { text: photo.verdict }),
        ),
        make("ul", { class: "findings" }, ...findingLines(photo.doubts)),
        photo.notes.length ? folded(photo) : null,
        photo.transient ? this.#again(photo) : null,
        this.kind === "garment" && !photo.origin && !busy ? this.#masking(photo) : null,
      ),
      drop,
    );
  }

  #again(photo) {
    const label = `Look at ${photo.name} again`;
    return button({
      sign: "again",
      text: "Look again",
      label,
      act: () => this.#replace(photo, {}),
    });
  }

  /** A garment's own mask: a picture that is bright where the garment is. */
  #masking(photo) {
    const field = fileField({ accept: "image/*" }, ([mask]) => this.#replace(photo, { mask }));
    const text = photo.mask ? `Mask: ${photo.mask.name}` : "Add a mask";
    const title = "A picture of the same size, bright where the garment is";
    const label = `${text} (${photo.name})`;
    return make("div", {}, button({ text, label, title, act: () => field.click() }), field);
  }

  /** Look at a photo anew, in its place. */
  #replace(photo, change) {
    const { origin, mask } = { ...photo, ...change };
    const fresh = new Photo(this.kind, photo.file ?? api.bytes(origin), photo.name, {
      origin,
      mask,
    });
    this.photos = this.photos.map((other) => (other === photo ? fresh : other));
    this.#follow(fresh);
  }

  /** Arrow keys, Home and End move within the gallery, which is one stop of the tab key. */
  #walk(event) {
    const tiles = [...this.gallery.children];
    const here = tiles.indexOf(document.activeElement);
    const steps = {
      ArrowRight: here + 1,
      ArrowDown: here + 1,
      ArrowLeft: here - 1,
      ArrowUp: here - 1,
      Home: 0,
      End: tiles.length - 1,
    };
    const next = tiles[steps[event.key]];
    if (here < 0 || !(event.key in steps)) return;
    event.preventDefault();
    if (!next) return;
    tiles[here].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

/** What is only good to know, to be opened. */
function folded({ name, notes }) {
  const text = notes.length > 1 ? `${notes.length} notes` : "1 note";
  return make(
    "details",
    { class: "notes" },
    make("summary", { text, "aria-label": `${text} on ${name}` }),
    make("ul", { class: "findings" }, ...findingLines(notes)),
  );
}
