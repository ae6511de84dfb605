// Starts the same program in the worker. The page sends where the JavaScript half is and the compiled module,
// and says nothing else until the program tells it to be ready. An error outside the promise tells the page, which then
// starts another worker.
addEventListener(
  "message",
  ({ data: { glue, module } }) => {
    import(glue)
      .then(({ default: init }) => init({ module_or_path: module }))
      .catch((error) =>
        setTimeout(() => {
          throw error;
        }),
      );
  },
  { once: true },
);
