// A click on a column title sorts the rows above the rule: numbers descending, then ascending, then the original order.
// Missing values stay last. Without this script the tables are complete, in the original order.
"use strict";
const SECONDS = { h: 3600, min: 60, s: 1 };

function textOf(row, column) {
  let at = 0;
  for (const cell of row.cells) {
    at += cell.colSpan;
    if (at > column) return cell.cloneNode(true);
  }
  return null;
}

function valueOf(row, column) {
  const cell = textOf(row, column);
  if (!cell || cell.matches(".reason, .status")) return null;
  cell.querySelectorAll("small").forEach((small) => small.remove());
  const text = cell.textContent.trim().replaceAll("−", "-").replaceAll(",", "").replace(/^[<=] /, "");
  const times = [...text.matchAll(/([\d.]+) (h|min|s)\b/g)];
  if (times.length) return times.reduce((sum, [, number, unit]) => sum + Number(number) * SECONDS[unit], 0);
  const number = text.match(/^[-+]?\d*\.?\d+/);
  return number ? Number(number[0]) : text === "–" || text === "" ? null : text;
}

function sort(body, rows, column, direction) {
  const known = rows.map((row) => [valueOf(row, column), row]).filter(([value]) => value !== null);
  const compare = ([a], [b]) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  known.sort((one, other) => direction * compare(one, other));
  const sorted = known.map(([, row]) => row);
  body.append(...sorted, ...rows.filter((row) => !sorted.includes(row)));
}

for (const table of document.querySelectorAll("figure.table table")) {
  const heads = [...table.tHead.rows].at(-1).cells, body = table.tBodies[0], rows = [...body.rows];
  if (rows.length < 3) continue;
  [...heads].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    const first = head.classList.contains("number") ? "descending" : "ascending";
    const second = first === "descending" ? "ascending" : "descending";
    button.addEventListener("click", () => {
      const next = { [first]: second, [second]: "none" }[head.ariaSort] ?? first;
      for (const other of heads) other.ariaSort = null;
      if (next === "none") return body.append(...rows);
      head.ariaSort = next;
      sort(body, rows, column, next === "ascending" ? 1 : -1);
    });
  });
}
