// Sends a file, or all files of a folder, by tus: node tus-put.mjs ENDPOINT PATH
import { createReadStream, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { Upload } from "tus-js-client";

// As many as browsers have connections to one host.
const AT_ONCE = 6;

const [endpoint, path] = process.argv.slice(2);

const files = (path) =>
  statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => files(join(path, name))) : [path];

// No `chunkSize`: each file is one request. `parallelUploads` needs the concatenation extension, which
// @tus/file-store does not have.
const send = (path) =>
  new Promise((onSuccess, onError) => {
    const options = { endpoint, metadata: { filename: basename(path) }, uploadSize: statSync(path).size };
    new Upload(createReadStream(path), { ...options, uploadDataDuringCreation: true, onSuccess, onError }).start();
  });

const waiting = files(path);
const line = async () => {
  for (let next = waiting.pop(); next; next = waiting.pop()) await send(next);
};
await Promise.all(Array.from({ length: AT_ONCE }, line));
