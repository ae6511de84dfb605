// A tus server on a free port, and a page with the Uppy dashboard that uploads to it: node tus-server.mjs FOLDER
import { readFileSync } from "node:fs";
import http from "node:http";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const PAGE = `<!doctype html><meta charset="utf-8"><title>Uppy</title>
<link rel="stylesheet" href="/uppy.min.css"><div id="uppy"></div>
<script type="module">
  import { Dashboard, Tus, Uppy } from "/uppy.min.mjs";
  const uppy = new Uppy({ autoProceed: true });
  uppy.use(Dashboard, { inline: true, target: "#uppy" }).use(Tus, { endpoint: "/files/" });
  window.finished = 0;
  window.troubles = [];
  uppy.on("upload-success", () => { window.finished += 1; });
  uppy.on("upload-error", (file, error) => { window.troubles.push(String(error)); });
</script>`;

const asset = (name, type) => [readFileSync(new URL(`node_modules/uppy/dist/${name}`, import.meta.url)), type];
const pages = {
  "/": [PAGE, "text/html"],
  "/uppy.min.css": asset("uppy.min.css", "text/css"),
  "/uppy.min.mjs": asset("uppy.min.mjs", "text/javascript"),
};

const tus = new Server({ path: "/files", datastore: new FileStore({ directory: process.argv[2] }) });
const server = http.createServer((request, response) => {
  const page = pages[request.url];
  if (!page) return tus.handle(request, response);
  response.writeHead(200, { "content-type": page[1] });
  response.end(page[0]);
});
// Node's own limit of five minutes for a request would end a large file on a slow line.
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
