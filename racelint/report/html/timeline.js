"use strict";
// The timeline of a finding: two lanes, time downwards. Drawn for the width that there is.

const CELL = 7.9, ROW = 19, EDGE = 12, NUMBER = 44;

// The text on lines of at most so many characters, broken at blanks, or before what joins names; what does not fit is cut.
function folded(text, columns, most) {
  const lines = [];
  let rest = text;
  while (rest.length > columns && lines.length < most - 1) {
    let end = columns;
    while (end > columns / 2 && !/[\s.,([=]/.test(rest[end])) end--;
    if (end <= columns / 2) end = columns;
    lines.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  lines.push(rest.length > columns ? rest.slice(0, columns - 1) + "\u2026" : rest);
  return lines;
}

// A dotted name in so many characters: its end tells more than its beginning.
function ending(name, columns) {
  return name.length > columns ? "\u2026" + name.slice(1 - columns) : name;
}

function spoken(picture) {
  const steps = picture.rows.map((row) => {
    const where = row.line === null ? "" : `, line ${row.line}`;
    return `${picture.lanes[row.lane].title}${where}: ${row.says}`;
  });
  return [...steps, picture.outcome].join(". ");
}

function timeline(picture, width, id) {
  width = Math.max(width, 300);
  const lane = Math.min((width - NUMBER - EDGE) / 2, 460);
  const columns = Math.max(Math.floor((lane - 26) / CELL), 10);
  const rails = [NUMBER, NUMBER + lane];
  const parts = [];
  let y = EDGE + 12;
  picture.lanes.forEach((one, number) => {
    parts.push(drawn("text", { x: rails[number], y, class: `title title${number}` }, one.title));
    parts.push(drawn("text", { x: rails[number], y: y + ROW, class: "symbol" }, ending(one.symbol, columns + 1)));
  });
  y += 2 * ROW;
  const top = y - 8;
  picture.rows.forEach((row, number) => {
    const rail = rails[row.lane];
    const before = picture.rows[number - 1], after = picture.rows[number + 1];
    if (before && before.lane !== row.lane) {
      // Where nothing stands in the code at which the other one goes on, what is said of it stands on the arrow.
      if (silent(before) && number > 1) {
        parts.push(drawn("text", { x: (rails[0] + rails[1]) / 2, y, class: "note", "text-anchor": "middle" }, before.says));
        y += 10;
      }
      parts.push(...crossing(rails[before.lane], rail, y - 4));
      y += ROW;
    }
    if (silent(row) && number > 0 && after && after.lane !== row.lane) return;
    const start = y;
    if (row.line !== null) parts.push(drawn("text", { x: NUMBER - 14, y, class: "number", "text-anchor": "end" }, String(row.line)));
    for (const line of row.text ? folded(row.text, columns, 3) : []) {
      parts.push(drawn("text", { x: rail + 14, y }, line));
      y += ROW;
    }
    for (const line of folded((row.wrong ? "\u2717 " : "") + row.says, columns, 4)) {
      parts.push(drawn("text", { x: rail + 14, y, class: row.wrong ? "wrong" : "note" }, line));
      y += ROW;
    }
    parts.push(drawn("circle", { cx: rail, cy: start - 4, r: 5, class: row.wrong ? "dotx" : `dot${row.lane}` }));
    y += 6;
  });
  const height = y + 2;
  const lines = rails.map((x, number) =>
    drawn("line", { x1: x, x2: x, y1: top - 6, y2: height - 12, "stroke-width": 2, class: `lane${number}` }));
  const full = Math.ceil(NUMBER + 2 * lane + EDGE);
  return drawn("svg", {
    class: "timeline", viewBox: `0 0 ${full} ${height}`, role: "img", "aria-labelledby": `${id}-title ${id}-text`,
    style: `max-width:${full}px`,
  },
  drawn("title", { id: `${id}-title` }, "Timeline of the race"), drawn("desc", { id: `${id}-text` }, spoken(picture)),
  ...lines, ...parts);
}

function silent(row) {
  return row.switch && row.line === null && row.text === "";
}

function crossing(from, to, y) {
  const way = to > from ? 1 : -1;
  return [
    drawn("path", { d: `M${from + 7 * way} ${y} H${to - 12 * way}`, class: "cross" }),
    drawn("path", { d: `M${to - 6 * way} ${y} l${-8 * way} -4 v8 z`, class: "tip" }),
  ];
}
