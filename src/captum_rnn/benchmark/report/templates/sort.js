"use strict";

function valueOf(row, column) {
  const cell = row.cells[column];
  if (cell === undefined) return null;
  if (column === 0) return cell.textContent.toLowerCase();
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

function compare(one, other, sign) {
  // Methods without a value stand last, whatever the direction.
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one === "string") return sign * one.localeCompare(other);
  return sign * (one - other);
}

function sort(table, heading, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  const column = heading.cellIndex;
  const body = table.tBodies[0];
  const failed = (row) => row.querySelector(".failed") !== null;
  const rows = [...body.rows].sort((one, other) =>
    failed(one) - failed(other)
      || compare(valueOf(one, column), valueOf(other, column), sign));
  body.append(...rows);
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
}

const opposite = { ascending: "descending", descending: "ascending" };
for (const button of document.querySelectorAll("table.sortable thead button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const now = heading.getAttribute("aria-sort");
    sort(button.closest("table"), heading, now ? opposite[now] : button.dataset.first);
  });
}
