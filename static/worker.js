// Starts the same program in the worker. The page sends where the JavaScript half is and the compiled module,
// and says nothing else until the program tells it to be ready.
addEventListener(
  "message",
  async ({ data: { glue, module } }) => {
    const { default: init } = await import(glue);
    await init({ module_or_path: module });
  },
  { once: true },
);
