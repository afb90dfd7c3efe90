"use strict";
// Sorting, finding and folding: the page can be read without any of it.
for (const part of document.querySelectorAll(".tools")) part.hidden = false;

const value = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.value);
};

for (const heading of document.querySelectorAll("th[data-sort]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...heading.childNodes);
  heading.append(button);
  button.addEventListener("click", () => {
    const downwards = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", downwards ? "descending" : "ascending");
    const body = heading.closest("table").tBodies[0];
    const rows = [...body.rows].sort((left, right) => {
      const [a, b] = [value(left, heading.cellIndex), value(right, heading.cellIndex)];
      return (a < b ? -1 : a > b ? 1 : 0) * (downwards ? -1 : 1);
    });
    body.append(...rows);
  });
}

const find = document.getElementById("find");
const drifting = document.getElementById("drifting");
const features = [...document.querySelectorAll("details.feature")];
const show = () => {
  const part = find.value.trim().toLowerCase();
  let count = 0;
  const rows = [...document.querySelectorAll(".overview tbody tr")];
  for (const row of rows) {
    const named = row.cells[1].textContent.toLowerCase().includes(part);
    const wanted = named && !(drifting.checked && row.dataset.status === "ok");
    row.classList.toggle("out", !wanted);
    const link = row.querySelector("a");
    if (link) document.getElementById(link.hash.slice(1)).classList.toggle("out", !wanted);
    count += wanted ? 1 : 0;
  }
  document.getElementById("found").textContent = part || drifting.checked ? `${count} of ${rows.length}` : "";
};
find.addEventListener("input", show);
drifting.addEventListener("change", show);

for (const [id, open] of [["unfold", true], ["fold", false]]) {
  document.getElementById(id).addEventListener("click", () => features.forEach((one) => { one.open = open; }));
}
const unfold = () => {
  const one = location.hash && document.getElementById(location.hash.slice(1));
  if (one && features.includes(one)) one.open = true;
};
addEventListener("hashchange", unfold);
unfold();
