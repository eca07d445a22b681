"use strict";
// A click or Enter on a heading sorts its table; a second one turns the order round.
const value = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
};
const compare = (one, other) => {
  if (typeof one !== typeof other) return 0;
  return typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true });
};
document.addEventListener("click", (event) => {
  const heading = event.target.closest("thead th");
  if (!heading || !event.target.closest("button")) return;
  const table = heading.closest("table");
  const column = heading.cellIndex;
  const numeric = heading.classList.contains("number");
  const down = heading.getAttribute("aria-sort") === "none" ? numeric : heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  // What has no number comes last, whichever way the rest is sorted.
  const missing = (row) => numeric && typeof value(row, column) !== "number";
  rows.sort((one, other) => {
    if (missing(one) || missing(other)) return missing(one) - missing(other);
    return (down ? -1 : 1) * compare(value(one, column), value(other, column));
  });
  table.tBodies[0].append(...rows);
});
// On paper nothing can be unfolded.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
