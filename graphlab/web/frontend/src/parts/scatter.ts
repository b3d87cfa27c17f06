/** Many points by WebGL: pan, zoom, lasso, hover. Plain shaders of our own: the page's policy allows no code made at run time. */

import { h } from "../core/dom.ts";

export interface Points { x: Float32Array; y: Float32Array; group: Uint16Array; colours: Float32Array /* rgb of each group */ }
export interface Scatter { element: HTMLElement; choose: (rows: Uint32Array) => void; only: (shown: ReadonlySet<number> | null) => void; lasso: (on: boolean) => void; reset: () => void }

/** So many points are drawn while the map moves; of more, every second, third, ... one. */
const MOVING = 12_000;
export const oneOf = (points: number): number => Math.max(1, Math.ceil(points / MOVING));

const VERTEX = `#version 300 es
in vec2 place; in vec4 own; in float chosen;
uniform vec2 centre; uniform vec2 scale; uniform float size; uniform float any;
out vec4 shade;
void main() {
  gl_Position = own.a == 0.0 ? vec4(2.0, 2.0, 2.0, 1.0) : vec4((place - centre) * scale, 0.0, 1.0);
  gl_PointSize = chosen > 0.5 ? size + 2.0 : size;
  shade = vec4(own.rgb, any > 0.5 && chosen < 0.5 ? 0.25 : 0.9);
}`;
const FRAGMENT = `#version 300 es
precision mediump float; in vec4 shade; uniform float round; out vec4 colour;
void main() { if (round > 0.5 && length(gl_PointCoord - 0.5) > 0.5) discard; colour = vec4(shade.rgb * shade.a, shade.a); }`;

/** Which of some points lie in a polygon (even-odd rule), its bounding box looked at first. */
export function within(x: Float32Array, y: Float32Array, polygon: readonly (readonly [number, number])[]): Uint32Array {
  const found: number[] = [];
  if (polygon.length < 3) return new Uint32Array();
  const xs = polygon.map(([px]) => px);
  const ys = polygon.map(([, py]) => py);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  for (let k = 0; k < x.length; k++) {
    const [px, py] = [x[k]!, y[k]!];
    if (px < x0 || px > x1 || py < y0 || py > y1) continue;
    let inside = false;
    for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
      if (ys[i]! > py !== ys[j]! > py && px < ((xs[j]! - xs[i]!) * (py - ys[i]!)) / (ys[j]! - ys[i]!) + xs[i]!) inside = !inside;
    }
    if (inside) found.push(k);
  }
  return Uint32Array.from(found);
}

function program(gl: WebGL2RenderingContext): WebGLProgram {
  const made = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(type);
    if (!shader) throw new Error("WebGL made no shader");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) ?? "WebGL linked no program");
  return made;
}

export function scatter(points: Points, label: string, chosen: (rows: Uint32Array) => void, hovered: (row: number | null) => void): Scatter {
  const { x, y, group } = points;
  const n = x.length;
  const canvas = h("canvas", { class: "points", role: "img", tabindex: 0, "aria-label": label });
  const over = h("canvas", { class: "lasso", "aria-hidden": "true" });
  const element = h("div", { class: "scatter" }, canvas, over);
  const context = canvas.getContext("webgl2", { antialias: false });
  if (!context) throw new Error("This browser has no WebGL 2, which draws the points. The table and the command line have the same neurons.");
  const gl: WebGL2RenderingContext = context;
  const shaders = program(gl);
  gl.useProgram(shaders);
  const buffer = (name: string, data: Float32Array | Uint8Array, size: number): WebGLBuffer => {
    const made = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, made);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    const at = gl.getAttribLocation(shaders, name);
    gl.enableVertexAttribArray(at);
    const bytes = data instanceof Uint8Array;
    gl.vertexAttribPointer(at, size, bytes ? gl.UNSIGNED_BYTE : gl.FLOAT, bytes, 0, 0);
    return made;
  };
  // Every k-th point first: of many points these alone are drawn while the map moves.
  const parts = oneOf(n);
  const few = Math.ceil(n / parts);
  const starts = Array.from({ length: parts }, (_, part) => Array.from({ length: part }, (__, one) => Math.ceil((n - one) / parts)).reduce((a, b) => a + b, 0));
  const slot = (k: number): number => starts[k % parts]! + Math.floor(k / parts);
  const places = new Float32Array(2 * n);
  for (let k = 0; k < n; k++) places.set([x[k]!, y[k]!], 2 * slot(k));
  buffer("place", places, 2);
  const marks = new Uint8Array(n);
  const marked = buffer("chosen", marks, 1);
  const shades = new Uint8Array(4 * n);
  const shaded = buffer("own", shades, 4);
  const uniform = (name: string): WebGLUniformLocation | null => gl.getUniformLocation(shaders, name);
  const [centreAt, scaleAt, sizeAt, anyAt, roundAt] = ["centre", "scale", "size", "any", "round"].map(uniform);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);

  /** Colours of all points; those of groups that are not shown have no alpha, and are drawn nowhere. */
  function paint(shown: ReadonlySet<number> | null): void {
    for (let k = 0; k < n; k++) {
      const [of, at] = [group[k]!, 4 * slot(k)];
      for (let c = 0; c < 3; c++) shades[at + c] = Math.round(255 * points.colours[3 * of + c]!);
      shades[at + 3] = !shown || shown.has(of) ? 255 : 0;
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, shaded);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, shades);
  }
  let shownGroups: ReadonlySet<number> | null = null;
  paint(null);

  let centre: [number, number] = [0, 0];
  let zoom = 0.95;
  let any = 0;
  let wanted = false;
  const scale = (): [number, number] => {
    const [w, hh] = [canvas.width || 1, canvas.height || 1];
    const least = Math.min(w, hh);
    return [(zoom * least) / w, (zoom * least) / hh];
  };
  function draw(): void {
    wanted = false;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(centreAt ?? null, ...centre);
    gl.uniform2f(scaleAt ?? null, ...scale());
    const size = Math.max(1.5, Math.min(9, (n > 20000 ? 2 : 5) * Math.sqrt(zoom))) * devicePixelRatio;
    gl.uniform1f(sizeAt ?? null, size);
    gl.uniform1f(roundAt ?? null, size > 3 ? 1 : 0); // smaller ones look the same as squares, and cost less
    gl.uniform1f(anyAt ?? null, any);
    gl.drawArrays(gl.POINTS, 0, moving ? few : n);
  }
  const again = (): void => {
    if (!wanted) requestAnimationFrame(draw);
    wanted = true;
  };
  let moving = 0;
  /** Draw while the map moves, and all of it once it rests. */
  const move = (): void => {
    clearTimeout(moving);
    moving = window.setTimeout(() => {
      moving = 0;
      again();
    }, 150);
    again();
  };
  new ResizeObserver(() => {
    for (const one of [canvas, over]) [one.width, one.height] = [Math.round(element.clientWidth * devicePixelRatio), Math.round(element.clientHeight * devicePixelRatio)];
    again();
  }).observe(element);

  const world = (event: MouseEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    const [sx, sy] = scale();
    return [centre[0] + (2 * ((event.clientX - box.left) / box.width) - 1) / sx, centre[1] - (2 * ((event.clientY - box.top) / box.height) - 1) / sy];
  };
  const about = (at: [number, number], factor: number): void => {
    const to = Math.max(0.5, Math.min(400, zoom * factor));
    centre = [at[0] + ((centre[0] - at[0]) * zoom) / to, at[1] + ((centre[1] - at[1]) * zoom) / to];
    zoom = to;
    move();
  };
  let lassoing = false;
  let held: [number, number] | null = null;
  let trail: [number, number][] = [];
  const line = over.getContext("2d");

  function outline(): void {
    if (!line) return;
    line.clearRect(0, 0, over.width, over.height);
    if (trail.length < 2) return;
    const [sx, sy] = scale();
    line.beginPath();
    for (const [px, py] of trail) line.lineTo(((px - centre[0]) * sx + 1) * 0.5 * over.width, (1 - (py - centre[1]) * sy) * 0.5 * over.height);
    line.closePath();
    line.lineWidth = 2 * devicePixelRatio;
    line.strokeStyle = "#d55e00";
    line.fillStyle = "rgb(213 94 0 / 12%)";
    line.fill();
    line.stroke();
  }
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    about(world(event), Math.exp(-event.deltaY * 0.0015));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    held = world(event);
    trail = lassoing || event.shiftKey ? [held] : [];
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = world(event);
    if (!held) hover(at);
    else if (trail.length) {
      trail.push(at);
      outline();
    } else {
      centre = [centre[0] + held[0] - at[0], centre[1] + held[1] - at[1]];
      move();
    }
  });
  canvas.addEventListener("pointerup", () => {
    if (trail.length > 2) {
      let found = within(x, y, trail);
      if (shownGroups) found = found.filter((k) => shownGroups?.has(group[k]!));
      choose(found);
      chosen(found);
    }
    held = null;
    trail = [];
    outline();
  });
  canvas.addEventListener("keydown", (event) => {
    const steps: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const step = steps[event.key];
    if (step) centre = [centre[0] + (0.1 * step[0]) / zoom, centre[1] + (0.1 * step[1]) / zoom];
    else if (event.key === "+" || event.key === "=") about(centre, 1.25);
    else if (event.key === "-") about(centre, 0.8);
    else if (event.key === "Escape") choose(new Uint32Array()), chosen(new Uint32Array());
    else return;
    event.preventDefault();
    again();
  });

  let hovering = 0;
  function hover(at: [number, number]): void {
    cancelAnimationFrame(hovering);
    hovering = requestAnimationFrame(() => {
      const reach = 8 / (zoom * Math.min(canvas.clientWidth, canvas.clientHeight) * 0.5);
      let best = reach * reach;
      let nearest: number | null = null;
      for (let k = 0; k < n; k++) {
        const [dx, dy] = [x[k]! - at[0], y[k]! - at[1]];
        const far = dx * dx + dy * dy;
        if (far < best && (!shownGroups || shownGroups.has(group[k]!))) [best, nearest] = [far, k];
      }
      hovered(nearest);
    });
  }

  function choose(rows: Uint32Array): void {
    marks.fill(0);
    for (const k of rows) marks[slot(k)] = 255;
    any = rows.length ? 1 : 0;
    gl.bindBuffer(gl.ARRAY_BUFFER, marked);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, marks);
    again();
  }
  return {
    element, choose,
    only: (shown) => {
      shownGroups = shown;
      paint(shown);
      again();
    },
    lasso: (on) => {
      lassoing = on;
      element.classList.toggle("lassoing", on);
    },
    reset: () => {
      [centre, zoom] = [[0, 0], 0.95];
      again();
    },
  };
}
