/* What a screen adds to the report: see docs/html.md for the reader's side. The page is whole without it. Every control is
   made here, so nothing stands idle where scripts are off. It reads the page alone: the pictures and numbers that stand in
   it, and data attributes (reportgen/rendering/context.py). The address keeps the view, so that a link restores it.
   Text from outside goes through textContent and properties, never through markup.
   This file is included in the page through Jinja: two braces in a row would be a placeholder. */
"use strict";

(() => {
  /* The words of the controls, in the page's language; the analyses' words are English in any. */
  const WORDS = {{ words.script | tojson }};
  const ONE = {{ words.one | tojson }};
  const DATA = "en";
  const say = (text, values) => text.replace(/{(\w+)}/g, (_, name) => values[name]);
  const counted = (forms, n, values) => say(forms[ONE.includes(n) ? 0 : 1], { n, ...values });
  const root = document.documentElement;
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /* A picture that comes again stands in the page once, and is drawn from there. Here each becomes an <img> of its own, with the
     same address, which a browser decodes once. */
  function asImages() {
    const drawn = all("svg.picture").map((svg) => {
      const part = svg.firstElementChild;
      const bytes = part.localName === "use" ? document.getElementById(part.getAttribute("href").slice(1)) : part;
      return [svg, bytes.getAttribute("href")];
    });
    for (const [svg, src] of drawn) {
      const [width, height] = ["width", "height"].map((side) => svg.getAttribute(side));
      const img = make("img", { alt: svg.getAttribute("aria-label"), width, height, lang: svg.lang || DATA, decoding: "async", src });
      Object.assign(img.dataset, svg.dataset);
      svg.replaceWith(img);
    }
  }

  /* --- the view, in the address: ?show=wrong&sort=name --------------------------------------------------------- */

  const view = new URLSearchParams(location.search);

  function keep(key, value) {
    if (value) view.set(key, value);
    else view.delete(key);
    const query = view.toString();
    try {
      history.replaceState(null, "", location.pathname + (query && `?${query}`) + location.hash);
    } catch {
      // A browser that refuses this for local files shows the view all the same; only the address lags behind.
    }
  }

  /* --- light and dark ------------------------------------------------------------------------------------------ */

  function themeButton() {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
    const button = make("button", { type: "button", className: "theme" });
    const say = () => { button.textContent = dark() ? WORDS.toLight : WORDS.toDark; };
    const choose = (theme) => {
      // What the system says anyway is no choice: the page goes on following it.
      if (theme === (system.matches ? "dark" : "light")) delete root.dataset.theme;
      else root.dataset.theme = theme;
      keep("theme", root.dataset.theme);
      say();
    };
    button.addEventListener("click", () => choose(dark() ? "light" : "dark"));
    system.addEventListener("change", say);
    if (["light", "dark"].includes(view.get("theme"))) root.dataset.theme = view.get("theme");
    say();
    return button;
  }

  /* --- contents: where the reader is, and a panel where the window is narrow ------------------------------------- */

  function contents(nav, bar) {
    const button = make("button", { type: "button", className: "open-contents", "aria-expanded": "false" }, WORDS.contents);
    const here = make("span", { className: "here", "aria-hidden": "true" });
    bar.prepend(button, here);
    nav.id ||= "contents-panel";
    button.setAttribute("aria-controls", nav.id);
    const open = (wanted) => {
      nav.classList.toggle("open", wanted);
      button.setAttribute("aria-expanded", String(wanted));
    };
    button.addEventListener("click", () => {
      open(!nav.classList.contains("open"));
      if (nav.classList.contains("open")) nav.querySelector("a").focus();
    });
    nav.addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !nav.classList.contains("open")) return;
      open(false);
      button.focus();
    });
    document.addEventListener("click", (event) => { if (!nav.contains(event.target) && !bar.contains(event.target)) open(false); });
    spy(nav, here);
  }

  function spy(nav, here) {
    const places = all("a[href^='#']", nav)
      .map((link) => [link, document.getElementById(link.hash.slice(1))])
      .filter(([, target]) => target);
    let current = null;
    const mark = () => {
      const line = innerHeight * 0.3;
      const atEnd = scrollY > 0 && innerHeight + scrollY >= root.scrollHeight - 2;
      const passed = places.filter(([, target]) => atEnd || target.getBoundingClientRect().top <= line);
      const [link] = passed.at(-1) ?? [null];
      if (link === current) return;
      current?.removeAttribute("aria-current");
      link?.setAttribute("aria-current", "location");
      current = link;
      here.textContent = link?.textContent.trim() ?? "";
      if (link) follow(nav, link);
    };
    let waiting = false;
    const soon = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; mark(); });
    };
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    mark();
  }

  function follow(nav, link) {
    const [box, item] = [nav.getBoundingClientRect(), link.getBoundingClientRect()];
    if (item.top < box.top + 64) nav.scrollTop += item.top - box.top - 64;
    if (item.bottom > box.bottom - 32) nav.scrollTop += item.bottom - box.bottom + 32;
  }

  /* --- the images: filter and sort ------------------------------------------------------------------------------ */

  function readCards(sheet) {
    return all(".card", sheet).map((element, place) => ({
      element, place, ...element.dataset,
      name: element.querySelector(".card-name")?.textContent ?? "",
      probability: Number(element.dataset.probability),
      measured: JSON.parse(element.dataset.measured || "[]"),
    }));
  }

  const byText = (a, b) => a.localeCompare(b, "en", { numeric: true });
  const decimals = (measure) => measure.decimals ?? (measure.percent ? 0 : 3);
  const scale = (measure) => (measure.percent ? 100 : 1);
  const shownValue = (measure, value) =>
    value === null ? "–" : `${(value * scale(measure)).toFixed(decimals(measure)).replace("-", "−")}${measure.percent ? " %" : ""}`;

  /* The label stands beside its control, not around it: the choices of a select would become part of its name. */
  function labelled(label, control, className, ...more) {
    control.id = `control-${(labelled.count = (labelled.count ?? 0) + 1)}`;
    return make("div", { className }, make("label", { htmlFor: control.id }, label), control, ...more);
  }

  function select(options) {
    // Measures stand in groups, one a section.
    const control = make("select");
    for (const [value, text, group, lang] of options) {
      let parent = control;
      if (group) {
        parent = all("optgroup", control).find((item) => item.label === group) ?? make("optgroup", { label: group, lang: DATA });
        control.append(parent);
      }
      parent.append(make("option", lang ? { value, lang } : { value }, text));
    }
    return control;
  }

  function imageTools(sheet) {
    const cards = readCards(sheet);
    const measures = JSON.parse(sheet.dataset.measures || "[]")
      .map((measure, i) => ({ ...measure, values: cards.map((card) => card.measured[i] ?? null) }))
      .filter((measure) => measure.values.some((value) => value !== null));
    const measureOptions = measures.map((measure) => [measure.id, measure.label + (measure.unit && ` (${measure.unit})`), measure.section]);
    const classes = [...new Set(cards.flatMap((card) => [card.prediction, card.label]))].filter(Boolean).sort(byText);
    const marks = ["right", "wrong", ""].filter((mark) => cards.some((card) => card.correct === mark));
    const controls = {
      show: select([["", WORDS.all], ...marks.map((mark) => [mark || "unlabelled", WORDS[mark || "unlabelled"]])]),
      class: select([["", WORDS.all], ...classes.map((name) => [name, name, "", DATA])]),
      low: select([["", WORDS.any], ...measureOptions]),
      most: make("input", { type: "number", step: "any" }),
      find: make("input", { type: "search", placeholder: WORDS.findHint, autocomplete: "off" }),
      sort: select([["", WORDS.order], ["name", WORDS.name], ["class", WORDS.class], ["probability", WORDS.probability], ...measureOptions]),
    };
    const direction = make("button", { type: "button", className: "direction" });
    const reset = make("button", { type: "button" }, WORDS.reset);
    const status = make("p", { className: "status", role: "status" });
    const fields = Object.entries(controls)
      .filter(([key]) => measures.length || !["low", "most"].includes(key))
      .map(([key, control]) => labelled(WORDS[key], control, "field"));
    sheet.before(make("div", { className: "tools", role: "group", "aria-label": WORDS.tools }, ...fields, direction, reset, status));

    const measure = (id) => measures.find((item) => item.id === id);
    const apply = () => {
      const limited = measure(controls.low.value), sorted = measure(controls.sort.value);
      controls.most.disabled = !limited;
      const chosen = cards.filter((card) => passes(card, controls, limited));
      const descending = view.get("dir") === "desc";
      direction.textContent = descending ? WORDS.down : WORDS.up;
      direction.disabled = !controls.sort.value;
      const ordered = inOrder(cards, controls.sort.value, sorted, descending);
      if (ordered.some((card, i) => sheet.children[i] !== card.element)) sheet.append(...ordered.map((card) => card.element));
      for (const card of cards) {
        card.element.hidden = !chosen.includes(card);
        showMeasures(card, [sorted, limited]);
      }
      status.textContent = say(WORDS.shown, { n: chosen.length, total: cards.length });
    };
    const restart = () => {
      for (const key of ["dir", ...Object.keys(controls)]) keep(key, "");
      for (const control of Object.values(controls)) control.value = "";
      apply();
    };
    for (const [key, control] of Object.entries(controls)) {
      control.value = view.get(key) ?? "";
      if (control.selectedIndex === -1) control.value = "";  // a link to what this report does not have
      control.addEventListener(control.tagName === "SELECT" ? "change" : "input", () => {
        if (key === "low") keep("most", (controls.most.value = quarter(measure(control.value))));
        keep(key, control.value);
        apply();
      });
    }
    direction.addEventListener("click", () => { keep("dir", view.get("dir") === "desc" ? "" : "desc"); apply(); });
    reset.addEventListener("click", restart);
    apply();
    // A link to an image that the filter hides would lead nowhere.
    addEventListener("hashchange", () => {
      const target = document.getElementById(location.hash.slice(1));
      if (!target?.matches(".card") || !target.hidden) return;
      restart();
      target.scrollIntoView();
    });
  }

  function passes(card, controls, limited) {
    const { show, class: wanted, find, most } = controls;
    const text = [card.name, card.prediction, card.label].join("\n").toLowerCase();
    const value = limited && limited.values[card.place];
    return (!show.value || (card.correct || "unlabelled") === show.value)
      && (!wanted.value || [card.prediction, card.label].includes(wanted.value))
      && text.includes(find.value.trim().toLowerCase())
      && (!limited || most.value === "" || (value !== null && value * scale(limited) <= Number(most.value)));
  }

  /* The lowest quarter: a place to start from, whatever the measure's range; rounded up, so that its last image stays in. */
  function quarter(measure) {
    if (!measure) return "";
    const known = measure.values.filter((value) => value !== null).sort((a, b) => a - b);
    const step = 10 ** decimals(measure);
    const limit = Math.ceil(known[Math.floor((known.length - 1) / 4)] * scale(measure) * step) / step;
    return String(limit);
  }

  function inOrder(cards, key, measure, descending) {
    const value = measure ? (card) => measure.values[card.place]
      : { name: (card) => card.name, class: (card) => card.prediction, probability: (card) => card.probability }[key];
    return value ? sortedBy(cards, value, descending) : cards;
  }

  /* Stable; what has no value stands last in either direction. */
  function sortedBy(items, value, descending) {
    const sign = descending ? -1 : 1;
    return [...items].sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" && typeof b === "number" ? a - b : byText(String(a), String(b)));
    });
  }

  function showMeasures(card, measures) {
    card.element.querySelector(".card-measures")?.remove();
    const used = [...new Set(measures.filter(Boolean))];
    if (!used.length) return;
    const lines = used.map((measure) => make("span", {}, `${measure.label} ${shownValue(measure, measure.values[card.place])}`));
    card.element.querySelector("button, img").after(make("p", { className: "card-measures", lang: DATA }, ...lines));
  }

  /* --- tables: sort, copy --------------------------------------------------------------------------------------- */

  function rawValue(cell) {
    const text = cell.dataset.value;
    if (!text) return null;
    if (text.startsWith('"')) return JSON.parse(text);
    return Number.isNaN(Number(text)) ? text : Number(text);
  }

  function sortableTable(box) {
    const table = box.querySelector("table");
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = all("thead th", table);
    const sort = (index, direction) => {
      heads.forEach((head, i) => {
        if (i === index && direction) head.setAttribute("aria-sort", direction);
        else head.removeAttribute("aria-sort");
      });
      body.append(...(direction ? sortedBy(rows, (row) => rawValue(row.cells[index]), direction === "descending") : rows));
      keep(box.id, direction ? `${heads[index].dataset.key}.${direction}` : "");
    };
    heads.forEach((head, index) => {
      const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
      head.append(button);
      // Once up, twice down, three times as the report has it.
      button.addEventListener("click", () => sort(index, { ascending: "descending", descending: "" }[head.ariaSort] ?? "ascending"));
    });
    const [, key, direction] = /^(.*)\.(ascending|descending)$/.exec(view.get(box.id) ?? "") ?? [];
    const wanted = heads.findIndex((head) => direction && head.dataset.key === key);
    if (wanted >= 0) sort(wanted, direction);
    box.after(copyTools(box, heads, () => [...body.rows]));
  }

  function copyTools(box, heads, rows) {
    const name = box.getAttribute("aria-label");
    const button = make("button", { type: "button", "aria-label": `${WORDS.copy}: ${name}` }, WORDS.copy);
    const status = make("span", { role: "status" });
    button.addEventListener("click", async () => {
      // The same text as the CSV file of the run folder, in the order that stands on the screen.
      const lines = [heads.map((head) => quoted(head.dataset.key)), ...rows().map((row) => [...row.cells].map(csvCell))];
      const done = await copied(lines.map((line) => `${line.join(",")}\n`).join(""));
      status.textContent = done ? counted(WORDS.copied, lines.length - 1, { name }) : WORDS.notCopied;
      setTimeout(() => { status.textContent = ""; }, 5000);
    });
    return make("div", { className: "table-tools", lang: root.lang }, button, status);
  }

  function csvCell(cell) {
    const text = cell.dataset.value ?? "";
    if (!text.startsWith('"')) return quoted(text);
    const value = JSON.parse(text);
    return quoted(/^[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : value);  // as in the CSV file: no cell is a formula
  }

  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = make("textarea", { value: text, className: "hidden" });
      const before = document.activeElement;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");  // where the clipboard is closed to a page that no server sent
      area.remove();
      before?.focus();
      return done;
    }
  }

  /* --- pictures: enlarge, and lay a method's picture over the photograph ------------------------------------------ */

  /* One entry an image: its photograph, and by name what may be laid over it; nothing is loaded twice. */
  function readLayers() {
    const images = new Map();
    for (const img of all("img[data-over]")) {
      const entry = images.get(img.dataset.over) ?? { photograph: null, layers: new Map() };
      images.set(img.dataset.over, entry);
      if (!img.dataset.layer) entry.photograph ??= img;
      else if (!entry.layers.has(img.dataset.layer)) entry.layers.set(img.dataset.layer, img);
    }
    return images;
  }

  function viewer() {
    const images = readLayers();
    const parts = {
      title: make("h2", { id: "viewer-title" }),
      place: make("span", { className: "viewer-place" }),
      stage: make("div", { className: "stage" }),
      methods: make("fieldset", { className: "methods" }),
      opacity: make("input", { type: "range", min: 0, max: 100, step: 5, value: view.get("opacity") || "100" }),
      percent: make("output"),
      about: make("div", { className: "viewer-about" }),
      previous: make("button", { type: "button" }, WORDS.previous),
      next: make("button", { type: "button" }, WORDS.next),
      close: make("button", { type: "button", className: "close" }, WORDS.close),
    };
    parts.slider = labelled(WORDS.opacity, parts.opacity, "slider", parts.percent);
    parts.turn = make("div", { className: "turn" }, parts.previous, parts.place, parts.next);
    const dialog = make("dialog", { className: "viewer", "aria-labelledby": "viewer-title" },
      make("div", { className: "viewer-head" }, parts.title, parts.turn, parts.close),
      parts.stage, make("div", { className: "viewer-side" }, parts.methods, parts.slider, parts.about));
    document.body.append(dialog);
    let shown = null;

    const button = (img) => img.closest("button.enlarge");
    const turnable = () => all(".card:not([hidden])").map((card) => card.id).filter((id) => images.get(id)?.photograph);
    const blend = () => {
      parts.percent.textContent = `${parts.opacity.value} %`;
      parts.stage.style.setProperty("--opacity", parts.opacity.value / 100);
    };
    const picture = (img, className) => make("img", { src: img.src, alt: img.alt, lang: DATA, width: img.width, height: img.height, className });
    const lay = (id, name) => {
      const { photograph, layers } = images.get(id);
      const layer = layers.get(name);
      stand(photograph);
      parts.stage.replaceChildren(picture(photograph, "under"), ...(layer ? [picture(layer, "over")] : []));
      parts.slider.hidden = !layer;
      about(layer ?? photograph, document.getElementById(id));
    };
    const stand = (img) => {
      const [width, height] = [img.getAttribute("width"), img.getAttribute("height")].map(Number);
      parts.stage.style.setProperty("--ratio", width / height);
    };
    const about = (img, card) => {
      const copies = [".card-prediction", ".card-mark", ".card-meta"].map((part) => card?.querySelector(part)?.cloneNode(true));
      const legend = img.closest("figure")?.querySelector(".legend")?.cloneNode(true);
      parts.about.replaceChildren(...copies.filter(Boolean), make("p", { className: "viewer-alt", lang: DATA }, img.alt), ...(legend ? [legend] : []));
    };
    const choices = (id, chosen) => {
      const options = ["", ...images.get(id).layers.keys()].map((name) => {
        const radio = make("input", { type: "radio", name: "layer", value: name, checked: name === chosen });
        radio.addEventListener("change", () => { keep("layer", name); lay(id, name); });
        return make("label", {}, radio, make("span", name ? { lang: DATA } : {}, name || WORDS.original));
      });
      parts.methods.replaceChildren(make("legend", {}, WORDS.over), ...options);
      parts.methods.hidden = options.length < 2;
    };
    const open = () => { if (!dialog.open) dialog.showModal(); };
    const openImage = (id) => {
      const { photograph, layers } = images.get(id);
      const chosen = layers.has(view.get("layer")) ? view.get("layer") : "";
      const card = document.getElementById(id);
      shown = id;
      parts.title.textContent = card?.querySelector(".card-name")?.textContent ?? photograph.alt;
      parts.title.lang = card ? root.lang : DATA;
      choices(id, chosen);
      lay(id, chosen);
      const order = turnable();
      const at = order.indexOf(id);
      parts.turn.hidden = order.length < 2 || at < 0;
      parts.place.textContent = say(WORDS.place, { n: at + 1, total: order.length });
      parts.previous.disabled = at <= 0;
      parts.next.disabled = at >= order.length - 1;
      keep("view", id);
      open();
    };
    const openPlain = (img) => {
      const caption = img.closest("figure")?.querySelector(".number")?.textContent ?? "";
      shown = null;
      parts.title.textContent = caption || img.alt;
      parts.title.lang = caption ? root.lang : DATA;
      parts.methods.hidden = parts.slider.hidden = parts.turn.hidden = true;
      stand(img);
      parts.stage.replaceChildren(picture(img, img.closest(".chart") ? "under chart-picture" : "under"));
      about(img, null);
      open();
    };
    const turn = (by) => {
      const order = turnable();
      const id = order[order.indexOf(shown) + by];
      if (shown && id && order.includes(shown)) openImage(id);
      // A button that has just been disabled would drop the focus out of the dialog's reach.
      if (document.activeElement === document.body || document.activeElement?.disabled) parts.close.focus();
    };

    parts.close.addEventListener("click", () => dialog.close());
    parts.previous.addEventListener("click", () => turn(-1));
    parts.next.addEventListener("click", () => turn(1));
    parts.opacity.addEventListener("input", blend);
    parts.opacity.addEventListener("change", () => keep("opacity", parts.opacity.value === "100" ? "" : parts.opacity.value));
    parts.about.addEventListener("click", (event) => { if (event.target.closest("a")) dialog.close(); });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("keydown", (event) => {
      if (event.target.matches("input") || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "ArrowLeft") turn(-1);
      if (event.key === "ArrowRight") turn(1);
    });
    dialog.addEventListener("close", () => {
      // The browser gives the focus back to what opened the dialog; where a link did, there is nothing to go back to.
      const lost = document.activeElement === document.body || dialog.contains(document.activeElement);
      if (shown && lost) button(images.get(shown).photograph)?.focus();
      parts.stage.replaceChildren();
      keep("view", "");
    });

    for (const img of all(".card img, .panel img, .chart img")) {
      const opener = make("button", { type: "button", className: "enlarge", "aria-haspopup": "dialog", "aria-label": say(WORDS.enlarge, { name: img.alt }), lang: DATA });
      img.replaceWith(opener);
      opener.append(img);
      opener.addEventListener("click", () => {
        const { over, layer } = img.dataset;
        if (!images.get(over)?.photograph) return openPlain(img);
        // A card opens on the method in use; a picture opens on itself.
        if (layer || !img.closest(".card")) keep("layer", layer);
        openImage(over);
      });
    }
    blend();
    if (images.get(view.get("view"))?.photograph) openImage(view.get("view"));
    return { images, open: (id, layer) => { keep("layer", layer); openImage(id); } };
  }

  /* --- the gallery: one method over all its photographs ----------------------------------------------------------- */

  function gallery({ images, open }) {
    const box = document.querySelector(".gallery");
    const list = box?.querySelector(".shots");
    const shots = all(".shot", list ?? root).map((element) => shot(element, images.get(element.dataset.of), open));
    const names = [...new Set(shots.flatMap(({ layers }) => [...layers.keys()]))];
    if (!names.length) return;
    // Beside each map its photograph stands anyway.
    const pairs = list.classList.contains("pairs");
    const options = [...(pairs ? [] : [""]), ...names];
    const opacity = make("input", { type: "range", min: 0, max: 100, step: 5, value: view.get("blend") || "100" });
    const slider = labelled(WORDS.opacity, opacity, "slider");
    const under = make("div", { className: "gallery-under" });
    const blend = () => list.style.setProperty("--opacity", opacity.value / 100);
    const lay = (name) => {
      for (const item of shots) item.lay(name);
      const map = shots.map(({ layers }) => layers.get(name)).find(Boolean);
      const legend = map?.closest("figure")?.querySelector(".legend")?.cloneNode(true);
      under.replaceChildren(...(legend ? [legend] : []), slider);
      slider.hidden = !name;
    };
    // The name of a method may be anything, but never empty; "-" stands for the photographs alone.
    const asked = view.get("map") === "-" ? "" : view.get("map");
    const first = options.includes(asked) ? asked : names[0];
    const radios = options.map((name) => {
      const radio = make("input", { type: "radio", name: "gallery-layer", value: name, checked: name === first });
      radio.addEventListener("change", () => { keep("map", name === names[0] ? "" : name || "-"); lay(name); });
      return make("label", {}, radio, make("span", name ? { lang: DATA } : {}, name || WORDS.original));
    });
    opacity.addEventListener("input", blend);
    opacity.addEventListener("change", () => keep("blend", opacity.value === "100" ? "" : opacity.value));
    list.before(make("fieldset", { className: "methods", hidden: options.length < 2 }, make("legend", {}, WORDS.over), ...radios), under);
    blend();
    lay(first);
  }

  /* One photograph of the gallery: a button that opens the viewer on what lies over it. */
  function shot(element, entry, open) {
    const link = element.querySelector("a");
    const layers = entry?.layers ?? new Map();
    const [photograph] = all("img", link);
    const pairs = element.closest(".pairs");
    const button = make("button", { type: "button", className: "enlarge shot-pictures", "aria-haspopup": "dialog", lang: DATA });
    button.style.cssText = link.style.cssText;
    const stage = make("span", { className: "lay" });
    button.append(...(pairs ? [photograph.cloneNode()] : []), ...(pairs && !layers.size ? [] : [stage]));
    link.replaceWith(button);
    let shown = "";
    const lay = (name) => {
      const map = layers.get(name);
      shown = map ? name : "";
      const over = map && make("img", { src: map.src, alt: map.alt, className: "over", width: map.width, height: map.height });
      const under = photograph.cloneNode();
      if (over) under.alt = "";
      const none = name && !map ? [make("span", { className: "shot-none", lang: root.lang }, WORDS.noMap)] : [];
      stage.replaceChildren(under, ...(over ? [over] : []), ...none);
      button.setAttribute("aria-label", say(WORDS.enlarge, { name: (map ?? photograph).alt }));
    };
    button.addEventListener("click", () => { if (entry?.photograph) open(element.dataset.of, shown); });
    lay("");
    return { layers, lay };
  }

  /* --- begin --------------------------------------------------------------------------------------------------- */

  root.classList.add("js");
  asImages();
  const bar = make("div", { className: "bar" }, themeButton());
  const nav = document.querySelector("nav.contents");
  (document.querySelector(".skip") ?? document.body.firstElementChild).after(bar);
  if (nav) contents(nav, bar);
  // A page that shows a part of its images or rows (brief) has nothing to filter, sort or copy.
  for (const sheet of all("ul.sheet[data-measures]")) imageTools(sheet);
  for (const box of all(".table-box")) if (box.querySelector("tbody") && box.querySelector("th[data-key]")) sortableTable(box);
  gallery(viewer());
})();
