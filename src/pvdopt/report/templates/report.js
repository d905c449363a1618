"use strict";
(() => {
  const told = document.getElementById("told");

  // Tables: a heading's button sorts by its column, numbers as numbers, what is missing last.
  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const read = (row) => {
        const cell = row.cells[column];
        const text = cell.dataset.key ?? cell.textContent.trim();
        const number = parseFloat(text.replace(/[−]/g, "-").replace(/[≈≥≤~<>=]|about|at least|at most/g, ""));
        return { text: text === "-" ? "" : text, number };
      };
      const compare = (a, b) => {
        if (!a.text || !b.text) return a.text ? -1 : b.text ? 1 : 0;
        const way = down ? -1 : 1;
        if (!Number.isNaN(a.number) && !Number.isNaN(b.number)) return way * (a.number - b.number);
        return way * a.text.localeCompare(b.text, "en");
      };
      const rows = [...body.rows].map((row) => ({ row, key: read(row) }));
      rows.sort((a, b) => compare(a.key, b.key));
      body.append(...rows.map((entry) => entry.row));
      told.textContent = `Sorted by ${heading.textContent.trim()}, ${down ? "descending" : "ascending"}`;
    }));
  }

  // Charts: what a point is, under the pointer, a finger or the arrow keys; legends hide and show their layer.
  for (const figure of document.querySelectorAll(".figure")) {
    const stage = figure.querySelector(".stage");
    const chart = figure.querySelector("svg.chart");
    const points = [...chart.querySelectorAll(".point")].map((element) => {
      const title = element.querySelector("title");
      const text = title.textContent;
      title.remove();
      return { element, text, x: Number(element.dataset.x), y: Number(element.dataset.y) };
    }).sort((a, b) => a.x - b.x || a.y - b.y);
    const tip = document.createElement("div");
    tip.className = "tip hidden";
    stage.append(tip);
    let current = -1;

    const isVisible = (point) => !point.element.parentNode.classList.contains("hidden");
    const hide = () => {
      if (current >= 0) points[current].element.classList.remove("shown");
      current = -1;
      tip.classList.add("hidden");
    };
    const show = (number, aloud) => {
      if (number === current) return;
      hide();
      current = number;
      const point = points[number];
      point.element.classList.add("shown");
      tip.textContent = point.text;
      tip.classList.remove("hidden");
      const scale = chart.clientWidth / chart.viewBox.baseVal.width;
      const left = Math.min(Math.max(point.x * scale - tip.offsetWidth / 2, 0), stage.clientWidth - tip.offsetWidth);
      const above = point.y * scale - tip.offsetHeight - 12;
      tip.style.left = `${left}px`;
      tip.style.top = `${above >= 0 ? above : point.y * scale + 14}px`;
      if (aloud) told.textContent = point.text;
    };
    const nearest = (event) => {
      const box = chart.getBoundingClientRect();
      const scale = chart.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale;
      const y = (event.clientY - box.top) * scale;
      let found = -1;
      let least = 22;
      points.forEach((point, number) => {
        const distance = Math.hypot(point.x - x, point.y - y);
        if (distance < least && isVisible(point)) [found, least] = [number, distance];
      });
      return found;
    };
    const follow = (event) => {
      const number = nearest(event);
      if (number >= 0) show(number, false);
      else hide();
    };
    stage.addEventListener("pointermove", follow);
    stage.addEventListener("pointerdown", follow);
    stage.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step || !points.some(isVisible)) return;
      event.preventDefault();
      let number = current < 0 && step < 0 ? points.length : current;
      do number = (number + step + points.length) % points.length; while (!isVisible(points[number]));
      show(number, true);
    });

    for (const button of figure.querySelectorAll(".legend button")) {
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(on));
        for (const layer of chart.querySelectorAll(`.layer[data-layer="${button.dataset.layer}"]`)) {
          layer.classList.toggle("hidden", !on);
        }
        hide();
      });
    }
  }
})();
