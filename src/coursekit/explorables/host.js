// Mounts every <figure data-explorable> of the page from its <script type="text/explorable">.
// It may stand in a page many times: the first one stays, the others ask it to look again.
(() => {
  const NAME = "batchByBatchExplorables";
  if (window[NAME]) return window[NAME].mount();
  const modules = {};

  // What a widget front end expects of its model, without a kernel behind it.
  function createModel(values) {
    const listeners = {};
    return {
      get: (key) => values[key],
      set(key, value) {
        if (Object.is(values[key], value)) return;
        values[key] = value;
        for (const listener of [...(listeners[`change:${key}`] ?? [])]) listener();
      },
      save_changes() {},
      on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
      off: (event, listener) => listeners[event]?.delete(listener),
    };
  }

  // A module text becomes a module through a Blob: that works from file:// as well.
  async function load(name) {
    const script = document.querySelector(`script[type="text/explorable"][data-name="${name}"]`);
    const url = URL.createObjectURL(new Blob([script.textContent], { type: "text/javascript" }));
    try {
      return await import(url);
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  // The still picture leaves only after render() has succeeded; if it throws, the picture stays.
  async function mountOne(figure) {
    figure.dataset.mounted = "";
    const live = document.createElement("div"), still = figure.querySelector(".explorable-still");
    try {
      const module = await (modules[figure.dataset.explorable] ??= load(figure.dataset.explorable));
      const model = createModel(JSON.parse(figure.dataset.state));
      figure.insertBefore(live, still);
      const destroy = module.default.render({ model, el: live });
      still.hidden = true;
      figure.explorable = {
        model,
        destroy() {
          destroy();
          live.remove();
          still.hidden = false;
          delete figure.explorable;
          delete figure.dataset.mounted;
        },
      };
      follow(location.hash, figure);
    } catch (error) {
      live.remove();
      console.error(`explorable ${figure.dataset.explorable}:`, error);
    }
  }

  // "#explorable-sampling?batch_size=1" sets the state of that figure and brings it into view.
  function follow(hash, only) {
    const [id, query] = hash.slice(1).split("?");
    const figure = query && document.getElementById(id);
    if (!figure?.explorable || (only && only !== figure)) return;
    for (const [key, value] of new URLSearchParams(query))
      figure.explorable.model.set(key, value !== "" && isFinite(value) ? Number(value) : value);
    figure.scrollIntoView({ block: "nearest" });
  }

  const mount = () =>
    document.querySelectorAll("figure[data-explorable]:not([data-mounted])").forEach(mountOne);
  window[NAME] = { mount };
  window.addEventListener("hashchange", () => follow(location.hash));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href*="#explorable-"]');
    if (link && link.hash === location.hash) follow(link.hash);
  });
  mount();
})();
