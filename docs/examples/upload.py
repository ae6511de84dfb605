#!/usr/bin/env python3
"""Uploads a file to Cairn with nothing but Python's standard library.

    upload.py SERVER FILE [SESSION]

Prints the session first. Give it as SESSION to go on after a break: what is missing is sent, and so is every
block whose digest is not the one in FILE.cairn, a small file beside the upload that remembers what was sent.
"""

import hashlib
import json
import os
import sys
import urllib.request

BLOCK = 1_048_576


def ask(method, url, body=None, kind="application/octet-stream"):
    request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def indexes(pairs):
    return {index for first, end in pairs for index in range(first, end)}


def main():
    server, path = sys.argv[1].rstrip("/"), sys.argv[2]
    size = os.path.getsize(path)
    memory = path + ".cairn"
    if len(sys.argv) > 3:
        session = sys.argv[3]
        with open(memory) as file:
            sent = {int(index): digest for index, digest in json.load(file).items()}
    else:
        fields = {"name": os.path.basename(path), "size": size}
        started = ask("POST", f"{server}/api/start", json.dumps(fields).encode(), "application/json")
        session, sent = started["session_id"], {}
    print("session", session, flush=True)

    status = ask("GET", f"{server}/api/status/{session}")
    if status["size"] != size:
        at = min(status["size"], size) // BLOCK
        revised = {"revision": status["revision"] + 1, "at": at, "size": size, "chunks": []}
        ask("POST", f"{server}/api/check/{session}", json.dumps(revised).encode(), "application/json")
        status = ask("GET", f"{server}/api/status/{session}")
    missing = indexes(status["missing"])

    with open(path, "rb") as file:
        index = 0
        while block := file.read(BLOCK):
            digest = hashlib.sha256(block).hexdigest()
            if index in missing or sent.get(index) != digest:
                ask("PUT", f"{server}/api/upload/{session}/{index}", block)
                sent[index] = digest
                with open(memory, "w") as notes:
                    json.dump(sent, notes)
            index += 1

    finished = ask("POST", f"{server}/api/finish/{session}")
    if os.path.exists(memory):
        os.remove(memory)
    print("sha256", finished["blob"])
    print("link", server + finished["url"])


if __name__ == "__main__":
    main()
