"use strict";
// The list of findings: filtered, searched, ordered, opened. Only what is opened is drawn, and a long list comes in pieces.

const PIECE = 100, LONG = 12;
const SHADES = ["high", "medium", "low"];
const FACETS = [
  { key: "confidence", title: "Confidence", name: (finding) => finding.confidence },
  { key: "code", title: "Rule", name: (finding) => `${finding.code} ${finding.name}` },
  { key: "folder", title: "Folder", name: (finding) => finding.folder },
];
const ORDERS = {
  place: (one, two) => one.number - two.number,
  confidence: (one, two) => SHADES.indexOf(one.confidence) - SHADES.indexOf(two.confidence) || one.number - two.number,
  rule: (one, two) => one.code.localeCompare(two.code) || one.number - two.number,
};

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const chosen = Object.fromEntries(FACETS.map((facet) => [facet.key, new Set()]));
let matching = [], shown = 0;

data.findings.forEach((finding, number) => {
  const cut = Math.max(finding.path.lastIndexOf("/"), finding.path.lastIndexOf("\\"));
  finding.number = number;
  finding.folder = cut < 0 ? "." : finding.path.slice(0, cut) || "/";
});

// What a finding is searched by; put together when it is first needed.
function words(finding) {
  finding.words ??= [finding.code, finding.name, `${finding.path}:${finding.line}`, finding.symbol, finding.message,
    finding.evidence, ...finding.source.map((row) => row.text)].join("\n").toLowerCase();
  return finding.words;
}

function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function facets() {
  for (const facet of FACETS) {
    const counts = new Map();
    for (const finding of data.findings) {
      const value = finding[facet.key], known = counts.get(value);
      if (known) known.count++;
      else counts.set(value, { count: 1, name: facet.name(finding) });
    }
    const most = Math.max(0, ...[...counts.values()].map((one) => one.count));
    const ordered = [...counts].sort((one, two) => facet.key === "confidence"
      ? SHADES.indexOf(one[0]) - SHADES.indexOf(two[0]) : two[1].count - one[1].count || one[0].localeCompare(two[0]));
    if (!ordered.length) continue;
    const choices = ordered.map(([value, one]) => choice(facet, value, one, most));
    const group = element("fieldset", {}, element("legend", {}, facet.title), ...choices);
    if (choices.length > LONG + 2) group.append(unfolding(choices));
    at("facets").append(group);
  }
}

// The button that shows the rest of a long list of choices.
function unfolding(choices) {
  const rest = choices.slice(LONG);
  rest.forEach((one) => { one.hidden = true; });
  const button = element("button", { class: "rest", type: "button" }, `${rest.length} more`);
  button.addEventListener("click", () => {
    rest.forEach((one) => { one.hidden = false; });
    button.remove();
    rest[0].querySelector("input").focus();
  });
  return button;
}

function choice(facet, value, one, most) {
  const box = element("input", { type: "checkbox", "data-facet": facet.key, value });
  box.addEventListener("change", () => {
    if (box.checked) chosen[facet.key].add(value);
    else chosen[facet.key].delete(value);
    filter();
  });
  return element("label", { class: "facet" }, box, element("span", { class: "name" }, one.name),
    element("span", { class: "number" }, String(one.count)),
    element("span", { class: "share", "aria-hidden": "true", style: `width:calc((100% - 2.35rem) * ${one.count / most})` }));
}

function filter() {
  const sought = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  matching = data.findings.filter((finding) =>
    FACETS.every((facet) => !chosen[facet.key].size || chosen[facet.key].has(finding[facet.key])) &&
    sought.every((word) => words(finding).includes(word))).sort(ORDERS[at("order").value]);
  const all = data.findings.length;
  at("count").textContent = matching.length === all ? counted(all, "finding") : `${matching.length} of ${counted(all, "finding")}`;
  at("clear").hidden = !sought.length && FACETS.every((facet) => !chosen[facet.key].size);
  at("list").replaceChildren();
  shown = 0;
  more();
}

function more() {
  const piece = matching.slice(shown, shown + PIECE);
  at("list").append(...piece.map(entry));
  shown += piece.length;
  const left = matching.length - shown;
  at("more").hidden = left === 0;
  at("more").textContent = `Show ${Math.min(left, PIECE)} more of ${left}`;
  if (!matching.length) {
    at("list").append(element("p", { class: "none" }, data.findings.length ? "No finding matches." : "No races were found."));
  }
}

function entry(finding) {
  const symbol = finding.symbol ? ` in ${finding.symbol}` : "";
  const button = element("button", { class: "open", type: "button", "aria-expanded": "false", "aria-controls": `d-${finding.id}` },
    element("span", { class: "head" },
      element("span", { class: "code" }, `${finding.code} ${finding.name}`),
      element("span", { class: `shade ${finding.confidence}` }, finding.confidence),
      element("span", { class: "place" }, `${finding.path}:${finding.line}${symbol}`)),
    element("span", { class: "message" }, ...prose(finding.message)));
  button.addEventListener("click", () => toggle(finding, button));
  return element("article", { id: finding.id, "aria-label": `${finding.code} ${finding.path}:${finding.line}` },
    element("h2", {}, button), element("div", { class: "details", id: `d-${finding.id}`, hidden: true }));
}

function toggle(finding, button, open = button.getAttribute("aria-expanded") !== "true") {
  const box = at(`d-${finding.id}`);
  button.setAttribute("aria-expanded", String(open));
  box.hidden = !open;
  if (!open) {
    box.replaceChildren();
    return;
  }
  box.replaceChildren(...details(finding, data.rules, box.clientWidth - 28));
  history.replaceState(null, "", address(finding));
}

// No id of an element: the browser would take the focus there by itself, after us.
function address(finding) {
  return `#finding=${finding.id}`;
}

// The finding that the address names: shown, whatever the filters say, and opened.
function follow() {
  const finding = data.findings.find((one) => address(one) === location.hash);
  if (!finding) return;
  if (!matching.includes(finding)) clear();
  while (!at(finding.id)) more();
  const button = at(finding.id).querySelector(".open");
  toggle(finding, button, true);
  button.focus();
  at(finding.id).scrollIntoView();
}

function clear() {
  at("search").value = "";
  for (const box of document.querySelectorAll("[data-facet]")) box.checked = false;
  for (const set of Object.values(chosen)) set.clear();
  filter();
}

function step(way) {
  const buttons = [...document.querySelectorAll(".open")];
  const here = buttons.findIndex((button) => button.closest("article").contains(document.activeElement));
  const next = buttons[here < 0 ? (way > 0 ? 0 : buttons.length - 1) : here + way];
  if (next) next.focus();
  else if (way > 0 && !at("more").hidden) {
    more();
    step(way);
  }
}

function redraw() {
  for (const button of document.querySelectorAll(".open[aria-expanded=true]")) {
    const article = button.closest("article"), finding = data.findings.find((one) => one.id === article.id);
    const old = article.querySelector(".timeline");
    if (old) old.replaceWith(timeline(finding.timeline, at(`d-${finding.id}`).clientWidth - 28, finding.id));
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input[type=search], select");
  if (event.key === "Escape" && event.target === at("search")) {
    at("search").value = "";
    filter();
  } else if (typing) return;
  else if (event.key === "/") {
    event.preventDefault();
    at("search").focus();
  } else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
});
at("search").addEventListener("input", filter);
at("order").addEventListener("change", filter);
at("clear").addEventListener("click", clear);
at("more").addEventListener("click", more);
window.addEventListener("hashchange", follow);
window.addEventListener("resize", redraw);

at("total").textContent = `${counted(data.findings.length, "finding")} in ${counted(data.summary.files, "file")}`;
for (const problem of data.summary.problems) {
  at("problems").append(element("p", { class: "problem" }, `${problem.path}:${problem.line}: ${problem.message}`));
}
if (window.matchMedia("(max-width: 55rem)").matches) at("filters").open = false;
facets();
filter();
follow();
