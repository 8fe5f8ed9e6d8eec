/* The page: what is chosen leads to try-ons, and those to what is shown. */

import * as api from "./api.js";
import { announce, find } from "./dom.js";
import { switchTheme, watchModel } from "./header.js";
import { openPage } from "./intake.js";
import { Panel } from "./panel.js";
import { Shelf } from "./shelf.js";
import { Stage } from "./stage.js";
import { TryOns } from "./tryons.js";

let version = null;
let offered = false; // whether there is a gallery
let galleryProblem = null;
let chosen = null; // the try-on that somebody picked; else the latest wish is shown

const persons = new Panel("person", { several: false, word: "a person" }, wish);
const garments = new Panel("garment", { several: true, word: "a garment" }, wish);
const tryOns = new TryOns(told);
const stage = new Stage({
  explain: (tryOn) => tryOns.explain(tryOn),
  again: (tryOn) => pick(tryOns.again(tryOn)),
});
const strip = new Shelf(find("strip"), pick);
const visit = new Shelf(find("history"), pick);

/** Try what is chosen and usable. */
function wish() {
  if (persons.photos[0]?.status === "checking") return draw(); // until then what is shown stays
  const before = tryOns.wished;
  const [person] = persons.photos.filter((photo) => photo.usable);
  const category = document.querySelector("input[name=category]:checked").value;
  tryOns.wish(person, person ? garments.photos.filter((photo) => photo.usable) : [], category);
  const fresh = tryOns.wished.filter((tryOn) => !before.includes(tryOn));
  if (fresh.length) {
    // Another person: the same garment stays in view. Another garment: that one comes into view.
    chosen =
      fresh.find((tryOn) => tryOn.garment === chosen?.garment) ??
      (before.length ? fresh.at(-1) : fresh[0]);
    reveal();
  } else if (!tryOns.wished.includes(chosen)) chosen = tryOns.wished.at(-1) ?? null;
  draw();
}

function pick(tryOn) {
  chosen = tryOn;
  draw();
}

/** A try-on has changed. */
function told(tryOn) {
  if (tryOn.status === "done")
    announce(`${tryOn.title}: done in ${(tryOn.milliseconds.total / 1000).toFixed(1)} seconds.`);
  draw();
}

function draw() {
  const { wished, done } = tryOns;
  if (chosen) stage.show(chosen, version);
  else stage.invite(...invitation());
  strip.show(wished.length > 1 ? wished : [], chosen);
  const ended = wished.filter(({ status }) => status === "done" || status === "failed").length;
  find("progress").hidden = wished.length < 2 || ended === wished.length;
  find("progress-text").textContent = `${ended} of ${wished.length} done`;
  Object.assign(find("progress-bar"), { max: Math.max(1, wished.length), value: ended });
  find("visit").hidden = done.every((tryOn) => wished.includes(tryOn));
  visit.show(done, chosen);
}

function invitation() {
  const [person] = persons.photos;
  const all = [...persons.photos, ...garments.photos];
  if (all.some((photo) => photo.status === "checking"))
    return ["Looking at the photo", "The try-on begins by itself when it can be used."];
  const refused = all.filter((photo) => photo.status === "refused");
  const none = person?.status === "refused" || refused.length === garments.photos.length;
  if (refused.length && none) return [`${refused[0].name} cannot be used`, refused[0].reason];
  if (person) return ["Now a garment", "One or several; each is tried on by itself."];
  if (garments.photos.length) return ["Now a person", "The try-on begins by itself."];
  const start = offered ? "Two clicks: a picture of each on this page." : "Choose a photo of each.";
  return ["One person, one garment", galleryProblem ?? `${start} The try-on begins by itself.`];
}

/** On a narrow page the try-on lies below the choices: bring it into view. */
function reveal() {
  if (matchMedia("(max-width: 56rem)").matches)
    requestAnimationFrame(() => find("stage").scrollIntoView({ behavior: "smooth" }));
}

/** Photos that came in beside the panels: the first is the person, if there is none. */
function elsewhere(files) {
  const [first, ...rest] = files;
  const target = document.activeElement?.closest(".panel");
  if (target === garments.element || persons.photos.length) garments.take(files);
  else {
    persons.take([first]);
    if (rest.length) garments.take(rest);
  }
}

switchTheme();
openPage(elsewhere);
document
  .querySelectorAll("input[name=category]")
  .forEach((input) => input.addEventListener("change", wish));
watchModel((now) => {
  version = now;
  draw();
});
api.gallery().then(
  ({ persons: people, garments: clothes }) => {
    persons.offer(people);
    garments.offer(clothes);
    offered = people.length > 0 && clothes.length > 0;
    draw();
  },
  (problem) => {
    galleryProblem = `There is no gallery: ${problem.message} Choose photos of your own.`;
    draw();
  },
);
