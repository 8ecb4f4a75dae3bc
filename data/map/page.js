"use strict";
// The map's page. `D` is what data/map/contents.py wrote; `state` is what the reader has chosen. One run is shown as it
// was played; of two runs, the second less the first.

const $ = id => document.getElementById(id);
const MEASURES = {
  packages: {title: "packages", unit: "packages"},
  trucks: {title: "trucks", unit: "trucks"},
  usd: {title: "linehaul cost", unit: ""}, // D.money
};
const SITE_KINDS = {fc: ["■", "fulfillment centers"], sc: ["▲", "sort centers"], station: ["●", "delivery stations"]};
const WIDEST = 7, THINNEST = 0.6, MOST_WIDE = 40; // pixels, pixels, lanes of full width
const NEAR = 6, SHIFT = 6; // units of the map, pixels
const HOURS_A_SECOND = 2, STEPS = 14; // while playing; pieces of a lane's curve
const LESS = [33, 102, 172], MORE = [178, 24, 43], MUTED = [104, 113, 123], INK = [29, 35, 41];

const state = {tick: -1, playing: false, measure: "packages", laneColour: "region", siteColour: "region", least: 0,
  kinds: new Set(), modes: new Set(), siteKinds: new Set(Object.keys(SITE_KINDS)), regions: new Set(), day: "all",
  from: 0, to: 23};
let D, T, two, last, board, chosen = [], lanes = [], view;

// ------------------------------------------------------------------------------------------------------- numbers

const number = (value, digits = 0) =>
  value.toLocaleString("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits});
const signed = (value, digits = 0) => (value > 0 ? "+" : value < 0 ? "−" : "") + number(Math.abs(value), digits);
const share = value => Number.isFinite(value) ? number(100 * value, 1) + " %" : "–";
const escape = text => String(text).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
const digitsOf = measure => measure === "usd" ? 2 : 0;

// Ticks that count: the one of the clock, or all that the choice of day and hours leaves.
function ticks() {
  if (state.tick >= 0) return [Math.min(Math.floor(state.tick), T - 1)];
  const found = [];
  D.ticks.forEach((tick, t) => {
    const inside = state.from <= state.to ? tick.hour >= state.from && tick.hour <= state.to
      : tick.hour >= state.from || tick.hour <= state.to;
    if (inside && (state.day === "all" || tick.day === state.day)) found.push(t);
  });
  return found;
}

function sum(values, row, over) {
  let total = 0;
  for (const t of over) total += values[row * T + t];
  return total;
}

const fillOf = (lane, run) => lane.packages[run] / (lane.trucks[run] * D.lanes.truck_packages[lane.i]);
const costOf = (lane, run) => lane.usd[run] / lane.packages[run];

function inRegions(lane) {
  const table = D.lanes, home = D.sites.region;
  return state.regions.has(home[table.from[lane]]) || state.regions.has(home[table.to[lane]]);
}

// Numbers of the lanes that the choice of kinds, modes and regions leaves.
const chosenNumbers = () => D.lanes.name.flatMap((_, i) =>
  state.kinds.has(D.lanes.kind[i]) && state.modes.has(D.lanes.mode[i]) && inRegions(i) ? [i] : []);

// Those lanes with what they carried in the ticks that count, the busiest last; hour by hour also lanes that carry trucks
// of earlier hours alone.
function chosenLanes(over, busy) {
  const found = [];
  for (const i of chosenNumbers()) {
    const lane = {i};
    for (const name in MEASURES) lane[name] = D.flows.map(flow => sum(flow[name], i, over));
    if (!lane.trucks.some(Boolean) && !busy.has(i)) continue;
    const own = lane[state.measure];
    lane.value = two ? own[1] - own[0] : own[0];
    if (Math.abs(lane.value) >= state.least) found.push(lane);
  }
  return found.sort((a, b) => Math.abs(a.value) - Math.abs(b.value));
}

// From this value on a lane has its full width: some short lanes carry so much that all others would look alike.
function fullWidth(rows) {
  if (!rows.length) return 1;
  const place = Math.max(0.95, 1 - MOST_WIDE / rows.length) * (rows.length - 1);
  return Math.max(1e-9, Math.abs(rows[Math.ceil(place)].value));
}

// ------------------------------------------------------------------------------------------------------- colours

const rgb = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
const blend = (a, b, part) => a.map((value, i) => Math.round(value + (b[i] - value) * part));

function rampColour(part) {
  if (!Number.isFinite(part)) return MUTED;
  const ramp = D.colours.rgb, at = Math.max(0, Math.min(1, part)) * (ramp.length - 1), low = Math.floor(at);
  return blend(ramp[low], ramp[Math.min(low + 1, ramp.length - 1)], at - low);
}

// Cost per package from the cheapest lanes to those of the 95th percentile, on the same scale as fill.
function costScale(rows) {
  const costs = rows.map(lane => costOf(lane, last)).filter(Number.isFinite).sort((a, b) => a - b);
  return costs.length ? costs[Math.floor(0.95 * (costs.length - 1))] || 1 : 1;
}

function laneColour(lane) {
  if (two) return lane.value > 0 ? MORE : LESS;
  if (state.laneColour === "fill") return rampColour(fillOf(lane, 0));
  if (state.laneColour === "cost") return rampColour(costOf(lane, 0) / view.highest);
  if (state.laneColour === "kind") return D.kinds[D.lanes.kind[lane.i]].rgb;
  const home = D.sites.region, from = home[D.lanes.from[lane.i]];
  return from === home[D.lanes.to[lane.i]] ? D.regions[from].rgb : D.colours.betweenRgb;
}

function siteColour(site) {
  if (state.siteColour === "use" && D.sites.kind[site] !== "station") return rampColour(useOf(site, last));
  const own = D.regions[D.sites.region[site]].rgb;
  return D.sites.kind[site] === "sc" ? blend(own, [0, 0, 0], 0.4) : own;
}

const useOf = (site, run) => sum(D.work[run].done, site, view.over) / sum(D.work[run].most, site, view.over);

// ---------------------------------------------------------------------------------------------------- where it is

// A point of a lane's curve: 0 at the origin, 1 at the destination.
function along(lane, t) {
  const {from, to, x, y} = D.lanes, s = D.sites, a = from[lane], b = to[lane], u = 1 - t;
  return [u * u * s.x[a] + 2 * u * t * x[lane] + t * t * s.x[b], u * u * s.y[a] + 2 * u * t * y[lane] + t * t * s.y[b]];
}

function curve(lane) {
  const points = [];
  for (let k = 0; k <= STEPS; k++) points.push(along(lane, k / STEPS));
  return points;
}

// Trucks on the road at a moment that left in the hours of this page, those of one lane and tick as one dot.
function trucksAt(moment) {
  const found = [], now = Math.min(Math.floor(moment), T - 1);
  for (const i of view.numbers) {
    const transit = Math.max(1, Math.round(D.lanes.transit_hours[i] / D.tick_hours));
    for (let t = Math.max(0, now - transit + 1); t <= now; t++) {
      const count = D.flows[0].trucks[i * T + t];
      if (count) found.push({lane: i, count, left: t, position: along(i, Math.min(1, (moment - t) / transit))});
    }
  }
  return found;
}

// -------------------------------------------------------------------------------------------------------- tooltips

function line(name, values, digits, unit) {
  if (!two) return `<tr><td>${name}</td><td>${number(values[0], digits)} ${unit}</td></tr>`;
  const change = signed(values[1] - values[0], digits);
  return `<tr><td>${name}</td><td>${number(values[0], digits)} → ${number(values[1], digits)} ${unit} (${change})</td></tr>`;
}

const shares = (name, values) => `<tr><td>${name}</td><td>${values.map(share).join(" → ")}</td></tr>`;
const only = runs => !two || (runs[0] && runs[1]) ? "" : runs[1] ? "<br>new: after the change only" : "<br>gone: before the change only";

function laneTip(lane) {
  const table = D.lanes, i = lane.i, runs = D.flows.map((_, run) => run);
  const per = runs.map(run => costOf(lane, run)).map(value => Number.isFinite(value) ? number(value, 3) : "–").join(" → ");
  return `<b>${escape(table.name[i])}</b><br>${escape(D.kinds[table.kind[i]].title)}, by ${escape(table.mode[i])}; ` +
    `sent by ${escape(D.regions[table.region[i]].name)}; ${number(table.miles[i])} miles, ` +
    `${number(table.transit_hours[i], 1)} hours, trucks of ${number(table.truck_packages[i])}${only(table.runs.map(own => own[i]))}<table>` +
    line("packages", lane.packages, 0, "") + line("trucks", lane.trucks, 0, "") +
    shares("truck fill", runs.map(run => fillOf(lane, run))) +
    line("linehaul cost", lane.usd, 2, escape(D.money)) + `<tr><td>cost a package</td><td>${per} ${escape(D.money)}</td></tr></table>` + whenText();
}

function siteTip(site) {
  const s = D.sites, kind = s.kind[site], runs = D.work.map((_, run) => run);
  let rows = "";
  if (kind === "station") {
    const into = D.flows.map(flow => flowInto(flow.packages, site));
    rows = `<tr><td>people</td><td>${number(s.people[site])}</td></tr>` + line("packages on their way here", into, 0, "");
  } else {
    const work = kind === "fc" ? "lines picked" : "packages sorted";
    rows = line(work, runs.map(run => sum(D.work[run].done, site, view.over)), 0, "") +
      line("capacity", runs.map(run => sum(D.work[run].most, site, view.over)), 0, "") +
      shares("capacity in use", runs.map(run => useOf(site, run)));
  }
  return `<b>${escape(s.name[site])}</b><br>${SITE_KINDS[kind][1].slice(0, -1)}, ${escape(D.regions[s.region[site]].name)}` +
    `<br>latitude ${s.latitude[site]}°, longitude ${s.longitude[site]}°${only(s.runs.map(own => own[site]))}` +
    `<table>${rows}</table>` + whenText();
}

function flowInto(packages, site) {
  let total = 0;
  D.lanes.to.forEach((to, lane) => { if (to === site) total += sum(packages, lane, view.over); });
  return total;
}

const whenText = () => `<span>${escape(when())}</span>`;
const truckTip = truck => `<b>${number(truck.count)} truck${truck.count > 1 ? "s" : ""}</b> on ${escape(D.lanes.name[truck.lane])}` +
  `<br>left ${escape(D.ticks[truck.left].label)}`;

function tooltip({object, layer}) {
  if (object === undefined || object === null || !layer) return null;
  const text = {lanes: laneTip, trucks: truckTip, stations: siteTip, centers: siteTip}[layer.id];
  return text ? {html: text(object)} : null;
}

function when() {
  if (state.tick >= 0) return D.ticks[view.over[0]].label;
  const days = state.day === "all" ? `${D.days.length} day${D.days.length > 1 ? "s" : ""}` : state.day;
  const hours = state.from === 0 && state.to === 23 ? "all hours" : `${state.from}:00 to ${state.to}:59`;
  return `${days}, ${hours}`;
}

// ---------------------------------------------------------------------------------------------------------- layers

function marks() { // a square and a triangle, for sites that are no circles
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  canvas.width = 128; canvas.height = 64;
  pen.fillStyle = "white";
  pen.fillRect(6, 6, 52, 52);
  pen.beginPath(); pen.moveTo(96, 4); pen.lineTo(124, 58); pen.lineTo(68, 58); pen.fill();
  return canvas;
}

const ATLAS = {image: marks(), mapping: {fc: {x: 0, y: 0, width: 64, height: 64, mask: true},
  sc: {x: 64, y: 0, width: 64, height: 64, mask: true}}};

// How far an FC goes left and a sort center right, in pixels, where one would hide the other.
function shifts() {
  const s = D.sites, found = s.name.map(() => 0), of = kind => s.kind.flatMap((own, i) => own === kind ? [i] : []);
  for (const fc of of("fc")) {
    for (const sc of of("sc")) {
      if (Math.hypot(s.x[fc] - s.x[sc], s.y[fc] - s.y[sc]) < NEAR) { found[fc] = -SHIFT; found[sc] = SHIFT; }
    }
  }
  return found;
}

function groundLayers() {
  return [
    new deck.SolidPolygonLayer({id: "land", data: D.land, getPolygon: land => land.ring, getFillColor: land => rgb(land.tint)}),
    new deck.PathLayer({id: "borders", data: D.borders, getPath: path => path, getColor: [180, 186, 193], getWidth: 0.9,
      widthUnits: "pixels"}),
  ];
}

function laneLayer() {
  const full = fullWidth(lanes), crowd = Math.min(1, 800 / Math.max(lanes.length, 1));
  const part = lane => Math.sqrt(Math.min(1, Math.abs(lane.value) / full));
  return new deck.PathLayer({id: "lanes", data: lanes, pickable: true, autoHighlight: true, widthUnits: "pixels",
    capRounded: true, highlightColor: [255, 215, 0, 230], getPath: lane => D.curves[lane.i],
    getWidth: lane => crowd * THINNEST + (WIDEST - THINNEST) * part(lane),
    getColor: lane => [...laneColour(lane), 255 * Math.min(1, 0.25 * crowd + 0.15 + 0.6 * part(lane))]});
}

function truckLayer() {
  const trucks = byTheHour() ? trucksAt(state.tick) : [];
  const size = Math.max(0.45, Math.min(1, Math.sqrt(400 / Math.max(trucks.length, 1))));
  return new deck.ScatterplotLayer({id: "trucks", data: trucks, pickable: true, radiusUnits: "pixels", stroked: true,
    lineWidthUnits: "pixels", getLineWidth: 0.7, getLineColor: [255, 255, 255], getFillColor: INK,
    getPosition: truck => truck.position, getRadius: truck => size * Math.min(7, 2.6 + Math.sqrt(truck.count) - 1)});
}

function siteLayers() {
  const s = D.sites, shown = s.name.map((_, i) => i).filter(i => state.siteKinds.has(s.kind[i]));
  const crowd = Math.min(1, Math.sqrt(150 / s.name.length)), most = Math.max(1, ...s.people);
  const gone = i => two && !s.runs[1][i], fresh = i => two && !s.runs[0][i];
  const alpha = i => gone(i) ? 70 : 255;
  const edge = i => gone(i) ? LESS : fresh(i) ? MORE : [255, 255, 255];
  const at = i => [s.x[i], s.y[i]], trigger = [state.siteColour, view.over];
  return [
    new deck.ScatterplotLayer({id: "stations", data: shown.filter(i => s.kind[i] === "station"), pickable: true,
      radiusUnits: "pixels", stroked: true, lineWidthUnits: "pixels", getLineWidth: i => gone(i) || fresh(i) ? 2.5 : 0.8,
      getLineColor: edge, getPosition: at, getFillColor: i => [...siteColour(i), gone(i) ? 60 : 130],
      getRadius: i => crowd * (3 + 7 * Math.sqrt(s.people[i] / most)), updateTriggers: {getFillColor: trigger}}),
    new deck.ScatterplotLayer({id: "changed", data: shown.filter(i => s.kind[i] !== "station" && (gone(i) || fresh(i))),
      radiusUnits: "pixels", filled: false, stroked: true, lineWidthUnits: "pixels", getLineWidth: 2.5, getLineColor: edge,
      getPosition: at, getRadius: 13}),
    new deck.IconLayer({id: "centers", data: shown.filter(i => s.kind[i] !== "station"), pickable: true,
      iconAtlas: ATLAS.image, iconMapping: ATLAS.mapping, getIcon: i => s.kind[i], sizeUnits: "pixels", getPosition: at,
      getPixelOffset: i => [D.shift[i] * crowd, 0], getSize: Math.max(7, 14 * crowd), getColor: i => [...siteColour(i), alpha(i)], updateTriggers: {getColor: trigger}}),
  ];
}

function nameLayer() {
  const s = D.sites, names = D.regions.length < 2 ? [] : D.regions.map((region, r) => {
    const own = s.region.flatMap((home, i) => home === r ? [i] : []);
    const mean = values => own.reduce((total, i) => total + values[i], 0) / own.length;
    return own.length && state.regions.has(r) ? {text: region.name, at: [mean(s.x), mean(s.y)], colour: blend(region.rgb, [0, 0, 0], 0.45)} : null;
  }).filter(Boolean);
  return new deck.TextLayer({id: "names", data: names, getText: name => name.text, getPosition: name => name.at,
    getColor: name => name.colour, getSize: 13, fontFamily: "system-ui, DejaVu Sans, sans-serif", fontWeight: 700,
    characterSet: "auto", background: true, getBackgroundColor: [255, 255, 255, 190], backgroundPadding: [4, 1]});
}

// ---------------------------------------------------------------------------------------------------------- drawing

const byTheHour = () => state.tick >= 0 && !two; // trucks are drawn then

// What is chosen, drawn: all of it, or while playing, between two ticks, the trucks alone.
function draw(trucksAlone = false) {
  if (!trucksAlone) {
    view = {over: ticks(), numbers: chosenNumbers()};
    const busy = new Set(byTheHour() ? trucksAt(state.tick).map(truck => truck.lane) : []);
    chosen = chosenLanes(view.over, busy);
    lanes = two ? chosen.filter(lane => Math.abs(lane.value) > 1e-9) : chosen;
    view.highest = costScale(lanes);
    const sites = siteLayers();
    view.under = [...D.ground, laneLayer(), sites[0]];
    view.above = [sites[1], sites[2], nameLayer()];
    words();
  }
  board.setProps({layers: [...view.under, truckLayer(), ...view.above]});
}

function words() {
  const total = name => D.flows.map((_, run) => chosen.reduce((found, lane) => found + lane[name][run], 0));
  const packages = total("packages"), trucks = total("trucks"), usd = total("usd");
  const room = run => chosen.reduce((all, lane) => all + lane.trucks[run] * D.lanes.truck_packages[lane.i], 0);
  const fills = packages.map((carried, run) => share(carried / room(run)));
  const pair = (values, digits) => values.map(value => number(value, digits)).join(" → ");
  $("shown").innerHTML = `<b>${escape(when())}</b><br>${number(chosen.filter(lane => lane.trucks.some(Boolean)).length)} lanes${two ? `, of which ${number(lanes.length)} differ` : ""}` +
    `<br>${pair(packages, 0)} packages on ${pair(trucks, 0)} trucks, ${fills.join(" → ")} full<br>${pair(usd, 2)} ${escape(D.money)} of linehaul`;
  $("clock").textContent = state.tick >= 0 ? D.ticks[view.over[0]].label : when();
  $("slider").value = Math.max(0, Math.floor(state.tick));
  $("whole").setAttribute("aria-pressed", state.tick < 0);
  $("play").setAttribute("aria-pressed", state.playing);
  $("play").textContent = state.playing ? "❚❚ Pause" : "▶ Play";
  $("legend").innerHTML = legend();
}

function legend() {
  const chip = (colour, text) => `<div class="key"><span class="chip" style="background:rgb(${colour})"></span>${escape(text)}</div>`;
  const ramp = (title, low, high) => `<div>${title}</div><div class="ramp" style="background:linear-gradient(90deg,${D.colours.ramp})"></div>` +
    `<div class="ends"><span>${low}</span><span>${high}</span></div>`;
  const {title, unit} = MEASURES[state.measure], full = number(fullWidth(lanes), digitsOf(state.measure));
  const widest = lanes.some(lane => lane.value) ? `; widest from ${full} ${unit} on` : "";
  let text = `<div>Width: ${title}${two ? ", gained or lost" : ""}${widest}</div>`;
  if (two) text += chip(MORE, `more ${title} after the change`) + chip(LESS, `${state.measure === "usd" ? "less" : "fewer"} ${title} after the change`);
  else if (state.laneColour === "fill") text += ramp("Lane: truck fill", "0 %", "100 %");
  else if (state.laneColour === "cost") text += ramp("Lane: linehaul cost a package", `0 ${escape(D.money)}`, `${number(view.highest, 2)} ${escape(D.money)} or more`);
  else if (state.laneColour === "kind") text += D.kinds.map(kind => chip(kind.rgb, kind.title)).join("");
  else text += chip(D.colours.betweenRgb, "lane between regions") + "<div>others in the colour of their region</div>";
  if (state.siteColour === "use") text += ramp("FC and sort center: capacity in use", "0 %", "100 %");
  if (!two) text += `<div class="key"><span class="mark">•</span>trucks on the road, when played hour by hour</div>`;
  else text += `<div class="key"><span class="mark">◯</span>red: new site, blue: site that is gone</div>`;
  return text;
}

// ----------------------------------------------------------------------------------------------------------- choices

function options(id, names, chosen, change) {
  $(id).innerHTML = names.map(([value, text]) => `<option value="${escape(value)}">${escape(text)}</option>`).join("");
  $(id).value = chosen;
  $(id).onchange = () => { change($(id).value); draw(); };
}

function boxes(id, names, chosen) {
  $(id).innerHTML = names.map(([, text, before], i) => `<label><input type="checkbox" data-i="${i}"> ${before || ""} ${escape(text)}</label>`).join("");
  for (const box of $(id).querySelectorAll("input")) {
    const value = names[box.dataset.i][0];
    box.checked = chosen.has(value);
    box.onchange = () => { box.checked ? chosen.add(value) : chosen.delete(value); draw(); };
  }
}

function regionBoxes() {
  boxes("regions", D.regions.map((region, r) => [r, region.name, `<span class="chip" style="background:${region.colour}"></span>`]), state.regions);
}

function controls() {
  $("title").textContent = two && D.scenarios[0] !== D.scenarios[1] ? D.scenarios.join(" → ") : D.title;
  const policies = [...new Set(D.policies)].join(" → ");
  $("run").textContent = `${two ? "Difference of two runs" : "One run"} under ${policies}; ${D.ticks[0].label} to the end of ${D.ticks[T - 1].label}`;
  $("kpis").innerHTML = D.kpis.map(kpi => `<tr><td>${escape(kpi.name)}</td><td>${kpi.values.map(escape).join(" → ")}</td></tr>`).join("");
  options("measure", Object.entries(MEASURES).map(([key, measure]) => [key, measure.title]), state.measure, value => { state.measure = value; $("least-unit").textContent = MEASURES[value].unit; });
  $("least-unit").textContent = MEASURES[state.measure].unit;
  const colours = [["region", "region"], ["fill", "truck fill"], ["cost", "cost a package"], ["kind", "kind of lane"]];
  options("lane-colour", two ? [["difference", "more or less"]] : colours, two ? "difference" : state.laneColour, value => { state.laneColour = value; });
  options("site-colour", [["region", "region"], ["use", "capacity in use"]], state.siteColour, value => { state.siteColour = value; });
  options("day", [["all", "all days"], ...D.days.map(day => [day, day])], "all", value => { state.day = value; state.tick = -1; });
  const clock = [...Array(24).keys()].map(hour => [String(hour), `${hour}:00`]);
  options("from", clock, "0", value => { state.from = +value; state.tick = -1; });
  options("to", clock, "23", value => { state.to = +value; state.tick = -1; });
  $("least").oninput = () => { state.least = Math.max(0, +$("least").value || 0); draw(); };
  boxes("kinds", D.kinds.map((kind, i) => [i, kind.title]), state.kinds);
  if (D.modes.length > 1) boxes("modes", D.modes.map(mode => [mode, `by ${mode}`]), state.modes);
  boxes("site-kinds", Object.entries(SITE_KINDS).map(([kind, [mark, text]]) => [kind, text, `<span class="mark">${mark}</span>`]), state.siteKinds);
  regionBoxes();
  $("all-regions").onclick = () => { D.regions.forEach((_, r) => state.regions.add(r)); regionBoxes(); draw(); };
  $("no-regions").onclick = () => { state.regions.clear(); regionBoxes(); draw(); };
  timeBar();
}

function timeBar() {
  const flow = D.flows[last].packages, totals = D.ticks.map((_, t) => { let all = 0; for (let i = t; i < flow.length; i += T) all += flow[i]; return all; });
  const most = Math.max(1, ...totals);
  $("bars").setAttribute("viewBox", `0 0 ${T} 100`);
  $("bars").innerHTML = totals.map((value, t) => `<rect x="${t + 0.1}" width="0.8" y="${100 - 100 * value / most}" height="${100 * value / most}" fill="#b9c3cc"/>`).join("");
  $("slider").max = T - 1;
  $("slider").oninput = () => { state.playing = false; state.tick = +$("slider").value; draw(); };
  $("whole").onclick = () => { state.playing = false; state.tick = -1; draw(); };
  $("play").onclick = () => {
    state.playing = !state.playing;
    if (state.playing && (state.tick < 0 || state.tick >= T - 1)) state.tick = 0;
    draw();
    if (state.playing) requestAnimationFrame(start => frame(start, start));
  };
}

function frame(before, now) {
  if (!state.playing) return;
  const hour = Math.floor(state.tick);
  state.tick += (now - before) / 1000 * HOURS_A_SECOND / D.tick_hours;
  if (state.tick >= T) { state.playing = false; state.tick = T - 1; }
  draw(state.playing && Math.floor(state.tick) === hour);
  requestAnimationFrame(next => frame(now, next));
}

// ------------------------------------------------------------------------------------------------------------- start

async function read() {
  const bytes = Uint8Array.from(atob($("data").textContent.trim()), letter => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(plain).text());
}

function prepare() {
  T = D.ticks.length; two = D.flows.length > 1; last = D.flows.length - 1;
  D.days = [...new Set(D.ticks.map(tick => tick.day))];
  for (const group of [D.regions, D.kinds]) for (const one of group) one.rgb = rgb(one.colour);
  D.colours.rgb = D.colours.ramp.map(rgb);
  D.colours.betweenRgb = rgb(D.colours.between);
  D.curves = D.lanes.name.map((_, lane) => curve(lane));
  D.shift = shifts();
  D.ground = groundLayers();
  D.regions.forEach((_, r) => state.regions.add(r));
  D.kinds.forEach((_, k) => state.kinds.add(k));
  D.modes.forEach(mode => state.modes.add(mode));
}

// The middle of all sites, and the zoom at which they fill the map.
function home() {
  const low = values => values.reduce((a, b) => Math.min(a, b)), high = values => values.reduce((a, b) => Math.max(a, b));
  const {x, y} = D.sites, box = $("map").getBoundingClientRect();
  const wide = Math.max(high(x) - low(x), 1), tall = Math.max(high(y) - low(y), 1);
  const zoom = Math.min(Math.log2(0.86 * box.width / wide), Math.log2(0.86 * box.height / tall));
  return {target: [(low(x) + high(x)) / 2, (low(y) + high(y)) / 2, 0], zoom: Math.min(zoom, 3), minZoom: -3, maxZoom: 13};
}

async function start() {
  D = await read();
  MEASURES.usd.unit = D.money;
  prepare();
  board = new deck.Deck({parent: $("map"), views: new deck.OrthographicView({flipY: false}), initialViewState: home(),
    controller: true, pickingRadius: 4, getTooltip: tooltip, onError: trouble,
    onAfterRender: () => { document.body.dataset.ready = "yes"; }});
  controls();
  const hour = /^#hour=(\d+)$/.exec(location.hash); // a link to one of the hours, the first is 0
  if (hour) state.tick = Math.min(+hour[1], T - 1);
  draw();
}

function trouble(error) {
  $("trouble").hidden = false;
  $("trouble").textContent = `The map cannot be drawn: ${error.message}. It needs a browser of 2023 or later with WebGL 2.`;
  console.error(error);
}

// For tests and for readers with a console: what is shown now.
window.shown = () => ({tick: state.tick, playing: state.playing, when: when(), lanes: lanes.map(lane => ({name: D.lanes.name[lane.i],
  value: lane.value, packages: lane.packages, trucks: lane.trucks, usd: lane.usd})),
  trucks: byTheHour() ? trucksAt(state.tick).reduce((all, truck) => all + truck.count, 0) : 0});

start().catch(trouble);
