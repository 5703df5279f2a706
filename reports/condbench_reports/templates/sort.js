// Sorting by a click: each heading becomes a button; values that are not there stay last in both directions.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const direction = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      const numeric = heading.classList.contains("figure");
      const rank = (row) => {
        const cell = row.cells[column];
        return numeric ? Number(cell.dataset.value ?? NaN) : cell.textContent.trim();
      };
      const compare = (a, b) => {
        if (!numeric) return direction * a.localeCompare(b);
        if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
        return direction * (a - b);
      };
      const rows = [...table.tBodies[0].rows];
      table.tBodies[0].append(...rows.sort((a, b) => compare(rank(a), rank(b))));
    });
  });
}
document.documentElement.classList.add("script");
