"use strict";
// The questions of all runs: filters, a list, and one question in full. The data stand in the page as JSON.
const data = JSON.parse(document.getElementById("data").textContent);
const all = data.runs.flatMap((run, n) => run.cases.map((item) => ({ ...item, run: n })));
const at = (name) => document.getElementById(name);
const PAGE = 100;
let shown = PAGE, current = null;

function make(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function outcome(item) {
  const paths = Object.keys(item.answers);
  const right = paths.filter((path) => item.answers[path].correct);
  if (paths.length < 2) return right.length ? "right" : "wrong";
  return right.length === 2 ? "both" : right.length === 0 ? "neither" : right[0] + " only";
}

function fill(select, values, all) {
  select.append(new Option(all, ""));
  for (const value of [...new Set(values)].sort()) select.append(new Option(value, value));
}

function matches(item) {
  const text = at("find").value.toLowerCase();
  return (at("run").value === "" || data.runs[item.run].name === at("run").value)
    && (at("part").value === "" || item.part === at("part").value)
    && (at("outcome").value === "" || outcome(item) === at("outcome").value)
    && (!text || (item.question + " " + item.sample + " " + item.task + " " + item.video).toLowerCase().includes(text));
}

function list() {
  const found = all.filter(matches);
  at("count").textContent = `${found.length} of ${all.length} questions in this page`;
  const rows = found.slice(0, shown).map((item) => {
    const button = make("button");
    for (const [path, answer] of Object.entries(item.answers)) {
      button.append(make("span", `${path} ${answer.correct ? "✓" : "✗"} `, answer.correct ? "right" : "wrong"));
    }
    button.append(item.question, document.createElement("br"));
    const run = data.runs.length > 1 ? `${data.runs[item.run].name} · ` : "";
    button.append(make("small", `${run}${item.part} · ${item.task} · ${item.video} at ${item.t} s`));
    button.setAttribute("aria-current", String(item === current));
    button.onclick = () => { current = item; list(); detail(item); };
    const row = make("li");
    row.append(button);
    return row;
  });
  at("list").replaceChildren(...rows);
  if (found.length > shown) {
    const more = make("button", `show ${Math.min(PAGE, found.length - shown)} more`);
    more.onclick = () => { shown += PAGE; list(); };
    at("list").append(more);
  }
}

function facts(pairs) {
  const node = make("dl");
  for (const [name, value] of pairs) {
    if (value === null || value === undefined || value === "") continue;
    node.append(make("dt", name), make("dd", value));
  }
  return node;
}

function seconds(value) {
  return value === null || value === undefined ? null : `${Number(value.toPrecision(3))} s`;
}

function timeline(item) {
  const end = Math.max(item.duration || 0, item.t, 1), x = (t) => 8 + 584 * Math.min(t, end) / end;
  const mark = (t, y, color, title, w = 3) => `<rect x="${x(t) - w / 2}" y="${y}" width="${w}" height="10" fill="var(--${color})"><title>${title}</title></rect>`;
  let svg = `<svg viewBox="0 0 600 74" role="img"><line class="grid" x1="8" x2="592" y1="60" y2="60"/>`;
  for (const [a, b] of item.evidence) {
    svg += `<rect x="${x(a)}" y="4" width="${Math.max(2, x(b) - x(a))}" height="8" fill="var(--system)"><title>evidence ${a} to ${b} s</title></rect>`;
  }
  Object.entries(item.answers).forEach(([path, answer], row) => {
    const y = 18 + row * 18;
    for (const [, t] of answer.frames || []) svg += mark(t, y, path, `${path}: frame at ${t} s`);
    for (const [, t] of answer.notes || []) svg += mark(t, y + 3, "blind", `${path}: note about ${t} s`, 2);
    for (const [t] of answer.said || []) if (t !== null) svg += mark(t, y, "good", `${path} spoke at ${t} s`, 2);
  });
  svg += `<line x1="${x(item.t)}" x2="${x(item.t)}" y1="0" y2="60" stroke="var(--ink)"/>`;
  svg += `<text class="tick" x="8" y="72">0 s</text><text class="tick" x="592" y="72" text-anchor="end">${end} s</text></svg>`;
  const node = make("div");
  node.innerHTML = svg; // numbers only
  node.append(legend(item));
  return node;
}

// What the marks on the line of time are; only those that are there.
function legend(item) {
  const answers = Object.entries(item.answers), some = (name) => answers.some(([, answer]) => (answer[name] || []).length);
  const marks = [["ask", "ink"], ...(item.evidence.length ? [["evidence", "system"]] : []),
    ...answers.filter(([, answer]) => (answer.frames || []).length).map(([path]) => [`frames of ${path}`, path]),
    ...(some("notes") ? [["notes", "blind"]] : []), ...(some("said") ? [["spoke", "good"]] : [])];
  const node = make("p", null, "legend");
  for (const [name, color] of marks) {
    const swatch = make("span");
    swatch.style.background = `var(--${color})`;
    node.append(swatch, name);
  }
  return node;
}

function answerOf(item, path, answer) {
  const node = make("section");
  node.append(make("h3", `${path}: ${answer.parsed ?? answer.status} ${answer.correct ? "✓" : "✗"}`, answer.correct ? "right" : "wrong"));
  const probs = Object.entries(answer.probs || {}).map(([label, p]) => `${label} ${p}`).join(", ");
  const stages = Object.entries(answer.stages || {}).map(([name, s]) => `${name} ${seconds(s)}`).join(", ");
  const route = [answer.route, answer.reason, answer.score ?? null].filter((x) => x !== null && x !== "" && x !== undefined).join(" · ");
  const said = (answer.said || []).map(([t, text]) => `${t} s ${text}`).join("; ");
  node.append(facts([
    ["said", answer.raw], ["over time", said], ["read by", answer.rung], ["error", answer.error], ["confidence", answer.confidence],
    ["by label", probs], ["route", route], ["latency", seconds(answer.latency)], ["stages", stages], ["note", answer.partial],
  ]));
  if (answer.compact) node.append(make("p", "A compact record: frames and notes were not kept."));
  if (answer.frames && answer.frames.length) {
    const strip = make("div", null, "frames");
    for (const [index, t] of answer.frames) {
      const figure = make("figure"), source = (data.frames[item.uri] || {})[index];
      if (source) {
        const image = make("img");
        image.src = "data:image/jpeg;base64," + source;
        image.alt = `frame ${index}`;
        figure.append(image);
      }
      figure.append(make("figcaption", `${t} s`));
      strip.append(figure);
    }
    node.append(make("p", `${answer.frames.length} frames in view`), strip);
  }
  if (answer.notes && answer.notes.length) {
    node.append(make("p", `${answer.notes.length} notes from memory`));
    node.append(facts(answer.notes.map(([a, b, text]) => [a === b ? `${a} s` : `${a}–${b} s`, text])));
  }
  return node;
}

function detail(item) {
  const node = at("detail");
  node.replaceChildren(make("h3", item.question));
  node.append(make("p", `${item.part} · ${item.task}${item.slice ? " · " + item.slice : ""} · ${item.video} at ${item.t} s · ${item.sample}, turn ${item.turn}, probe ${item.probe}`));
  const options = make("ul", null, "options");
  for (const [key, text] of item.options) options.append(make("li", `${key}  ${text}`, key === item.gold ? "gold" : ""));
  node.append(options, facts([["gold", String(item.gold ?? "–")], ["blind and right", item.blind.join(", ")]]), timeline(item));
  for (const [path, answer] of Object.entries(item.answers)) node.append(answerOf(item, path, answer));
}

fill(at("run"), data.runs.map((run) => run.name), "all runs");
fill(at("part"), all.map((item) => item.part), "all parts");
fill(at("outcome"), all.map(outcome), "all outcomes");
for (const name of ["run", "part", "outcome", "find"]) at(name).oninput = () => { shown = PAGE; list(); };
at("run").hidden = data.runs.length < 2;
list();
if (all.length) { current = all[0]; list(); detail(all[0]); }
