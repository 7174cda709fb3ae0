"use strict";
const search = document.getElementById("search");
const order = document.getElementById("order");
const found = document.getElementById("found");
const lists = [...document.querySelectorAll(".words")];
const words = [...document.querySelectorAll(".words details")];

function filter() {
  const wanted = search.value.trim().toLowerCase();
  let shown = 0;
  for (const word of words) {
    word.hidden = !word.querySelector(".word").textContent.toLowerCase().includes(wanted);
    shown += !word.hidden;
  }
  found.textContent = wanted ? `${shown} found` : "";
}

function sort() {
  const key = order.value;
  for (const list of lists) {
    const of_list = [...list.querySelectorAll("details")];
    of_list.sort((one, other) => other.dataset[key] - one.dataset[key]);
    list.append(...of_list);
  }
}

search.addEventListener("input", filter);
order.addEventListener("change", sort);
document.querySelector(".controls").hidden = false;
filter();
