"use strict";
const NICEST = [5, 2, 1], MOST_ZOOM = 24, CRISP = 3, WIDEST_SCALE = 110;

for (const part of document.querySelectorAll(".part")) {
  const stage = part.querySelector(".stage");
  if (!stage) continue;
  const find = (selector) => part.querySelector(selector);
  const all = (selector) => [...part.querySelectorAll(selector)];
  const [width, height, metres] = ["width", "height", "metres"].map((key) => Number(stage.dataset[key]));
  const swipe = find(".swipe"), handle = find(".handle"), opacity = find(".opacity"), scale = find(".scale");
  const shapes = all(".shapes button"), paths = all(".marks path"), panes = all(".pane[data-date]"), layers = all(".over img");
  const view = { s: 1, x: 0, y: 0 };

  // Where one looks: the world is moved and enlarged, and never leaves the stage.
  function show(moving) {
    const w = stage.clientWidth, h = stage.clientHeight;
    view.s = Math.min(Math.max(view.s, 1), MOST_ZOOM);
    view.x = Math.min(0, Math.max(view.x, w * (1 - view.s)));
    view.y = Math.min(0, Math.max(view.y, h * (1 - view.s)));
    stage.classList.toggle("is-moving", Boolean(moving));
    stage.classList.toggle("is-zoomed", view.s > 1);
    stage.classList.toggle("is-crisp", (view.s * w) / width > CRISP);
    stage.style.setProperty("--s", view.s);
    stage.style.setProperty("--x", `${view.x}px`);
    stage.style.setProperty("--y", `${view.y}px`);
    if (!scale || !w) return;
    const per = (metres * width) / (w * view.s), power = 10 ** Math.floor(Math.log10(per * WIDEST_SCALE));
    const length = NICEST.map((one) => one * power).find((one) => one <= per * WIDEST_SCALE) ?? power;
    scale.querySelector("i").style.width = `${length / per}px`;
    scale.querySelector("b").textContent =
      length >= 1000 ? `${length / 1000} km` : length >= 1 ? `${length} m` : `${Math.round(length * 100)} cm`;
  }
  function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2, moving = true) {
    const s = Math.min(Math.max(view.s * factor, 1), MOST_ZOOM), real = s / view.s;
    view.x = x - (x - view.x) * real;
    view.y = y - (y - view.y) * real;
    view.s = s;
    show(moving);
  }
  function zoomTo([left, top, right, bottom]) {
    const w = stage.clientWidth, h = stage.clientHeight, kx = w / width, ky = h / height;
    const room = 2.6;
    view.s = Math.min(w / Math.max((right - left) * kx * room, 1), h / Math.max((bottom - top) * ky * room, 1), 10);
    view.s = Math.max(view.s, 1);
    view.x = w / 2 - ((left + right) / 2) * kx * view.s;
    view.y = h / 2 - ((top + bottom) / 2) * ky * view.s;
    show(true);
  }
  function mark(index) {
    shapes.forEach((one, i) => one.setAttribute("aria-pressed", String(i === index)));
    paths.forEach((one, i) => one.classList.toggle("is-marked", i === index));
    if (index === null) return;
    paths[index].parentNode.append(paths[index]); // on top of the others; `paths` keeps their order
    zoomTo(shapes[index].dataset.box.split(" ").map(Number));
  }
  function whole() {
    mark(null);
    view.s = 1;
    show(true);
  }
  function cut(value) {
    const part = Math.min(Math.max(value, 0), 100);
    stage.style.setProperty("--cut", `${part}%`);
    if (swipe) swipe.value = part;
    const output = swipe?.parentNode.querySelector("output");
    if (output) output.textContent = `${Math.round(part)} %`;
  }

  // The swipe: a handle for fingers and mice, and a range for keys and screen readers.
  swipe?.addEventListener("input", () => cut(Number(swipe.value)));
  handle?.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    event.stopPropagation();
    handle.setPointerCapture(event.pointerId);
  });
  handle?.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = stage.getBoundingClientRect();
    cut((100 * (event.clientX - box.left)) / box.width);
  });

  // Two fingers or the wheel with a key enlarge; one finger moves what is enlarged.
  const fingers = new Map();
  let apart = 0;
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button")) return;
    fingers.set(event.pointerId, event);
    if (view.s > 1 && !event.target.closest("path")) stage.setPointerCapture(event.pointerId);
    apart = 0;
  });
  stage.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    fingers.set(event.pointerId, event);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()], box = stage.getBoundingClientRect();
      const now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
      if (apart) zoom(now / apart, (a.clientX + b.clientX) / 2 - box.left, (a.clientY + b.clientY) / 2 - box.top, false);
      apart = now;
    } else if (view.s > 1) {
      stage.classList.add("is-panned");
      view.x += event.clientX - last.clientX;
      view.y += event.clientY - last.clientY;
      show(false);
    }
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) {
    stage.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      stage.classList.remove("is-panned");
    });
  }
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = stage.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 240), event.clientX - box.left, event.clientY - box.top, false);
    },
    { passive: false },
  );
  stage.addEventListener("dblclick", (event) => {
    if (event.target.closest("button, .handle")) return;
    const box = stage.getBoundingClientRect();
    zoom(2, event.clientX - box.left, event.clientY - box.top);
  });
  stage.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (step && view.s > 1) {
      view.x += step[0];
      view.y += step[1];
      show(true);
    } else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0" || event.key === "Escape") whole();
    else return;
    event.preventDefault();
  });
  find(".zoom-in").addEventListener("click", () => zoom(1.6));
  find(".zoom-out").addEventListener("click", () => zoom(1 / 1.6));
  find(".zoom-whole").addEventListener("click", whole);

  // What lies over the picture.
  opacity?.addEventListener("input", () => {
    stage.style.setProperty("--opacity", opacity.value / 100);
    opacity.parentNode.querySelector("output").textContent = `${opacity.value} %`;
  });
  for (const choice of all(".layer")) {
    choice.addEventListener("change", () => {
      for (const one of layers) one.hidden = one.dataset.layer !== choice.value;
      for (const one of all(".of-layer")) one.hidden = one.dataset.layer !== choice.value;
      const name = find(".tag-map");
      if (name) name.textContent = choice.dataset.name;
    });
  }
  const outlines = find(".outlines");
  outlines?.addEventListener("change", () => stage.classList.toggle("has-outlines", outlines.checked));
  shapes.forEach((one, i) => one.addEventListener("click", () => (one.getAttribute("aria-pressed") === "true" ? whole() : mark(i))));
  paths.forEach((one, i) => one.addEventListener("click", () => mark(i)));

  // Of more than two dates, which two are compared.
  const picks = all(".pick");
  for (const pick of picks) {
    pick.addEventListener("change", () => {
      const [left, right] = picks.map((one) => one.value);
      for (const pane of panes) {
        pane.dataset.side = pane.dataset.date === right ? "right" : pane.dataset.date === left ? "left" : "none";
      }
      picks.forEach((one, i) => (find(i ? ".tag-right" : ".tag-left").textContent = one.selectedOptions[0].text));
    });
  }

  new ResizeObserver(() => show(false)).observe(stage);
  show(false);
}
