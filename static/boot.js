// Starts the program in the page. The names of its two halves carry hashes; index.html knows them.
const { glue, wasm } = document.querySelector("script[data-glue]").dataset;
const { default: init } = await import(glue);
await init({ module_or_path: wasm });
