//! Folders: made, filled, listed, changed, deleted.

use cairn_shared::ProblemCode;
use serde_json::{Value, json};

use crate::site::{self, Site, hex, noise};

const KEY: &str = "00112233445566778899aabbccddeeff";

/// A folder of its owner's.
pub(crate) struct Tree<'a> {
    pub(crate) site: &'a Site,
    pub(crate) owner: String,
    pub(crate) id: String,
    pub(crate) url: String,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(site: &'a Site, fields: &Value) -> Self {
        let owner = site.owner();
        let made = site.ask("POST", "/api/folder").by(&owner).json(fields).send().expect(201);
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        Self { site, owner, id: text("folder"), url: text("url") }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> site::Ask<'a> {
        self.site.ask(method, path).by(&self.owner)
    }

    /// Everything but finish; the session's id.
    pub(crate) fn send(&self, path: &str, bytes: &[u8]) -> String {
        let name = path.rsplit('/').next().unwrap();
        let fields = json!({
            "name": name, "path": path, "folder": self.id, "size": bytes.len(), "chunking": "fixed/65536",
            "media_type": "text/plain", "mtime": 7,
        });
        let started = self.ask("POST", "/api/start").json(&fields).send().expect(201);
        let id = started["session_id"].as_str().unwrap().to_owned();
        for (index, block) in bytes.chunks(65_536).enumerate() {
            self.ask("PUT", &format!("/api/upload/{id}/{index}")).body(block).send().expect(204);
        }
        id
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) -> Value {
        self.ask("POST", &format!("/api/finish/{}", self.send(path, bytes))).send().expect(201)
    }

    pub(crate) fn list(&self, query: &str) -> Value {
        self.ask("GET", &format!("/api/folder/{}{query}", self.id)).send().expect(200)
    }

    fn paths(&self) -> Vec<String> {
        let items = self.list("");
        items["items"].as_array().unwrap().iter().map(|item| item["path"].as_str().unwrap().into()).collect()
    }
}

/// Waits until a file's whole digest is known.
fn settled(tree: &Tree<'_>) -> Value {
    let known = |list: &Value| {
        let items = list["items"].as_array().unwrap().clone();
        items.iter().all(|item| item["kind"] == "folder" || item["blob"].is_string())
    };
    assert!(site::wait_for(|| known(&tree.list(""))));
    tree.list("")
}

#[test]
fn a_listing_is_the_receipt() {
    let site = Site::start();
    let tree = Tree::new(&site, &json!({"name": "Fotos 写真", "folders": ["leer", "日本/空"]}));
    let files = [("日本/東京.txt", 70_000), ("über uns/a b.txt", 5), ("z", 0), ("a/b/c/d", 1)];
    let finished: Vec<_> =
        (1..).zip(files).map(|(seed, (path, size))| tree.put(path, &noise(seed, size))).collect();
    assert!(finished.iter().all(|file| file["url"].is_null()), "the folder's link gives them");
    let list = settled(&tree);
    assert_eq!(
        (&list["folder"], &list["name"], &list["url"], &list["next"]),
        (&json!(tree.id), &json!("Fotos 写真"), &json!(tree.url), &Value::Null)
    );
    assert_eq!((&list["files"], &list["folders"], &list["bytes"]), (&json!(4), &json!(2), &json!(70_006)));
    assert_eq!(list["revision"], 5);
    let file = |seed: u64, revision: u64| {
        let (path, size) = files[seed as usize - 1];
        let done = &finished[seed as usize - 1];
        json!({
            "path": path, "kind": "file", "revision": revision, "file": done["file"], "size": size, "mtime": 7,
            "media_type": "text/plain", "manifest_digest": done["manifest_digest"],
            "blob": hex(&noise(seed, size)),
        })
    };
    let folder = |path: &str| json!({"path": path, "kind": "folder", "revision": 1});
    let expected = [file(4, 5), folder("leer"), file(3, 4), file(2, 3), file(1, 2), folder("日本/空")];
    assert_eq!(list["items"], json!(expected));
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = tree.list(&format!("?limit=2{after}"));
        seen.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={}", percent(next));
    }
    assert_eq!(seen, expected);
    assert_eq!(tree.list("?since=3")["items"], json!([file(4, 5), file(3, 4)]));
    assert_eq!(tree.list("?since=5")["items"], json!([]));
    assert_eq!(tree.ask("GET", "/api/files").send().expect(200)["items"], json!([]), "not one by one");
    let folders = tree.ask("GET", "/api/folder").send().expect(200);
    assert_eq!(folders["items"].as_array().unwrap().len(), 1);
    assert_eq!((&folders["items"][0]["folder"], &folders["items"][0]["files"]), (&json!(tree.id), &json!(4)));
    assert_eq!(folders["items"][0]["links"][0]["url"], json!(tree.url));
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn the_same_key_adds_to_the_same_folder() {
    let site = Site::start();
    let owner = site.owner();
    let make = |fields: Value| site.ask("POST", "/api/folder").by(&owner).json(&fields).send();
    let first = make(json!({"name": "f", "key": KEY, "folders": ["a"]})).expect(201);
    assert_eq!(first["revision"], 1);
    let again = make(json!({"name": "f", "key": KEY, "folders": ["a", "b/c"]})).expect(200);
    assert_eq!(
        (&again["folder"], &again["url"], &again["revision"]),
        (&first["folder"], &first["url"], &json!(2))
    );
    assert_eq!(make(json!({"name": "f", "key": KEY})).expect(200), again);
    make(json!({"name": "g", "key": KEY})).refused(ProblemCode::KeyReused);
    let other = make(json!({"name": "f"})).expect(201);
    assert_ne!(other["folder"], first["folder"]);
    let closed = make(json!({"name": "f", "link": false})).expect(201);
    assert!(closed.get("url").is_none());
    let share = format!("/api/share/{}", closed["folder"].as_str().unwrap());
    let link = site.ask("POST", &share).by(&owner).send().expect(201);
    assert_eq!(site.ask("GET", link["url"].as_str().unwrap()).send().status, 200);
    site.ask("POST", &share).by(&site.owner()).send().refused(ProblemCode::NotFound);
    site.ask("POST", &share).send().refused(ProblemCode::CredentialMissing);
    let revoke = format!("/api/share/{}", link["link"].as_str().unwrap());
    site.ask("DELETE", &revoke).by(&owner).send().expect(204);
    assert_eq!(site.ask("GET", link["url"].as_str().unwrap()).send().status, 404);
}

#[test]
fn a_file_takes_the_place_of_another_and_a_taken_path_is_refused() {
    let site = Site::start();
    let tree = Tree::new(&site, &json!({"name": "f", "folders": ["made"]}));
    let first = tree.put("a/b", b"old");
    let second = tree.put("a/b", b"newer");
    let list = tree.list("");
    assert_eq!((&list["files"], &list["bytes"], &list["revision"]), (&json!(1), &json!(5), &json!(3)));
    assert_eq!((&list["items"][0]["file"], &list["items"][0]["revision"]), (&second["file"], &json!(3)));
    let share = |file: &Value| tree.ask("POST", &format!("/api/share/{}", file.as_str().unwrap())).send();
    share(&first["file"]).refused(ProblemCode::NotFound);
    share(&second["file"]).expect(201);
    for path in ["a/b/c", "a", "made"] {
        let session = tree.send(path, b"x");
        let finish = || tree.ask("POST", &format!("/api/finish/{session}")).send();
        assert_eq!(finish().refused(ProblemCode::PathTaken)["field"], "path", "{path}");
        finish().refused(ProblemCode::PathTaken);
        let status = tree.ask("GET", &format!("/api/status/{session}")).send().expect(200);
        assert_eq!(status["state"], "open", "{path}");
    }
    assert_eq!(tree.list(""), list);
    let more = json!({"name": "f", "folders": ["fine", "a/b/c"]});
    let other = Tree::new(&site, &json!({"name": "f", "key": KEY}));
    other.put("a/b", b"x");
    let more = json!({"name": more["name"], "key": KEY, "folders": more["folders"]});
    let refused = other.ask("POST", "/api/folder").json(&more).send().refused(ProblemCode::PathTaken);
    assert_eq!(refused["field"], "folders");
    assert_eq!(other.paths(), ["a/b"]);
    // Out of the way, and the session that was refused goes on.
    let session = tree.send("a", b"file");
    let file = second["file"].as_str().unwrap();
    tree.ask("DELETE", &format!("/api/file/{file}")).send().expect(204);
    assert_eq!((tree.paths(), &tree.list("")["revision"]), (vec!["made".to_owned()], &json!(4)));
    tree.ask("POST", &format!("/api/finish/{session}")).json(&json!({"link": true})).send().expect(201);
    assert_eq!(tree.paths(), ["a", "made"]);
}

#[test]
fn a_deleted_folder_takes_everything_along() {
    let site = Site::on_disk(&[("sweep_every", "50ms"), ("delete_after", "50ms")]);
    let tree = Tree::new(&site, &json!({"name": "f", "key": KEY, "folders": ["empty"]}));
    for seed in 0..5 {
        tree.put(&format!("a/{seed}"), &noise(seed, 1_000));
    }
    let inside = tree.put("b", b"hello")["file"].as_str().unwrap().to_owned();
    let shared = tree.ask("POST", &format!("/api/share/{inside}")).send().expect(201);
    let late = tree.send("late", b"late");
    let count = || site.stored("chunks").len();
    assert_eq!(count(), 7);
    let path = format!("/api/folder/{}", tree.id);
    site.ask("DELETE", &path).by(&site.owner()).send().refused(ProblemCode::NotFound);
    for _ in 0..2 {
        tree.ask("DELETE", &path).send().expect(204);
        tree.ask("GET", &path).send().refused(ProblemCode::NotFound);
        assert_eq!(site.ask("GET", &tree.url).send().status, 404);
        assert_eq!(site.ask("GET", shared["url"].as_str().unwrap()).send().status, 404);
    }
    site.ask("DELETE", &path).by(&site.owner()).send().refused(ProblemCode::NotFound);
    site.ask("DELETE", &path).send().refused(ProblemCode::CredentialMissing);
    // Its files were deleted with it: deleting one again is no surprise, before the job and after.
    tree.ask("DELETE", &format!("/api/file/{inside}")).send().expect(204);
    let refused = tree.ask("POST", &format!("/api/finish/{late}")).send().refused(ProblemCode::NotFound);
    assert_eq!(refused["field"], "folder");
    tree.ask("DELETE", &format!("/api/session/{late}")).send().expect(204);
    assert!(site::wait_for(|| count() == 0), "the sweep frees what it held");
    tree.ask("DELETE", &format!("/api/file/{inside}")).send().expect(204);
    let fields = json!({"name": "another", "key": KEY});
    tree.ask("POST", "/api/folder").json(&fields).send().expect(201);
}

#[test]
fn a_thousand_paths_fit_into_one_request() {
    let site = Site::start();
    let paths: Vec<_> = (0..1_001).map(|n| format!("folder/{n:04}")).collect();
    let tree = Tree::new(&site, &json!({"name": "f", "folders": paths[..1_000]}));
    assert_eq!(tree.list("")["folders"], 1_000);
    let more = json!({"name": "f", "folders": paths});
    let refused = tree.ask("POST", "/api/folder").json(&more).send().refused(ProblemCode::FieldInvalid);
    assert_eq!(refused["field"], "folders");
    let bad = json!({"name": "f", "folders": ["a", "b/../c"]});
    let refused = tree.ask("POST", "/api/folder").json(&bad).send().refused(ProblemCode::FieldInvalid);
    assert_eq!(refused["field"], "folders[1]");
    let large = json!({"name": "f", "folders": vec!["x".repeat(255); 1_000].iter().map(|part| format!("{part}/{part}/{part}")).collect::<Vec<_>>()});
    tree.ask("POST", "/api/folder").json(&large).send().refused(ProblemCode::BodyLarge);
}
