//! Expiry, and the clean-up behind it.

use std::time::{Duration, UNIX_EPOCH};

use cairn_server::Stores;
use cairn_shared::{ChunkRule, OwnerId, ProblemCode, SessionId};
use cairn_store::MetaStore;
use cairn_store::model::{ClockMark, FileFields, NewSession};
use serde_json::json;

use crate::site::{self, Site, noise};

#[test]
fn a_session_over_time_is_gone_and_a_chunk_keeps_it() {
    let site = Site::with(&[("session_ttl", "3s"), ("sweep_every", "100ms"), ("delete_after", "100ms")]);
    let owner = site.owner();
    let start = |size: u64| {
        let fields = json!({"name": "a", "size": size, "chunking": "fixed/65536"});
        site.ask("POST", "/api/start").by(&owner).json(&fields).send().expect(201)
    };
    let session = start(70_000);
    let id = session["session_id"].as_str().unwrap();
    let expires_at = session["expires_at"].as_u64().unwrap();
    site.ask("PUT", &format!("/api/upload/{id}/1")).by(&owner).body(&[1; 4_464]).send().expect(204);
    // A late chunk keeps the session for a third of its time from then on.
    let now = || UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    while now() + 800 < expires_at {
        std::thread::sleep(Duration::from_millis(20));
    }
    site.ask("PUT", &format!("/api/upload/{id}/0")).by(&owner).body(&[1; 65_536]).send().expect(204);
    let status = site.ask("GET", &format!("/api/status/{id}")).by(&owner).send().expect(200);
    let extended = status["expires_at"].as_u64().unwrap();
    assert!(extended > expires_at, "{extended} {expires_at}");
    while now() <= extended {
        std::thread::sleep(Duration::from_millis(20));
    }
    site.ask("GET", &format!("/api/status/{id}")).by(&owner).send().refused(ProblemCode::SessionEnded);
    site.ask("POST", &format!("/api/finish/{id}")).by(&owner).send().refused(ProblemCode::SessionEnded);
    let upload = site.ask("PUT", &format!("/api/upload/{id}/0")).by(&owner).body(&[1; 65_536]).send();
    upload.refused(ProblemCode::SessionEnded);
}

/// How many chunks lie on disk, once it is `expected`; what it was at last where it never is.
fn chunks_on_disk(site: &Site, expected: usize) -> usize {
    let count = || site.stored("chunks").len();
    site::wait_for(|| count() == expected);
    count()
}

#[test]
fn a_deleted_file_frees_what_nobody_else_holds() {
    let site = Site::on_disk(&[("sweep_every", "50ms"), ("delete_after", "50ms")]);
    let (shared, own) = (noise(1, 65_536), noise(2, 65_536));
    let upload = |owner: &str, blocks: &[&[u8]]| {
        let fields = json!({"name": "a", "size": 65_536 * blocks.len(), "chunking": "fixed/65536"});
        let session = site.ask("POST", "/api/start").by(owner).json(&fields).send().expect(201);
        let id = session["session_id"].as_str().unwrap().to_owned();
        for (index, block) in blocks.iter().enumerate() {
            site.ask("PUT", &format!("/api/upload/{id}/{index}")).by(owner).body(block).send().expect(204);
        }
        site.ask("POST", &format!("/api/finish/{id}")).by(owner).send().expect(201)
    };
    let delete = |owner: &str, file: &serde_json::Value| {
        let path = format!("/api/file/{}", file["file"].as_str().unwrap());
        site.ask("DELETE", &path).by(owner).send().expect(204);
    };
    let (anna, ben) = (site.owner(), site.owner());
    let (first, second) = (upload(&anna, &[&shared, &own]), upload(&ben, &[&shared]));
    assert_eq!(chunks_on_disk(&site, 2), 2);
    delete(&anna, &first);
    assert_eq!(chunks_on_disk(&site, 1), 1);
    let raw = format!("{}/raw", second["url"].as_str().unwrap());
    assert_eq!(site.ask("GET", &raw).send().bytes, shared);
    delete(&ben, &second);
    assert_eq!(chunks_on_disk(&site, 0), 0);
    // What was freed is taken again, under its next generation.
    let third = upload(&anna, &[&shared]);
    let raw = format!("{}/raw", third["url"].as_str().unwrap());
    assert_eq!(site.ask("GET", &raw).send().bytes, shared);
}

#[test]
fn a_session_over_time_frees_its_chunks() {
    let site = Site::on_disk(&[("session_ttl", "2s"), ("sweep_every", "50ms"), ("delete_after", "50ms")]);
    let fields = json!({"name": "a", "size": 70_000, "chunking": "fixed/65536"});
    let session = site.ask("POST", "/api/start").json(&fields).send().expect(201);
    let upload = format!("/api/upload/{}/0", session["session_id"].as_str().unwrap());
    site.ask("PUT", &upload).body(&[1; 65_536]).send().expect(204);
    assert_eq!(chunks_on_disk(&site, 0), 0);
    let status = format!("/api/status/{}", session["session_id"].as_str().unwrap());
    site.ask("GET", &status).send().refused(ProblemCode::SessionEnded);
}

#[test]
fn a_clock_that_jumped_while_the_server_was_off_ends_nothing() {
    const DAY: u64 = 24 * 3_600 * 1_000;
    let now = UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let began = now - 10 * DAY;
    for mark in [Some(ClockMark { sure: began, wall: began, waited: None }), None] {
        let (meta, id) = (cairn_store::meta::memory(), SessionId::new([7; 16]));
        let (name, rule) = ("a".parse().unwrap(), ChunkRule::Fixed(65_536));
        let (path, folder, mtime, media_type) = (None, None, None, None);
        let fields =
            FileFields { name, path, folder, mtime, media_type, meta: None, size: Some(65_536), rule };
        let (owner, expires_at) = (OwnerId::new([8; 16]), began + 3 * DAY);
        let new = NewSession { id, owner, ownerless: true, key: None, fields, now: began, expires_at };
        actix_web::rt::System::new().block_on(async {
            meta.start(new).await.unwrap();
            if let Some(mark) = mark {
                meta.mark_clock(mark).await.unwrap();
            }
        });
        let site = Site::over(&[], Some(Stores { meta, chunks: cairn_store::chunk::memory() }));
        // Written by a sweep that got through.
        assert!(site::wait_for(|| site.stored("").keys().any(|path| path.ends_with("figures.json"))));
        let upload = site.ask("PUT", &format!("/api/upload/{id}/0")).body(&[1; 65_536]).send();
        match mark {
            Some(_) => drop(upload.expect(204)),
            None => drop(upload.refused(ProblemCode::SessionEnded)),
        }
    }
}

#[test]
fn a_stop_notes_what_was_waited() {
    const WHILE: Duration = Duration::from_millis(300);
    let now = UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let meta = cairn_store::meta::memory();
    let ask = |meta: &dyn MetaStore| actix_web::rt::System::new().block_on(meta.clock_mark()).unwrap();
    let mark = ClockMark { sure: 1, wall: now, waited: Some(5) };
    actix_web::rt::System::new().block_on(meta.mark_clock(mark)).unwrap();
    let stores = Stores { meta: meta.clone(), chunks: cairn_store::chunk::memory() };
    let site = Site::over(&[], Some(stores));
    std::thread::sleep(WHILE);
    let stopping = std::thread::spawn(move || drop(site));
    let waited = || ask(&*meta).and_then(|mark| mark.waited);
    assert!(site::wait_for(|| waited() >= Some(5 + WHILE.as_millis() as u64)), "{:?}", waited());
    // It waits until nobody has the store.
    drop(meta);
    stopping.join().unwrap();
}
