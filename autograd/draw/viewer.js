// The interactive picture.  `gradloomView(host, data)` puts it into a shadow root of `host`, so that several of them, and
// the page around them, do not disturb each other.  It needs no network and nothing but the browser.
//
// `data` comes from page.py: nested boxes with their sizes, links between the innermost ones, palettes, colourings.
// The layout is that of layered.py; see there for how it works.
"use strict";

function gradloomView(host, data) {
  const NS = "http://www.w3.org/2000/svg";
  const GAP = 38, SIDE = 20, LANE = 14, FRAME_TOP = 30, FRAME_PAD = 16, SWEEPS = 8, TITLE = 12.5, SMALL = 10.5;
  const COLORS = ["none", ...Object.keys(data.colors)];

  // ---- state -------------------------------------------------------------------------------------------------------

  const boxes = data.boxes.map((given, index) => ({ ...given, index, children: [], open: given.open !== 0 }));
  const root = boxes[0];
  root.open = true;
  for (const box of boxes) {
    box.up = box === root ? null : boxes[box.parent];
    if (box.up) box.up.children.push(box);
  }
  const links = data.links.map(([source, target, label, count, repeat, gradient]) => ({
    source: boxes[source], target: boxes[target], label, count,
    repeat: repeat < 0 ? null : boxes[repeat], gradient,
  }));
  const state = {
    color: data.color || "none", backward: false, theme: "auto", query: "", hits: [], hit: -1, selected: null,
    view: null, touched: false,
  };
  const isLeaf = (box) => !box.children.length || !box.open;

  // ---- layout ------------------------------------------------------------------------------------------------------

  function visible() {
    const leaves = [], shownAs = new Map(), waiting = [root];
    while (waiting.length) {
      const box = waiting.pop();
      if (isLeaf(box) && box.up) {
        leaves.push(box);
        const inside = [box];
        while (inside.length) {
          const inner = inside.pop();
          shownAs.set(inner, box);
          inside.push(...inner.children);
        }
      } else waiting.push(...[...box.children].reverse());
    }
    const merged = new Map();
    for (const link of links) {
      const source = shownAs.get(link.source), target = shownAs.get(link.target);
      if (!link.repeat && source === target) continue;
      if (link.repeat && (shownAs.get(link.repeat) || link.repeat) !== link.repeat) continue;
      const key = [source.index, target.index, link.repeat ? link.repeat.index : "", link.repeat ? "" : link.label].join();
      const known = merged.get(key);
      if (known) {
        if (source === link.source && target === link.target) known.count += link.count;
      } else merged.set(key, { ...link, source, target });
    }
    return [leaves, [...merged.values()]];
  }

  const labelText = (link) => (link.count > 1 ? `${link.count} × ${link.label}` : link.label);
  const textWidth = (text, size) => text.length * size * 0.56;

  function chainOf(box) {
    const chain = [];
    for (let above = box; above; above = above.up) chain.push(above);
    return chain.reverse();
  }

  /** The size of a box, with room for what the colouring says of it. */
  function sizeOf(box) {
    const [w, h] = box.children.length ? box.closed : box.size, look = coloring(box);
    return [Math.max(w, look.note ? textWidth(look.note, SMALL) + 22 : 0), h + (look.note ? 13 : 0) + (look.spark ? 9 : 0)];
  }

  function layOut() {
    const [leaves, shown] = visible();
    const sizes = new Map(leaves.map((box) => [box, sizeOf(box)]));
    const frames = new Map(), order = [], waiting = [root];
    while (waiting.length) {
      const box = waiting.pop();
      order.push(box);
      waiting.push(...box.children.filter((child) => !isLeaf(child)));
    }
    order.reverse();
    const inner = innerLinks(shown), carried = new Map(), labels = new Map();
    for (const link of shown) {
      if (link.repeat) carried.set(link.repeat, [...(carried.get(link.repeat) || []), link]);
      labels.set(link.source, Math.max(labels.get(link.source) || 0, textWidth(labelText(link), SMALL) + 8));
    }
    for (const frame of order) {
      frames.set(frame, layOutFrame(frame, inner.get(frame) || [], sizes, frames, labels, carried));
      sizes.set(frame, [frames.get(frame).width, frames.get(frame).height]);
    }
    return assemble(order, frames, sizes, shown);
  }

  function innerLinks(shown) {
    const inner = new Map();
    const add = (frame, source, start, end) => {
      if (!inner.has(frame)) inner.set(frame, new Map());
      inner.get(frame).set(`${source.index},${start ? start.index : ""},${end ? end.index : ""}`, [source, start, end]);
    };
    for (const link of shown) {
      if (link.repeat) continue;
      const up = chainOf(link.source), down = chainOf(link.target);
      let common = 0;
      while (up[common] === down[common]) common++;
      add(up[common - 1], link.source, up[common], down[common]);
      for (let i = common; i < up.length - 1; i++) add(up[i], link.source, up[i + 1], null);
      for (let i = common; i < down.length - 1; i++) add(down[i], link.source, null, down[i + 1]);
    }
    for (const [frame, edges] of inner) inner.set(frame, [...edges.values()]);
    return inner;
  }

  const newCell = (box, layer) => ({ box, layer, left: LANE / 2, right: LANE / 2, x: 0, order: 0, up: [], down: [] });

  function layOutFrame(frame, edges, sizes, frames, labels, carried) {
    const cells = new Map();
    for (const child of frame.children) {
      const cell = newCell(child, 1), half = sizes.get(child)[0] / 2;
      cell.left = cell.right = half;
      if (isLeaf(child)) {
        cell.right = Math.max(half, labels.get(child) || 0);
        if (carried.has(child)) cell.right = Math.max(cell.right, half + 18);
      }
      cells.set(child, cell);
    }
    assignLayers(cells, edges);
    let last = 1;
    for (const cell of cells.values()) last = Math.max(last, cell.layer + 1);
    const entries = new Map(), exits = new Map(), lanes = new Map(), ways = new Map(), connected = new Map();
    const once = (map, key, make) => (map.has(key) || map.set(key, make()), map.get(key));
    for (const [source, start, end] of edges) {
      const first = start ? cells.get(start) : once(entries, source, () => newCell(null, 0));
      const final = end ? cells.get(end) : once(exits, source, () => newCell(null, last));
      const way = [first], mine = once(lanes, source, () => new Map());
      for (let layer = first.layer + 1; layer < final.layer; layer++) {
        way.push(once(mine, `${start ? start.index : ""},${layer}`, () => newCell(null, layer)));
      }
      way.push(final);
      ways.set(`${source.index},${end ? end.index : ""}`, way);
      for (let i = 0; i + 1 < way.length; i++) {
        const a = way[i], b = way[i + 1], known = once(connected, a, () => new Set());
        if (known.has(b)) continue;
        known.add(b);
        const out = start && frames.has(start) && a === first ? frames.get(start).exits.get(source) - sizes.get(start)[0] / 2 : 0;
        const into = end && frames.has(end) && b === final ? frames.get(end).entries.get(source) - sizes.get(end)[0] / 2 : 0;
        const weight = 1 + 3 * !a.box + 3 * !b.box;
        a.down.push([b, out, into, weight]);
        b.up.push([a, into, out, weight]);
      }
    }
    const layers = Array.from({ length: last + 1 }, () => []);
    const laneCells = [...lanes.values()].flatMap((mine) => [...mine.values()]);
    for (const cell of [...entries.values(), ...cells.values(), ...laneCells, ...exits.values()]) layers[cell.layer].push(cell);
    orderLayers(layers);
    place(layers);
    straighten(layers);
    return measure(frame, layers, entries, exits, ways, sizes, frames, carried);
  }

  function assignLayers(cells, edges) {
    const before = new Map(), after = new Map(), outside = new Set();
    for (const box of cells.keys()) before.set(box, new Set()), after.set(box, new Set());
    for (const [, start, end] of edges) {
      if (start && end) before.get(end).add(start), after.get(start).add(end);
      else if (end) outside.add(end);
    }
    const layerOf = (box) => cells.get(box).layer;
    for (const [box, cell] of cells) cell.layer = 1 + Math.max(0, ...[...before.get(box)].map(layerOf));
    for (const [box, cell] of cells) {
      if (!before.get(box).size && after.get(box).size && !outside.has(box)) {
        cell.layer = Math.max(1, Math.min(...[...after.get(box)].map(layerOf)) - 1);
      }
    }
  }

  function crossings(layers) {
    let total = 0;
    for (const layer of layers) {
      const ends = [];
      layer.forEach((cell, position) => {
        for (const [other, here, there] of cell.down) ends.push([position + here / 1e4, other.order + there / 1e4]);
      });
      if (ends.length > 400) continue;
      ends.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      for (let i = 0; i < ends.length; i++) for (let j = i + 1; j < ends.length; j++) total += ends[j][1] < ends[i][1];
    }
    return total;
  }

  const numberCells = (layers) => layers.forEach((layer) => layer.forEach((cell, position) => (cell.order = position)));

  function orderLayers(layers) {
    numberCells(layers);
    let best = layers.map((layer) => [...layer]), fewest = crossings(layers);
    for (let sweep = 0; sweep < SWEEPS && fewest; sweep++) {
      const down = sweep % 2 === 0;
      for (const layer of down ? layers : [...layers].reverse()) {
        const keys = new Map();
        for (const cell of layer) {
          const ends = down ? cell.up : cell.down;
          keys.set(cell, ends.length ? ends.reduce((sum, [o, , there]) => sum + o.order + there / 1e3, 0) / ends.length : cell.order);
        }
        layer.sort((a, b) => keys.get(a) - keys.get(b));
        layer.forEach((cell, position) => (cell.order = position));
      }
      const count = crossings(layers);
      if (count < fewest) (best = layers.map((layer) => [...layer])), (fewest = count);
    }
    best.forEach((layer, i) => (layers[i] = layer));
    numberCells(layers);
  }

  const distance = (left, right) => left.right + right.left + (left.box || right.box ? SIDE : 0);

  function place(layers) {
    for (const layer of layers) {
      let x = 0;
      for (const cell of layer) (cell.x = x + cell.left), (x = cell.x + cell.right + SIDE);
    }
    for (let sweep = 0; sweep < 4 * SWEEPS; sweep++) {
      const down = sweep % 2 === 0;
      for (const layer of down ? layers : [...layers].reverse()) {
        const wishes = layer.map((cell) => {
          const ends = sweep >= SWEEPS ? [...cell.up, ...cell.down] : down ? cell.up : cell.down;
          let total = 0, sum = 0;
          for (const [o, here, there, weight] of ends) (total += weight), (sum += weight * (o.x + there - here));
          return total ? [sum / total, total] : [cell.x, 0.05];
        });
        separate(layer, wishes);
      }
    }
  }

  function separate(layer, wishes) {
    const offsets = [], blocks = [];
    layer.forEach((cell, i) => offsets.push(i ? offsets[i - 1] + distance(layer[i - 1], cell) : 0));
    wishes.forEach(([wish, weight], i) => {
      blocks.push([wish - offsets[i], weight, 1]);
      while (blocks.length > 1 && blocks[blocks.length - 2][0] > blocks[blocks.length - 1][0]) {
        const [mean, heavy, members] = blocks.pop(), last = blocks[blocks.length - 1];
        last[0] = (last[0] * last[1] + mean * heavy) / (last[1] + heavy);
        last[1] += heavy;
        last[2] += members;
      }
    });
    let i = 0;
    for (const [mean, , members] of blocks) for (let k = 0; k < members; k++, i++) layer[i].x = mean + offsets[i];
  }

  function bestEnd(ends) {
    if (!ends.length) return null;
    const heaviest = Math.max(...ends.map((end) => end[3]));
    const ranked = ends.filter((end) => end[3] === heaviest).sort((a, b) => a[0].order - b[0].order);
    return ranked[(ranked.length - 1) >> 1];
  }

  function room(layers, cell) {
    const layer = layers[cell.layer], at = cell.order;
    const low = at ? layer[at - 1].x + distance(layer[at - 1], cell) : -Infinity;
    const high = at + 1 < layer.length ? layer[at + 1].x - distance(cell, layer[at + 1]) : Infinity;
    return [Math.min(low, cell.x), Math.max(high, cell.x)];
  }

  function straighten(layers) {
    numberCells(layers);
    for (let round = 0; round < 3; round++) {
      const done = new Set();
      for (const layer of layers) for (const cell of layer) {
        if (done.has(cell)) continue;
        const chain = [[cell, 0]];
        let shift = 0, [low, high] = room(layers, cell), best;
        while ((best = bestEnd(chain[chain.length - 1][0].down))) {
          const [below, here, there] = best, back = bestEnd(below.up);
          if (done.has(below) || !back || back[0] !== chain[chain.length - 1][0]) break;
          shift += here - there;
          const [left, right] = room(layers, below);
          if (Math.max(low, left - shift) > Math.min(high, right - shift)) break;
          low = Math.max(low, left - shift);
          high = Math.min(high, right - shift);
          chain.push([below, shift]);
        }
        for (const [member] of chain) done.add(member);
        if (chain.length > 1) {
          const mean = chain.reduce((sum, [member, offset]) => sum + member.x - offset, 0) / chain.length;
          const x = Math.min(Math.max(mean, low), high);
          for (const [member, offset] of chain) member.x = x + offset;
        }
      }
    }
  }

  function measure(frame, layers, entries, exits, ways, sizes, frames, carried) {
    const isRoot = !frame.up, cells = layers.flat();
    const result = { places: new Map(), bands: [], layerOf: new Map(), ways: new Map(), entries: new Map(), exits: new Map(), lanes: new Map() };
    const shift = FRAME_PAD - Math.min(...cells.map((cell) => cell.x - cell.left));
    for (const cell of cells) cell.x += shift;
    const right = Math.max(...cells.map((cell) => cell.x + cell.right));
    for (const link of carried.get(frame) || []) {
      if (!result.lanes.has(link.source)) result.lanes.set(link.source, right + LANE * (result.lanes.size + 1));
    }
    result.width = Math.max(right + LANE * result.lanes.size + FRAME_PAD, isRoot ? 0 : frame.head + 2 * FRAME_PAD + 14);
    let y = isRoot ? 12 : FRAME_TOP + (entries.size ? 10 : 0);
    layers.slice(1, -1).forEach((layer, number) => {
      const height = Math.max(0, ...layer.filter((cell) => cell.box).map((cell) => sizes.get(cell.box)[1]));
      result.bands.push([y, y + height]);
      for (const cell of layer) {
        if (!cell.box) continue;
        const [w, h] = sizes.get(cell.box);
        result.places.set(cell.box, [cell.x - w / 2, y + (height - h) / 2]);
        result.layerOf.set(cell.box, number);
      }
      y += height + GAP;
    });
    result.height = y - GAP + (isRoot ? 12 : FRAME_PAD + (exits.size || carried.has(frame) ? 8 : 0));
    for (const [source, cell] of entries) result.entries.set(source, cell.x);
    for (const [source, cell] of exits) result.exits.set(source, cell.x);
    for (const [key, way] of ways) result.ways.set(key, pointsOf(result, way, boxes[+key.split(",")[0]], sizes, frames));
    return result;
  }

  function pointsOf(frame, way, source, sizes, frames) {
    const points = [], first = way[0], last = way[way.length - 1];
    if (!first.box) points.push([first.x, 0]);
    else {
      const [x, y] = frame.places.get(first.box), [w, h] = sizes.get(first.box);
      const at = x + (frames.has(first.box) ? frames.get(first.box).exits.get(source) : w / 2);
      points.push([at, y + h], [at, frame.bands[first.layer - 1][1]]);
    }
    for (const lane of way.slice(1, -1)) {
      const [top, bottom] = frame.bands[lane.layer - 1];
      points.push([lane.x, top], [lane.x, bottom]);
    }
    if (!last.box) points.push([last.x, frame.height]);
    else {
      const [x, y] = frame.places.get(last.box);
      const at = x + (frames.has(last.box) ? frames.get(last.box).entries.get(source) : sizes.get(last.box)[0] / 2);
      points.push([at, frame.bands[last.layer - 1][0]], [at, y]);
    }
    return points;
  }

  function assemble(order, frames, sizes, shown) {
    const corner = new Map([[root, [0, 0]]]), rects = new Map();
    for (const frame of [...order].reverse()) {
      const [x, y] = corner.get(frame);
      for (const [child, [dx, dy]] of frames.get(frame).places) {
        const [w, h] = sizes.get(child);
        rects.set(child, { x: x + dx, y: y + dy, w, h, center: x + dx + w / 2 });
        if (frames.has(child)) corner.set(child, [x + dx, y + dy]);
      }
    }
    const paths = new Map();
    for (const link of shown) if (!link.repeat) paths.set(link, pathOf(link, corner, frames));
    spread(paths, rects);
    const routes = shown.map((link) => ({
      link, points: link.repeat ? carriedPath(link, corner, frames, rects) : smooth(paths.get(link)), label: null, anchor: "start",
    }));
    labelRoutes(routes, [...rects].filter(([box]) => isLeaf(box)).map(([, rect]) => rect));
    const { width, height } = frames.get(root);
    return { width, height, rects, routes };
  }

  function pathOf(link, corner, frames) {
    const up = chainOf(link.source), down = chainOf(link.target), points = [];
    let common = 0;
    while (up[common] === down[common]) common++;
    const stretches = up.slice(common, -1).reverse().map((frame) => [frame, null]);
    stretches.push([up[common - 1], down[common]]);
    for (let i = common; i < down.length - 1; i++) stretches.push([down[i], down[i + 1]]);
    for (const [frame, end] of stretches) {
      const [x, y] = corner.get(frame);
      const way = frames.get(frame).ways.get(`${link.source.index},${end ? end.index : ""}`);
      for (const [dx, dy] of way) points.push([x + dx, y + dy]);
    }
    return points;
  }

  function spread(paths, rects) {
    const arriving = new Map();
    for (const [link, way] of paths) arriving.set(link.target, [...(arriving.get(link.target) || []), way]);
    for (const [box, ways] of arriving) {
      if (ways.length < 2) continue;
      const rect = rects.get(box), step = Math.min(14, (rect.w - 16) / (ways.length - 1));
      const from = (way) => ([...way].reverse().find(([x]) => Math.abs(x - rect.center) > 0.5) || [rect.center])[0];
      ways.sort((a, b) => from(a) - from(b));
      ways.forEach((way, i) => {
        const x = rect.center + (i - (ways.length - 1) / 2) * step, n = way.length;
        way[n - 2] = [x, way[n - 2][1]];
        way[n - 1] = [x, way[n - 1][1]];
      });
    }
  }

  function smooth(points) {
    const kept = [points[0]];
    for (const [x, y] of points.slice(1)) {
      const n = kept.length, end = kept[n - 1];
      if (n > 1 && Math.abs(x - end[0]) < 0.3 && Math.abs(end[0] - kept[n - 2][0]) < 0.3) kept[n - 1] = [end[0], y];
      else if (x !== end[0] || y !== end[1]) kept.push([x, y]);
    }
    const curve = [kept[0]];
    for (let i = 0; i + 1 < kept.length; i++) {
      const [x0, y0] = kept[i], [x1, y1] = kept[i + 1], bend = (y1 - y0) / 2;
      curve.push([x0, y0 + bend], [x1, y1 - bend], [x1, y1]);
    }
    return curve;
  }

  function carriedPath(link, corner, frames, rects) {
    const source = rects.get(link.source), target = rects.get(link.target);
    if (!frames.has(link.repeat)) {
      const x = source.x + source.w, top = source.y + source.h * 0.3, bottom = source.y + source.h * 0.7;
      return [[x, bottom], [x + 16, bottom + 4], [x + 16, top - 4], [x, top]];
    }
    const lane = corner.get(link.repeat)[0] + frames.get(link.repeat).lanes.get(link.source);
    const band = (box) => {
      const frame = frames.get(box.up), [top, bottom] = frame.bands[frame.layerOf.get(box)], y = corner.get(box.up)[1];
      return [y + top, y + bottom];
    };
    const free = (rect) => {
      const y = rect.y + rect.h / 2;
      for (const [box, other] of rects) {
        if (isLeaf(box) && other.x < lane && other.x > rect.x && other.y < y && y < other.y + other.h) return false;
      }
      return true;
    };
    const shift = link.source === link.target && free(source) ? 6 : 0;
    let start, end;
    if (free(source)) {
      const y = source.y + source.h / 2 + shift;
      start = [[source.x + source.w, y], [lane, y]];
    } else {
      const x = source.center + Math.min(10, source.w / 4), low = band(link.source)[1] + 9;
      start = [[x, source.y + source.h], [x, low], [lane, low]];
    }
    if (free(target)) {
      const y = target.y + target.h / 2 - shift;
      end = [[lane, y], [target.x + target.w, y]];
    } else {
      const x = target.center + Math.min(12, target.w / 4), high = band(link.target)[0] - 9;
      end = [[lane, high], [x, high], [x, target.y]];
    }
    return rounded([...start, ...end], 8);
  }

  function rounded(points, radius) {
    const curve = [points[0]];
    const line = ([x1, y1]) => {
      const [x0, y0] = curve[curve.length - 1];
      curve.push([x0 + (x1 - x0) / 3, y0 + (y1 - y0) / 3], [x1 - (x1 - x0) / 3, y1 - (y1 - y0) / 3], [x1, y1]);
    };
    for (let i = 1; i + 1 < points.length; i++) {
      const [xa, ya] = points[i - 1], [x, y] = points[i], [xb, yb] = points[i + 1];
      const before = Math.abs(x - xa) + Math.abs(y - ya), after = Math.abs(xb - x) + Math.abs(yb - y);
      const r = Math.min(radius, before / 2, after / 2);
      line([x + ((xa - x) * r) / (before || 1), y + ((ya - y) * r) / (before || 1)]);
      curve.push([x, y], [x, y], [x + ((xb - x) * r) / (after || 1), y + ((yb - y) * r) / (after || 1)]);
    }
    line(points[points.length - 1]);
    return curve;
  }

  function labelRoutes(routes, taken) {
    const groups = new Map(), several = new Map();
    for (const route of routes) {
      if (route.link.repeat || !route.link.label) continue;
      const key = `${route.link.source.index},${labelText(route.link)}`;
      groups.set(key, [...(groups.get(key) || []), route]);
    }
    for (const [route] of groups.values()) several.set(route.link.source, (several.get(route.link.source) || 0) + 1);
    const bend = (route) => Math.abs(route.points[3][0] - route.points[0][0]);
    const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
    for (const group of groups.values()) {
      const route = group.reduce((a, b) => (bend(b) < bend(a) || (bend(b) === bend(a) && endOf(b)[1] < endOf(a)[1]) ? b : a));
      const w = textWidth(labelText(route.link), SMALL);
      const places = labelPlaces(route, group, several.get(route.link.source) > 1);
      const rects = places.map(([x, y, anchor]) => ({ x: anchor === "end" ? x - w : x, y: y - 9, w, h: 11 }));
      const best = Math.max(0, rects.findIndex((rect) => !taken.some((other) => overlap(rect, other))));
      route.label = places[best].slice(0, 2);
      route.anchor = places[best][2];
      taken.push(rects[best]);
    }
  }

  const endOf = (route) => route.points[route.points.length - 1];

  function labelPlaces(route, group, shapesDiffer) {
    const [x0, y0] = route.points[0], [x1, y1] = route.points[3], [x, y] = endOf(route);
    const ends = [[x + 5, y - 11, "start"], [x - 5, y - 11, "end"]];
    const starts = [[x0 + 5, y0 + 16, "start"], [x0 - 5, y0 + 16, "end"]];
    if (shapesDiffer) return [...ends, ...starts];
    const toRight = group.some((r) => r.points[3][0] > x0 + 8), toLeft = group.some((r) => r.points[3][0] < x0 - 8);
    const widest = Math.max(...group.map((r) => r.points[3][0]));
    let best = [x0 + 5, y0 + (toRight ? 28 : 16), "start"];
    if (Math.abs(x1 - x0) > 8 && y1 - y0 > 60) best = [x0 + 5, y0 + 15, "start"];
    else if (toRight && !toLeft) best = [x0 - 5 + 0.1 * (x1 - x0), y0 + 16, "end"];
    else if (toRight && widest < x0 + 40) best = [widest + 5, y0 + 24, "start"];
    return [best, ...ends, ...starts];
  }

  // ---- drawing -----------------------------------------------------------------------------------------------------

  const shadow = host.attachShadow({ mode: "open" });
  shadow.innerHTML = data.shell;
  const $ = (selector) => shadow.querySelector(selector);
  const stage = $("svg"), scene = $("#scene"), panel = $("#panel"), search = $("#search");

  function make(name, attributes, parent, text) {
    const element = document.createElementNS(NS, name);
    for (const key in attributes) if (attributes[key] !== undefined) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text; // never markup: names come from anywhere
    if (parent) parent.appendChild(element);
    return element;
  }

  function shadeColor(value) {
    const stops = data.stops, at = Math.min(Math.max(value, 0), 1) * (stops.length - 1);
    const i = Math.min(Math.floor(at), stops.length - 2);
    return `rgb(${stops[i].map((a, k) => Math.round(a + (stops[i + 1][k] - a) * (at - i))).join()})`;
  }

  const coloring = (box) => (state.color === "none" ? data.plain : data.colors[state.color].boxes)[box.index] || {};
  let layout = null;

  function draw(keep) {
    layout = layOut();
    scene.replaceChildren();
    const frames = [...layout.rects.keys()].filter((box) => !isLeaf(box)), leaves = [...layout.rects.keys()].filter(isLeaf);
    for (const box of frames) drawFrame(box, layout.rects.get(box));
    for (const route of layout.routes) drawRoute(route);
    for (const box of leaves) drawBox(box, layout.rects.get(box));
    for (const route of layout.routes) if (route.label) drawLabel(route);
    for (const box of frames) drawHead(box, layout.rects.get(box));
    mark();
    if (!keep || !state.touched) fit();
    else applyView();
    drawLegend();
  }

  function drawFrame(box, { x, y, w, h }) {
    const repeat = box.count > 1;
    make("rect", { x, y, width: w, height: h, rx: 10, class: repeat ? "frame repeat" : "frame" }, scene);
  }

  function drawHead(box, { x, y }) {
    const group = make("g", { class: "head", tabindex: 0, role: "button", "data-box": box.id, "aria-label": `close ${box.headText}` }, scene);
    make("title", {}, group, "close");
    make("rect", { x: x + 6, y: y + 4, width: box.head + 22, height: 19, rx: 5, class: box.count > 1 ? "ground repeat" : "ground" }, group);
    const text = make("text", { x: x + 11, y: y + 17.5, "font-size": TITLE - 0.5 }, group);
    make("tspan", { class: "fold" }, text, "▾ ");
    make("tspan", { "font-weight": 600, class: box.count > 1 ? "orange" : "" }, text, box.headText);
    if (box.type && box.kind === "group") make("tspan", { dx: 5, class: "muted" }, text, box.type);
    bind(group, box, () => toggle(box));
  }

  function drawBox(box, { x, y, w, h }) {
    const look = coloring(box), closed = box.children.length > 0;
    const kind = ["box", box.fill, closed ? "closed" : "", box.dashed ? "dashed" : "", box.stop ? "stops" : "", box.error ? "failed" : ""];
    if (look.badge) kind.push({ NaN: "bad", inf: "bad", 0: "zero", "no grad": "none" }[look.badge] || "");
    const group = make("g", { class: kind.join(" "), tabindex: 0, role: "button", "data-box": box.id, "aria-label": `${box.title} ${box.type}` }, scene);
    make("title", {}, group, [box.path, box.op].filter(Boolean).join(" ") || box.title);
    if (box.count > 1) for (const step of [5, 2.5]) make("rect", { x: x + step, y: y + step, width: w, height: h, rx: 7, class: "stack" }, group);
    const round = ["input", "output"].includes(box.kind) && !box.lines.length ? h / 2 : 7;
    const shape = make("rect", { x, y, width: w, height: h, rx: round, class: "shape" }, group);
    const shaded = look.shade !== undefined && !["NaN", "inf", "0"].includes(look.badge);
    if (shaded) shape.style.fill = shadeColor(look.shade);
    const ink = shaded ? (look.shade >= 0.6 ? "#ffffff" : "#1b2733") : undefined;
    const middle = x + w / 2, painted = ink && `fill:${ink}`;
    const title = make("text", { x: middle, y: y + 18.5, "font-size": TITLE, "text-anchor": "middle", style: painted }, group);
    if (closed) make("tspan", { class: "fold" }, title, "▸ ");
    if (box.title) make("tspan", { "font-weight": 600 }, title, closed && box.span ? box.span : box.title);
    if (box.type) make("tspan", { dx: box.title ? 4 : 0 }, title, box.type);
    const lines = closed ? box.closedLines : box.lines;
    const shown = look.note ? [...lines, look.note] : lines;
    shown.forEach((line, i) => make("text", { x: middle, y: y + 31.5 + 13 * i, "font-size": SMALL, "text-anchor": "middle", class: "param", style: painted }, group, line));
    if (box.count > 1) badge(group, x + w - 4, y, `× ${box.count.toLocaleString("en")}`, "repeat");
    const sign = look.badge || (box.error ? "raised" : box.stop ? `✂ ${box.stop}` : "");
    if (sign) badge(group, x + w - 4, y + (box.count > 1 ? h : 0), sign, { NaN: "bad", inf: "bad", raised: "bad", 0: "zero", "no grad": "none" }[sign] || "stop");
    if (look.spark) {
      const bars = look.spark.slice(0, 24), step = Math.min(5, (w - 10) / bars.length);
      bars.forEach((value, i) => {
        const height = value === null ? 1 : 2 + 8 * value;
        make("rect", { x: middle + (i - bars.length / 2) * step, y: y + h - 2 - height, width: step - 1, height, class: "spark" }, group);
      });
    }
    bind(group, box, () => (closed ? toggle(box) : select(box)));
  }

  function badge(group, right, y, text, kind) {
    const width = textWidth(text, 9.5) + 12;
    make("rect", { x: right - width + 10, y: y - 8, width, height: 15, rx: 7.5, class: `badge ${kind}` }, group);
    make("text", { x: right - width / 2 + 10, y: y + 3, "font-size": 9.5, "font-weight": 700, "text-anchor": "middle", class: "badge-text" }, group, text);
  }

  const num = (n) => Math.round(n * 10) / 10;

  function drawRoute({ link, points }) {
    const flow = state.backward ? [...points].reverse() : points, n = flow.length;
    const [tx, ty] = flow[n - 1], [bx, by] = flow[n - 2];
    const length = Math.hypot(tx - bx, ty - by) || 1, dx = (tx - bx) / length, dy = (ty - by) / length;
    let path = `M${num(flow[0][0])} ${num(flow[0][1])}`;
    for (let i = 1; i < n; i += 3) path += `C${flow.slice(i, i + 3).map(([x, y]) => `${num(x)} ${num(y)}`).join(" ")}`;
    const none = state.backward && !link.gradient;
    const group = make("g", { class: `link${link.repeat ? " carried" : ""}${none ? " silent" : ""}`, "data-from": link.source.id, "data-to": link.target.id }, scene);
    make("title", {}, group, link.repeat ? `${link.label}, from each copy to the next` : link.label);
    make("path", { d: path, class: "line" }, group);
    make("path", { d: `M${num(tx)} ${num(ty)}L${num(tx - 8 * dx - 3.4 * dy)} ${num(ty - 8 * dy + 3.4 * dx)}L${num(tx - 8 * dx + 3.4 * dy)} ${num(ty - 8 * dy - 3.4 * dx)}Z`, class: "tip" }, group);
  }

  function drawLabel({ link, label: [x, y], anchor }) {
    const text = state.backward ? link.gradient || "" : labelText(link);
    make("text", { x, y, "font-size": SMALL, "text-anchor": anchor, class: "label" }, scene, text);
  }

  function drawLegend() {
    const legend = $("#legend"), colors = data.colors[state.color];
    legend.hidden = !colors;
    if (!colors) return;
    $("#legend-name").textContent = colors.legend[0];
    $("#legend-low").textContent = colors.legend[1];
    $("#legend-high").textContent = colors.legend[2];
    $("#legend-bar").style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(shadeColor).join()})`;
    $("#legend-words").hidden = state.color !== "grad";
  }

  // ---- what the reader does ----------------------------------------------------------------------------------------

  let moved = false;

  function bind(element, box, action) {
    element.addEventListener("click", (event) => {
      event.stopPropagation();
      if (!moved) action();
    });
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      action();
      const again = [...shadow.querySelectorAll("[data-box]")].find((other) => other.dataset.box === box.id);
      if (again) again.focus();
    });
    element.addEventListener("mouseenter", () => near(box, true));
    element.addEventListener("mouseleave", () => near(box, false));
  }

  function near(box, on) {
    for (const link of shadow.querySelectorAll(".link")) {
      if (link.dataset.from === box.id || link.dataset.to === box.id) link.classList.toggle("near", on);
    }
  }

  /** Open or close a box, and keep it where it is on the screen. */
  function toggle(box) {
    const before = layout.rects.get(box);
    box.open = !box.open;
    state.touched = true;
    const view = { ...state.view };
    draw(true);
    const after = layout.rects.get(box);
    if (before && after) {
      state.view = { ...view, x: view.x + after.center - before.center, y: view.y + after.y - before.y };
      applyView();
    }
    select(box);
  }

  function setAll(open) {
    for (const box of boxes) if (box.children.length && box !== root) box.open = open;
    state.touched = false;
    draw(false);
  }

  function select(box) {
    state.selected = box;
    mark();
    panel.hidden = !box;
    if (!box) return;
    const rows = [];
    if (box.path) rows.push(["module", box.path]);
    for (const [key, value] of box.info || []) rows.push([key, value]);
    const body = $("#facts");
    body.replaceChildren();
    $("#panel-title").textContent = [box.title, box.type].filter(Boolean).join(" ") || box.kind;
    for (const [key, value] of rows) {
      const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
      head.textContent = key;
      cell.textContent = value;
      row.append(head, cell);
      body.append(row);
    }
    const copy = $("#copy");
    copy.hidden = !box.path;
    copy.textContent = "copy path";
  }

  function haystack(box) {
    return [box.title, box.type, box.op, box.path, box.span, ...(box.lines || [])].join(" ").toLowerCase();
  }

  function find(query) {
    state.query = query.trim().toLowerCase();
    state.hits = state.query ? boxes.filter((box) => box !== root && haystack(box).includes(state.query)) : [];
    state.hit = -1;
    $("#hits").textContent = state.query ? `${state.hits.length} found` : "";
    mark();
  }

  /** Go to the next hit, opening what it is in. */
  function nextHit() {
    if (!state.hits.length) return;
    state.hit = (state.hit + 1) % state.hits.length;
    const box = state.hits[state.hit];
    let changed = false;
    for (let above = box.up; above; above = above.up) if (!above.open) (above.open = true), (changed = true);
    if (changed) draw(true);
    const { x, y, w, h } = layout.rects.get(box);
    state.touched = true;
    state.view = { ...state.view, x: x + w / 2 - state.view.w / 2, y: y + h / 2 - state.view.h / 2 };
    applyView();
    select(box);
    $("#hits").textContent = `${state.hit + 1} of ${state.hits.length}`;
  }

  function mark() {
    const outermost = (box) => {
      let shown = box;
      for (let above = box.up; above; above = above.up) if (!above.open) shown = above;
      return shown.id;
    };
    const hits = new Set(state.hits.map(outermost));
    for (const element of shadow.querySelectorAll("[data-box]")) {
      element.classList.toggle("dim", Boolean(state.query) && !hits.has(element.dataset.box) && element.classList.contains("box"));
      element.classList.toggle("hit", hits.has(element.dataset.box));
      element.classList.toggle("selected", Boolean(state.selected) && state.selected.id === element.dataset.box);
    }
  }

  // ---- pan and zoom ------------------------------------------------------------------------------------------------

  function stageSize() {
    const box = stage.getBoundingClientRect();
    return [box.width || 800, box.height || 500];
  }

  function applyView() {
    const { x, y, w, h } = state.view;
    stage.setAttribute("viewBox", `${num(x)} ${num(y)} ${num(w)} ${num(h)}`);
  }

  /** The whole width where it can be read, from the top. */
  function fit() {
    const [width, height] = stageSize(), margin = 16;
    const scale = Math.min(1.25, Math.max(0.75, Math.min(width / (layout.width + 2 * margin), height / (layout.height + 2 * margin))));
    const w = width / scale, h = height / scale;
    state.view = { x: layout.width / 2 - w / 2, y: layout.height + 2 * margin <= h ? layout.height / 2 - h / 2 : -margin, w, h };
    applyView();
  }

  function zoom(factor, px, py) {
    const [width, height] = stageSize(), { x, y, w, h } = state.view;
    const fx = px === undefined ? 0.5 : px / width, fy = py === undefined ? 0.5 : py / height;
    const scale = Math.min(Math.max(w * factor, 60), Math.max(layout.width, layout.height) * 6) / w;
    state.view = { x: x + w * fx * (1 - scale), y: y + h * fy * (1 - scale), w: w * scale, h: h * scale };
    state.touched = true;
    applyView();
  }

  stage.addEventListener("wheel", (event) => {
    // A page must still scroll over the picture: zoom only with a key, or once the picture has been clicked.
    if (!event.ctrlKey && !event.metaKey && shadow.activeElement === null && !data.page) return;
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(Math.exp(event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  let drag = null;
  stage.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, view: { ...state.view }, pointer: event.pointerId };
    moved = false;
  });
  stage.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [width, height] = stageSize(), dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (!moved && Math.abs(dx) + Math.abs(dy) < 4) return;
    if (!moved) stage.setPointerCapture(drag.pointer);
    moved = state.touched = true;
    state.view = { ...drag.view, x: drag.view.x - (dx * drag.view.w) / width, y: drag.view.y - (dy * drag.view.h) / height };
    applyView();
  });
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, () => { drag = null; });
  stage.addEventListener("click", () => { if (!moved) select(null); });

  // ---- the tools ---------------------------------------------------------------------------------------------------

  const on = (selector, name, action) => $(selector).addEventListener(name, action);
  on("#plus", "click", () => zoom(0.8));
  on("#minus", "click", () => zoom(1.25));
  on("#fit", "click", () => { state.touched = false; fit(); });
  on("#open", "click", () => setAll(true));
  on("#close", "click", () => setAll(false));
  on("#search", "input", () => find(search.value));
  on("#search", "keydown", (event) => {
    event.stopPropagation(); // a notebook has shortcuts of its own
    if (event.key === "Enter") nextHit();
    if (event.key === "Escape") (search.value = ""), find("");
  });
  on("#hide", "click", () => select(null));
  on("#copy", "click", () => {
    const done = () => { $("#copy").textContent = "copied"; };
    if (navigator.clipboard && state.selected) navigator.clipboard.writeText(state.selected.path).then(done, () => {});
  });
  for (const name of COLORS) {
    const option = document.createElement("option");
    option.value = option.textContent = name;
    $("#color").append(option);
  }
  $("#color").value = state.color;
  $("#color").closest("label").hidden = COLORS.length < 2;
  on("#color", "change", (event) => { state.color = event.target.value; draw(true); });
  $("#backward").hidden = !links.some((link) => link.gradient);
  on("#backward", "click", (event) => {
    state.backward = !state.backward;
    event.target.textContent = state.backward ? "backward" : "forward";
    event.target.setAttribute("aria-pressed", state.backward);
    draw(true);
  });
  on("#theme", "click", () => {
    state.theme = isDark() ? "light" : "dark";
    paint();
  });
  $(".view").addEventListener("keydown", (event) => {
    if (event.target === search) return;
    const keys = { "+": () => zoom(0.8), "-": () => zoom(1.25), 0: () => { state.touched = false; fit(); }, Escape: () => select(null), "/": () => search.focus() };
    if (keys[event.key]) event.preventDefault(), event.stopPropagation(), keys[event.key]();
  });

  function isDark() {
    if (state.theme !== "auto") return state.theme === "dark";
    const body = document.body, lab = body.dataset.jpThemeLight; // JupyterLab says so on its body, VS Code by a class
    if (lab !== undefined) return lab === "false";
    if (body.classList.contains("vscode-dark")) return true;
    if (body.classList.contains("vscode-light")) return false;
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function paint() {
    const palette = data.palettes[isDark() ? "dark" : "light"];
    for (const name in palette) $(".view").style.setProperty(`--${name}`, palette[name]);
  }

  paint();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  new ResizeObserver(() => { if (layout && !state.touched) fit(); }).observe(stage);
  $("#footer").textContent = data.footer;
  const tall = () => `${Math.round(Math.min(Math.max(layout.height + 32, 220), data.tallest))}px`;
  layout = layOut();
  if (!data.page) stage.style.height = tall();
  draw(false);
}
