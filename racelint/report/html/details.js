"use strict";
// What is shown of a finding when it is opened.

const FIXES = {
  safe: "`racelint --fix` does it.",
  unsafe: "`racelint --fix --unsafe-fixes` does it; have a look at it.",
  manual: "",
};

function details(finding, rules, width) {
  const parts = [];
  if (finding.source.length) parts.push(heading("The code"), source(finding.source, finding.path));
  if (finding.timeline) {
    parts.push(heading("How it goes wrong"), timeline(finding.timeline, width, finding.id),
      element("p", { class: "outcome" }, "\u2717 ", ...prose(finding.timeline.outcome)));
  }
  if (finding.harm) parts.push(heading("Harm"), element("p", {}, ...prose(finding.harm)));
  if (finding.evidence) parts.push(heading("Evidence"), element("p", {}, ...prose(finding.evidence)));
  if (finding.fix) parts.push(...fix(finding.fix));
  const rule = rules[finding.code];
  if (rule && rule.text) {
    parts.push(element("details", { class: "rule" },
      element("summary", {}, `The rule ${finding.code} ${finding.name}`), ...documentation(rule.text)));
  }
  return parts;
}

function heading(text) {
  return element("h3", {}, text);
}

function source(rows, path) {
  const body = element("tbody");
  let last = null;
  for (const row of rows) {
    if (last !== null && row.line > last + 1) {
      body.append(element("tr", { class: "gap" }, element("td", { class: "number" }, "\u22ee"), element("td")));
    }
    last = row.line;
    body.append(element("tr", {}, element("td", { class: "number" }, String(row.line)), element("td", {}, ...marked(row))));
    for (const [start, , role, label] of row.marks) {
      if (label) {
        body.append(element("tr", {}, element("td", { class: "number" }),
          element("td", {}, " ".repeat(start), element("span", { class: `says ${role}` }, "\u2191 " + label))));
      }
    }
  }
  // A region that scrolls can be reached by the keyboard.
  return element("div", { class: "source", tabindex: 0, role: "region", "aria-label": `Source of ${path}` },
    element("table", { role: "presentation" }, body));
}

// The text of a line in pieces; where places overlap, the shortest one is shown.
function marked(row) {
  const owner = new Array(row.text.length).fill(null);
  for (const mark of [...row.marks].sort((one, two) => (two[1] - two[0]) - (one[1] - one[0]))) {
    owner.fill(mark, mark[0], mark[1]);
  }
  const pieces = [];
  for (let start = 0, end = 1; start < row.text.length; start = end++) {
    while (end < row.text.length && owner[end] === owner[start]) end++;
    const text = row.text.slice(start, end);
    pieces.push(owner[start] ? element("mark", { class: owner[start][2] }, text) : text);
  }
  return pieces.length ? pieces : ["\n"];
}

function fix(one) {
  const parts = [heading("Write instead"), element("p", {}, ...prose(one.title + (one.title.endsWith(".") ? "" : ".")), " ",
    ...prose(FIXES[one.applicability]))];
  if (one.diff.length) {
    const kinds = { "+": "plus", "-": "minus", "@": "hunk" };
    parts.push(element("pre", { class: "diff", tabindex: 0, "aria-label": "The fix as a diff" },
      ...one.diff.map((row) => element("span", { class: kinds[row[0]] || "same" }, row === "" ? " " : row))));
  }
  return parts;
}

// Headings, paragraphs and fenced code: what the documentation of rules is made of.
function documentation(text) {
  const parts = [];
  let paragraph = [], block = null;
  const flush = () => {
    if (paragraph.length) parts.push(element("p", {}, ...prose(paragraph.join(" "))));
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) {
      flush();
      if (block !== null) parts.push(element("pre", { tabindex: 0, "aria-label": "Example" }, block.join("\n")));
      block = block === null ? [] : null;
    } else if (block !== null) block.push(line);
    else if (line.startsWith("#")) {
      flush();
      parts.push(element("h4", {}, line.replace(/^#+ /, "")));
    } else if (line.trim()) paragraph.push(line.trim());
    else flush();
  }
  flush();
  return parts;
}
