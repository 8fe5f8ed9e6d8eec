/* Ways in for photos: a file, a drop, the clipboard, a camera. */

import { button, fileField, find, notice, problemText } from "./dom.js";

const FILES = "image/*,.heic,.heif,.avif";
const BY_TOUCH = "(hover: none) and (pointer: coarse)"; // a phone, whose own camera takes the photo

/** Give a panel its buttons and let files be dropped on it; taken(files) is called with what came. */
export function open(panel, { word, several }, taken) {
  const files = fileField({ accept: FILES, multiple: several }, taken);
  const snapped = fileField({ accept: "image/*", capture: "environment" }, taken);
  const phone = matchMedia(BY_TOUCH).matches;
  const photograph = async () => {
    if (phone) return snapped.click();
    const file = await camera(word);
    return file && taken([file]);
  };
  const sources = panel.querySelector(".sources");
  sources.append(
    button({
      sign: "file",
      text: "File",
      label: `Choose a file: ${word}`,
      act: () => files.click(),
    }),
  );
  if (phone || navigator.mediaDevices?.getUserMedia) {
    sources.append(
      button({ sign: "camera", text: "Camera", label: `Photograph: ${word}`, act: photograph }),
    );
  }
  sources.append(files, snapped);
  droppable(panel, taken);
}

/** Photos that are dropped beside the panels or pasted go to elsewhere(files). */
export function openPage(elsewhere) {
  droppable(document.body, elsewhere);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) elsewhere(files);
    else notice("There is no picture in the clipboard.");
  });
}

function droppable(area, taken) {
  let depth = 0; // of the elements inside that the pointer has entered
  const mark = (change) => {
    depth = change === null ? 0 : Math.max(0, depth + change);
    area.classList.toggle("over", depth > 0);
  };
  area.addEventListener("dragenter", () => mark(1));
  area.addEventListener("dragleave", () => mark(-1));
  area.addEventListener("dragover", (event) => event.preventDefault());
  area.addEventListener("drop", (event) => {
    mark(null);
    if (event.defaultPrevented) return; // a panel has taken it
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (files.length) taken(files);
    else notice("What was dropped is no file; save the picture first.");
  });
}

const REFUSED = {
  NotAllowedError: [
    "The browser was not allowed to use the camera.",
    "Allow it beside the address, or choose a file.",
  ],
  NotFoundError: ["This machine has no camera.", "Choose a file."],
};

/** A photo from the machine's camera; null if there came none. */
async function camera(word) {
  const [dialog, video, problem, take] = [
    "camera-dialog",
    "camera-video",
    "camera-problem",
    "camera-take",
  ].map(find);
  find("camera-title").textContent = `Photograph: ${word}`;
  problem.hidden = true;
  take.disabled = true;
  dialog.showModal();
  let stream = null;
  navigator.mediaDevices
    .getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } })
    .then(
      (opened) => {
        stream = opened;
        if (!dialog.open) return stop(stream);
        video.onloadeddata = () => {
          take.disabled = false;
        };
        video.srcObject = stream;
        return null;
      },
      (error) => {
        const [message, remedy] = REFUSED[error.name] ?? [
          "The camera cannot be used.",
          "Choose a file.",
        ];
        problem.replaceChildren(...problemText({ message, remedy }));
        problem.hidden = false;
      },
    );
  const file = await new Promise((resolve) => {
    take.onclick = () => resolve(still(video));
    find("camera-cancel").onclick = () => resolve(null);
    dialog.oncancel = () => resolve(null);
  });
  stop(stream);
  video.srcObject = null;
  dialog.close();
  return file;
}

const stop = (stream) => stream?.getTracks().forEach((track) => track.stop());

async function still(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "");
  return new File([blob], `photo-${time}.jpg`, { type: blob.type });
}
