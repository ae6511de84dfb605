//! Bad input, one by one: a code, a status, and a data folder that stays as it was.

use std::time::Duration;

use cairn_shared::ProblemCode;
use serde_json::{Value, json};

use crate::site::{self, Answer, Site, hex, noise};

const BLOCK: usize = 65_536;

/// An owner with a session in every state, and a server that must not change.
struct Scene {
    site: Site,
    owner: String,
    file: Vec<u8>,
    /// Fixed blocks, the first of two is here.
    open: String,
    /// Two declared rows in revision 1, none is here.
    declared: String,
    /// Everything is here, and nobody has finished it.
    whole: String,
    finished: String,
    ended: String,
    /// Somebody else's.
    foreign: String,
    /// Has a file at `taken`.
    folder: String,
    foreign_folder: String,
    /// Everything is here for a file at `taken/x` of the folder.
    inside: String,
}

impl Scene {
    fn new() -> Self {
        let site = Site::on_disk(&[("body_idle", "300ms")]);
        let (owner, stranger) = (site.owner(), site.owner());
        let file = noise(1, BLOCK + 1_000);
        let fixed = json!({"name": "a", "size": file.len(), "chunking": "fixed/65536", "key": KEY});
        let start = |bearer: &str, fields: &Value| {
            let started = site.ask("POST", "/api/start").by(bearer).json(fields).send().expect(201);
            started["session_id"].as_str().unwrap().to_owned()
        };
        let mut other = fixed.clone();
        other.as_object_mut().unwrap().remove("key");
        let open = start(&owner, &fixed);
        let ended = start(&owner, &other);
        let foreign = start(&stranger, &other);
        let declared = start(&owner, &json!({"name": "b", "size": 2_000, "chunking": "fastcdc-2020/1"}));
        let five = json!({"name": "c", "size": 5});
        let (whole, finished) = (start(&owner, &five), start(&owner, &five));
        let make = |bearer: &str| {
            let fields = json!({"name": "f", "key": KEY});
            let made = site.ask("POST", "/api/folder").by(bearer).json(&fields).send().expect(201);
            made["folder"].as_str().unwrap().to_owned()
        };
        let (folder, foreign_folder) = (make(&owner), make(&stranger));
        let into = |name: &str, path: &str| {
            start(&owner, &json!({"name": name, "size": 5, "path": path, "folder": folder}))
        };
        let (taken, inside) = (into("taken", "taken"), into("x", "taken/x"));
        let scene = Self {
            site,
            owner,
            file,
            open,
            declared,
            whole,
            finished,
            ended,
            foreign,
            folder,
            foreign_folder,
            inside,
        };
        for session in [&taken, &scene.inside] {
            scene.put(session, 0, b"hello").expect(204);
        }
        scene.post("finish", &taken, &json!({})).expect(201);
        scene.put(&scene.whole, 0, b"hello").expect(204);
        scene.put(&scene.open, 0, &scene.file[..BLOCK]).expect(204);
        scene.put(&scene.finished, 0, b"hello").expect(204);
        scene.post("finish", &scene.finished, &json!({})).expect(201);
        scene.ask("DELETE", &format!("/api/session/{}", scene.ended)).send().expect(204);
        for revision in [0, 1] {
            let row = json!({"digest": hex(&noise(2, 1_000)), "length": 1_000});
            let rows = json!({"revision": revision, "at": 0, "chunks": [row, row]});
            scene.post("check", &scene.declared, &rows).expect(200);
        }
        scene
    }

    fn ask(&self, method: &str, path: &str) -> site::Ask<'_> {
        self.site.ask(method, path).by(&self.owner)
    }

    fn start(&self, field: &str, value: Value) -> Answer {
        let mut fields = json!({"name": "a"});
        fields[field] = value;
        self.ask("POST", "/api/start").json(&fields).send()
    }

    fn start_in(&self, folder: &str, name: &str, path: Value) -> Answer {
        let fields = json!({"name": name, "folder": folder, "path": path});
        self.ask("POST", "/api/start").json(&fields).send()
    }

    fn folder(&self, fields: Value) -> Answer {
        self.ask("POST", "/api/folder").json(&fields).send()
    }

    fn post(&self, verb: &str, session: &str, body: &Value) -> Answer {
        self.ask("POST", &format!("/api/{verb}/{session}")).json(body).send()
    }

    fn put(&self, session: &str, index: usize, bytes: &[u8]) -> Answer {
        self.ask("PUT", &format!("/api/upload/{session}/{index}")).body(bytes).send()
    }

    fn status(&self, session: &str) -> Answer {
        self.ask("GET", &format!("/api/status/{session}")).send()
    }

    /// Block 1 of the open session, with headers and bytes that a proper client would not send.
    fn raw(&self, headers: &str, bytes: &[u8], half_close: bool) -> String {
        let mut request = format!(
            "PUT /api/upload/{}/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\n{headers}\r\n",
            self.open, self.owner
        )
        .into_bytes();
        request.extend_from_slice(bytes);
        self.site.raw(&request, half_close)
    }

    /// What must not change: every byte of the log, every chunk, nothing half-written.
    fn stored(&self) -> Stored {
        ["log", "chunks", "tmp"].map(|folder| self.site.stored(folder))
    }
}

const KEY: &str = "00112233445566778899aabbccddeeff";
const UNKNOWN: &str = "ffeeddccbbaa99887766554433221100";

/// A name of a case, what is asked, and how it is refused.
type Case = (&'static str, fn(&Scene) -> Answer, ProblemCode);

const CASES: &[Case] = &[
    ("unknown session: upload", |at| at.put(UNKNOWN, 0, b"x"), ProblemCode::NotFound),
    ("unknown session: status", |at| at.status(UNKNOWN), ProblemCode::NotFound),
    ("unknown session: check", |at| at.post("check", UNKNOWN, &check(0, 0)), ProblemCode::NotFound),
    ("unknown session: finish", |at| at.post("finish", UNKNOWN, &json!({})), ProblemCode::NotFound),
    ("foreign session: upload", |at| at.put(&at.foreign, 0, &at.file[..BLOCK]), ProblemCode::NotFound),
    ("foreign session: status", |at| at.status(&at.foreign), ProblemCode::NotFound),
    ("foreign session: check", |at| at.post("check", &at.foreign, &check(0, 0)), ProblemCode::NotFound),
    ("foreign session: finish", |at| at.post("finish", &at.foreign, &json!({})), ProblemCode::NotFound),
    (
        "foreign session: given up",
        |at| at.ask("DELETE", &format!("/api/session/{}", at.foreign)).send(),
        ProblemCode::NotFound,
    ),
    ("ended session: upload", |at| at.put(&at.ended, 0, &at.file[..BLOCK]), ProblemCode::SessionEnded),
    ("ended session: status", |at| at.status(&at.ended), ProblemCode::SessionEnded),
    ("ended session: check", |at| at.post("check", &at.ended, &check(0, 0)), ProblemCode::SessionEnded),
    ("ended session: finish", |at| at.post("finish", &at.ended, &json!({})), ProblemCode::SessionEnded),
    (
        "ended session, to others",
        |at| at.site.ask("GET", &format!("/api/status/{}", at.ended)).send(),
        ProblemCode::NotFound,
    ),
    (
        "wrong digest of a declared row",
        |at| at.put(&at.declared, 0, &noise(3, 1_000)),
        ProblemCode::DigestMismatch,
    ),
    (
        "wrong Content-Digest",
        |at| {
            at.ask("PUT", &format!("/api/upload/{}/1", at.open))
                .header("Content-Digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")
                .body(&at.file[BLOCK..])
                .send()
        },
        ProblemCode::DigestMismatch,
    ),
    ("block too short", |at| at.put(&at.open, 1, &at.file[BLOCK + 1..]), ProblemCode::ChunkLength),
    ("block too long", |at| at.put(&at.open, 1, &at.file[BLOCK - 1..]), ProblemCode::ChunkLength),
    ("empty block", |at| at.put(&at.open, 1, b""), ProblemCode::ChunkLength),
    ("chunk over the limit", |at| at.put(&at.open, 1, &vec![0; (8 << 20) + 1]), ProblemCode::BodyLarge),
    (
        "row over the limit",
        |at| {
            let row = json!({"digest": hex(b"x"), "length": (4 << 20) + 1});
            at.post("check", &at.declared, &json!({"revision": 2, "at": 0, "chunks": [row]}))
        },
        ProblemCode::FieldInvalid,
    ),
    ("index out of range", |at| at.put(&at.open, 2, b"x"), ProblemCode::IndexOutOfRange),
    ("index undeclared", |at| at.put(&at.declared, 2, b"x"), ProblemCode::RowUndeclared),
    ("index of no range", |at| at.put(&at.open, usize::MAX, b"x"), ProblemCode::PathInvalid),
    ("older revision: check", |at| at.post("check", &at.declared, &check(0, 0)), ProblemCode::RevisionOld),
    (
        "older revision: finish",
        |at| at.post("finish", &at.declared, &json!({"revision": 0})),
        ProblemCode::RevisionOld,
    ),
    ("revision skipped", |at| at.post("check", &at.declared, &check(3, 0)), ProblemCode::RevisionGap),
    ("rows skipped", |at| at.post("check", &at.declared, &check(1, 9)), ProblemCode::IndexOutOfRange),
    ("row declared otherwise", |at| at.post("check", &at.declared, &check(1, 0)), ProblemCode::RowDiffers),
    ("finish with chunks missing", |at| at.post("finish", &at.open, &json!({})), ProblemCode::ChunksMissing),
    (
        "finish with another size",
        |at| at.post("finish", &at.whole, &json!({"size": 7})),
        ProblemCode::SizeDiffers,
    ),
    (
        "finish with another manifest",
        |at| at.post("finish", &at.whole, &json!({"manifest_digest": hex(b"x")})),
        ProblemCode::ManifestDiffers,
    ),
    ("upload after finish", |at| at.put(&at.finished, 0, b"other"), ProblemCode::SessionFinished),
    ("check after finish", |at| at.post("check", &at.finished, &check(0, 0)), ProblemCode::SessionFinished),
    (
        "given up after finish",
        |at| at.ask("DELETE", &format!("/api/session/{}", at.finished)).send(),
        ProblemCode::SessionPublished,
    ),
    ("key re-used", |at| at.start("key", KEY.into()), ProblemCode::KeyReused),
    ("folder unknown", |at| at.start("folder", UNKNOWN.into()), ProblemCode::FieldInvalid),
    ("folder without a path", |at| at.start_in(&at.folder, "a", Value::Null), ProblemCode::FieldInvalid),
    (
        "path that ends with another name",
        |at| at.start_in(&at.folder, "a", "b/c".into()),
        ProblemCode::FieldInvalid,
    ),
    (
        "folder of somebody else",
        |at| at.start_in(&at.foreign_folder, "a", "b/a".into()),
        ProblemCode::FieldInvalid,
    ),
    ("path through a file", |at| at.post("finish", &at.inside, &json!({})), ProblemCode::PathTaken),
    (
        "folder without a credential",
        |at| at.site.ask("POST", "/api/folder").json(&json!({"name": "f"})).send(),
        ProblemCode::CredentialMissing,
    ),
    ("folder's key re-used", |at| at.folder(json!({"name": "g", "key": KEY})), ProblemCode::KeyReused),
    (
        "too many paths",
        |at| {
            let paths: Vec<_> = (0..1_001).map(|n| format!("p{n}")).collect();
            at.folder(json!({"name": "f", "folders": paths}))
        },
        ProblemCode::FieldInvalid,
    ),
    (
        "folder where a file is",
        |at| at.folder(json!({"name": "f", "key": KEY, "folders": ["fine", "taken/x"]})),
        ProblemCode::PathTaken,
    ),
    ("path with ..", |at| at.folder(json!({"name": "f", "folders": ["a/../b"]})), ProblemCode::FieldInvalid),
    (
        "path from the root",
        |at| at.folder(json!({"name": "f", "folders": ["/a"]})),
        ProblemCode::FieldInvalid,
    ),
    ("path with NUL", |at| at.folder(json!({"name": "f", "folders": ["a/\0"]})), ProblemCode::FieldInvalid),
    (
        "path too deep",
        |at| at.folder(json!({"name": "f", "folders": [format!("a{}", "/a".repeat(64))]})),
        ProblemCode::FieldInvalid,
    ),
    (
        "foreign folder: listed",
        |at| at.ask("GET", &format!("/api/folder/{}", at.foreign_folder)).send(),
        ProblemCode::NotFound,
    ),
    (
        "foreign folder: shared",
        |at| at.ask("POST", &format!("/api/share/{}", at.foreign_folder)).send(),
        ProblemCode::NotFound,
    ),
    (
        "foreign folder: deleted",
        |at| at.ask("DELETE", &format!("/api/folder/{}", at.foreign_folder)).send(),
        ProblemCode::NotFound,
    ),
    (
        "listing that begins nowhere",
        |at| at.ask("GET", &format!("/api/folder/{}?after=..", at.folder)).send(),
        ProblemCode::PathInvalid,
    ),
    (
        "listing of too many",
        |at| at.ask("GET", &format!("/api/folder/{}?limit=1001", at.folder)).send(),
        ProblemCode::FieldInvalid,
    ),
    ("size over 2^53", |at| at.start("size", json!(9_007_199_254_740_993u64)), ProblemCode::FieldInvalid),
    ("size below 0", |at| at.start("size", json!(-1)), ProblemCode::FieldInvalid),
    ("empty name", |at| at.start("name", "".into()), ProblemCode::FieldInvalid),
    ("name with /", |at| at.start("name", "a/b".into()), ProblemCode::FieldInvalid),
    ("name ..", |at| at.start("name", "..".into()), ProblemCode::FieldInvalid),
    ("name with NUL", |at| at.start("name", "a\0b".into()), ProblemCode::FieldInvalid),
    ("name with a control character", |at| at.start("name", "a\u{1b}[2J".into()), ProblemCode::FieldInvalid),
    ("unknown field", |at| at.start("surprise", json!(1)), ProblemCode::FieldInvalid),
    (
        "malformed JSON",
        |at| {
            at.ask("POST", "/api/start").header("Content-Type", "application/json").body(b"{\"name\"").send()
        },
        ProblemCode::JsonInvalid,
    ),
    (
        "JSON as text/plain",
        |at| {
            at.ask("POST", "/api/start").header("Content-Type", "text/plain").body(b"{\"name\":\"a\"}").send()
        },
        ProblemCode::MediaTypeWrong,
    ),
    (
        "cross-site POST",
        |at| {
            at.ask("POST", "/api/start")
                .header("Sec-Fetch-Site", "cross-site")
                .json(&json!({"name": "a"}))
                .send()
        },
        ProblemCode::CrossSite,
    ),
    (
        "foreign Host",
        |at| at.ask("POST", "/api/start").header("Host", "evil.test").json(&json!({"name": "a"})).send(),
        ProblemCode::HostUnknown,
    ),
];

fn check(revision: u32, at: u32) -> Value {
    let row = json!({"digest": hex(b"x"), "length": 1});
    json!({"revision": revision, "at": at, "chunks": [row]})
}

/// Bodies that a proper client can't send: headers, bytes, whether the sending side ends, and the refusal.
const BODIES: &[(&str, &str, &[u8], bool, ProblemCode)] = &[
    ("shorter than declared", "Content-Length: 1000\r\n", &[7; 500], true, ProblemCode::BodyShort),
    ("chunked, ended within a chunk", CHUNKED, b"3e8\r\n0123", true, ProblemCode::BodyShort),
    ("chunked, longer than the row", CHUNKED, &chunked::<2_000>(), false, ProblemCode::BodyLarge),
    ("chunked, shorter than the row", CHUNKED, b"5\r\n01234\r\n0\r\n\r\n", false, ProblemCode::ChunkLength),
    ("stalled", "Content-Length: 1000\r\n", &[7; 500], false, ProblemCode::BodySlow),
    ("stalled, chunked", CHUNKED, b"3e8\r\n0123", false, ProblemCode::BodySlow),
];

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// One chunk of 2,000 bytes (7d0).
const fn chunked<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [b'x'; LENGTH];
    (bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]) = (b'7', b'd', b'0', b'\r', b'\n');
    bytes
}

#[test]
fn bad_input_changes_nothing() {
    let scene = Scene::new();
    // The digest of the finished file is noted behind its answer.
    let settled = settle(&scene);
    for (name, ask, code) in CASES {
        eprintln!("{name}");
        ask(&scene).refused(*code);
        assert_unchanged(&scene, &settled, name);
    }
    for (name, headers, bytes, half_close, code) in BODIES {
        eprintln!("{name}");
        let answer = scene.raw(headers, bytes, *half_close);
        assert!(answer.starts_with(&format!("HTTP/1.1 {}", code.status())), "{name}: {answer}");
        assert!(answer.contains(code.as_str()), "{name}: {answer}");
        assert_unchanged(&scene, &settled, name);
    }
    // And everything still works.
    scene.put(&scene.open, 1, &scene.file[BLOCK..]).expect(204);
    let finished = scene.post("finish", &scene.open, &json!({})).expect(201);
    assert_eq!(finished["blob"], hex(&scene.file));
    let raw = format!("{}/raw", finished["url"].as_str().unwrap());
    assert_eq!(scene.site.ask("GET", &raw).send().bytes, scene.file);
}

type Stored = [std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>; 3];

/// What is stored once it has stayed the same for half a second.
fn settle(scene: &Scene) -> Stored {
    let mut stored = scene.stored();
    let mut quiet = 0;
    while quiet < 10 {
        std::thread::sleep(Duration::from_millis(50));
        let now = scene.stored();
        quiet = if now == stored { quiet + 1 } else { 0 };
        stored = now;
    }
    stored
}

/// A temporary file may outlive its answer by the moment that unlinking takes.
#[track_caller]
fn assert_unchanged(scene: &Scene, settled: &Stored, name: &str) {
    assert!(site::wait_for(|| scene.stored() == *settled), "{name}: the data folder is not as it was");
}
