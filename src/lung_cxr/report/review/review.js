// One question at a time. Every answer is appended to a log in the browser's storage; undo removes the last one. The
// download holds, for each image of this page, the last answer on its status, its label and its pixels.
"use strict";
const CONTENT = JSON.parse(document.getElementById("content").textContent);
const { items, images, classes } = CONTENT;
const STORAGE = "lung_cxr.review";
const SUBJECTS = { accept: "status", reject: "status", label: "label", keep_pixels: "pixels" };
const WORDS = { accept: "Accept", reject: "Reject", keep_pixels: "Keep pixels" };
const KEYS = { a: "accept", r: "reject", k: "keep_pixels" };
const element = (id) => document.getElementById(id);

let state = { log: [], who: "" };
try {
  state = { ...state, ...JSON.parse(localStorage.getItem(STORAGE)) };
} catch { /* a damaged or closed storage: start empty */ }
state.log = state.log.filter((entry) => entry.image in images);
let at = 0;
let active = 0;

function save() {
  try {
    localStorage.setItem(STORAGE, JSON.stringify(state));
  } catch { /* answers stay in this tab */ }
}

function decided() {
  const last = {};
  for (const entry of state.log) (last[entry.image] ??= {})[SUBJECTS[entry.decision]] = entry;
  return last;
}

function isAnswered(item, last, image) {
  return Object.values(last[image] ?? {}).some((entry) => item.answers.includes(entry.decision));
}

function isDone(item, last) {
  return item.waiting.every((image) => isAnswered(item, last, image));
}

function goTo(position) {
  at = Math.max(0, Math.min(items.length - 1, position));
  const item = items[at];
  if (item) {
    const last = decided();
    const open = item.waiting.find((image) => !isAnswered(item, last, image)) ?? item.waiting[0];
    active = item.images.indexOf(open);
  }
  show();
}

function goToOpen(start) {
  const last = decided();
  const order = items.map((_, step) => (start + step) % items.length);
  goTo(order.find((position) => !isDone(items[position], last)) ?? at);
}

function decide(decision, value = "") {
  const item = items[at];
  const image = item?.images[active];
  if (!image || !images[image].decisions.includes(decision)) return;
  const typed = element("reason").value.trim();
  const when = new Date().toISOString().slice(0, 19) + "Z";
  state.log.push({ image, decision, value, when, why: typed ? `${item.kind}: ${typed}` : item.kind });
  element("reason").value = "";
  save();
  if (isDone(item, decided())) goToOpen(at + 1);
  else goTo(at);
}

function undo() {
  const entry = state.log.pop();
  if (!entry) return;
  save();
  const position = items.findIndex((item) => item.waiting.includes(entry.image) && item.answers.includes(entry.decision));
  goTo(position < 0 ? items.findIndex((item) => item.images.includes(entry.image)) : position);
}

function add(parent, tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  made.textContent = text;
  parent.append(made);
  return made;
}

function showPicture(id, position, last) {
  const image = images[id];
  const figure = add(element("pictures"), "figure", "", { className: position === active ? "active" : "" });
  figure.addEventListener("click", () => { active = position; show(); });
  if (image.picture) figure.append(Object.assign(new Image(), { src: image.picture, alt: image.caption[0] }));
  else add(figure, "div", image.hidden ? `Not shown: ${image.hidden}` : "Not shown", { className: "hidden" });
  if (image.before) {
    const before = add(element("pictures"), "figure", "");
    before.append(Object.assign(new Image(), { src: image.before, alt: "before redaction" }));
    add(before, "figcaption", "Before redaction");
  }
  const caption = add(figure, "figcaption", "");
  for (const line of image.caption) if (line) add(caption, "p", line);
  for (const entry of Object.values(last[id] ?? {}))
    add(caption, "p", `Decided: ${entry.decision} ${entry.value}`, { className: "decided" });
}

function showAnswers(image) {
  const box = element("answers");
  box.replaceChildren();
  const button = (text, key, decision, value) => {
    const made = add(box, "button", `${text} `, { disabled: !image.decisions.includes(decision) });
    add(made, "kbd", key.toUpperCase());
    made.addEventListener("click", () => decide(decision, value));
  };
  for (const [key, decision] of Object.entries(KEYS))
    if (decision !== "keep_pixels" || image.decisions.includes(decision)) button(WORDS[decision], key, decision, "");
  classes.forEach((name, number) => button(name, String(number + 1), "label", name));
}

function show() {
  const last = decided();
  const done = items.filter((item) => isDone(item, last)).length;
  const item = items[at];
  element("count").textContent = `${done} of ${items.length} answered`;
  document.querySelector("#progress progress").value = items.length ? done / items.length : 1;
  element("question").hidden = !item;
  element("done").hidden = !items.length || done < items.length;
  element("download").disabled = !state.log.length;
  if (!item) return;
  element("kind").textContent = `${at + 1}. ${item.title}`;
  element("why").textContent = item.why;
  element("pictures").replaceChildren();
  item.images.forEach((id, position) => showPicture(id, position, last));
  showAnswers(images[item.images[active]]);
}

function field(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; // a spreadsheet program would run it as a formula
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function asCsv() {
  const rows = Object.values(decided()).flatMap((subjects) => Object.values(subjects));
  const lines = rows.map((row) => [row.image, row.decision, row.value, state.who, row.when, row.why].map(field).join(","));
  return "\uFEFF" + ["image,decision,value,who,when,why", ...lines].join("\r\n") + "\r\n";
}

function download() {
  const who = element("who");
  who.required = true;
  if (!who.reportValidity()) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asCsv()], { type: "text/csv" }));
  link.download = CONTENT.file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function press(key) {
  const item = items[at];
  if (key === "s" || key === "arrowright") goTo(at + 1);
  else if (key === "arrowleft") goTo(at - 1);
  else if (key === "u") undo();
  else if (key === "x" && item) { active = (active + 1) % item.images.length; show(); }
  else if (key in KEYS) decide(KEYS[key]);
  else if (classes[Number(key) - 1]) decide("label", classes[Number(key) - 1]);
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (press(event.key.toLowerCase())) event.preventDefault();
});
document.querySelectorAll("[data-key]").forEach((button) =>
  button.addEventListener("click", () => press(button.dataset.key)));
element("download").addEventListener("click", download);
element("who").value = state.who;
element("who").addEventListener("input", (event) => { state.who = event.target.value.trim(); save(); });
goToOpen(0);
