// Starts the program in the page. The names of its two halves carry hashes; index.html knows them.
try {
  const { glue, wasm } = document.querySelector("script[data-glue]").dataset;
  const { default: init } = await import(glue);
  await init({ module_or_path: wasm });
} catch (error) {
  console.error(error);
  // The program takes the element away when it runs.
  const loading = document.getElementById("loading");
  if (loading) loading.textContent = loading.dataset.failed;
}
