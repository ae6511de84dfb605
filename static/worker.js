// Starts the same program in the worker. The page sends where the JavaScript half is and the compiled module,
// and says nothing else until the program tells it to be ready.

// A page never hears of a promise that was rejected here, so it is told, in the words of worker/message.rs.
const fail = (reason) => {
  console.error(reason);
  postMessage('"Failed"');
};

addEventListener(
  "message",
  async ({ data: { glue, module } }) => {
    try {
      const { default: init } = await import(glue);
      await init({ module_or_path: module });
    } catch (error) {
      fail(error);
    }
  },
  { once: true },
);

// The program has stopped for good.
addEventListener("unhandledrejection", ({ reason }) => {
  if (reason instanceof WebAssembly.RuntimeError) fail(reason);
});
