//! Bytes that are not what they were: never given as if they were, and healed by the next upload of the same.

use std::io::Read;

use cairn_shared::ProblemCode;
use serde_json::{Value, json};

use crate::site::{Site, noise};

const BLOCK: usize = 65_536;

fn upload(site: &Site, bearer: &str, bytes: &[u8]) -> Value {
    upload_by(site, bearer, bytes, BLOCK)
}

fn upload_by(site: &Site, bearer: &str, bytes: &[u8], block: usize) -> Value {
    let fields = json!({"name": "a", "size": bytes.len(), "chunking": format!("fixed/{block}")});
    let session = site.ask("POST", "/api/start").by(bearer).json(&fields).send().expect(201);
    let id = session["session_id"].as_str().unwrap();
    for (index, block) in bytes.chunks(block).enumerate() {
        site.ask("PUT", &format!("/api/upload/{id}/{index}")).by(bearer).body(block).send().expect(204);
    }
    site.ask("POST", &format!("/api/finish/{id}")).by(bearer).send().expect(201)
}

/// Flips one bit of the chunk that has these bytes.
fn flip(site: &Site, bytes: &[u8], at: usize) {
    let (path, mut stored) = site.stored("chunks").into_iter().find(|(_, stored)| stored == bytes).unwrap();
    stored[at] ^= 8;
    std::fs::write(path, stored).unwrap();
}

/// What comes of a download, and whether it ended as it should.
fn download(site: &Site, path: &str) -> (Vec<u8>, bool) {
    let mut response = ureq::get(format!("http://{}{path}", site.address)).call().unwrap();
    let mut bytes = Vec::new();
    let ended = response.body_mut().as_reader().read_to_end(&mut bytes);
    (bytes, ended.is_ok())
}

#[test]
fn a_damaged_chunk_breaks_the_download_and_heals() {
    let site = Site::on_disk(&[]);
    let file = noise(1, 3 * BLOCK);
    for (round, healer) in [site.owner(), site.owner()].into_iter().enumerate() {
        let owner = site.owner();
        let file: Vec<u8> = file.iter().map(|byte| byte ^ round as u8).collect();
        let finished = upload(&site, &owner, &file);
        let raw = format!("{}/raw", finished["url"].as_str().unwrap());
        assert_eq!(download(&site, &raw), (file.clone(), true));
        flip(&site, &file[BLOCK..2 * BLOCK], 777);
        for _ in 0..2 {
            let (bytes, is_whole) = download(&site, &raw);
            assert!(!is_whole && bytes.len() < 2 * BLOCK, "{} bytes", bytes.len());
            assert_eq!(bytes[..BLOCK], file[..BLOCK]);
        }
        // Where nothing was sent yet there is a status to say it with; what is sound is given.
        let part = |range: &str| site.ask("GET", &raw).header("Range", range).send();
        part("bytes=65536-").refused(ProblemCode::ContentDamaged);
        part("bytes=65540-65550").refused(ProblemCode::ContentDamaged);
        assert_eq!(part("bytes=131072-").bytes, file[2 * BLOCK..]);
        // Whoever sends the same content heals it, for everybody.
        upload(&site, if round == 0 { &owner } else { &healer }, &file);
        assert_eq!(download(&site, &raw), (file, true));
    }
}

/// Who takes much fast is given chunks that were opened ahead of their turn.
#[test]
fn what_lies_before_the_damage_is_given_to_those_who_are_fast() {
    const MIB: usize = 1_048_576;
    let site = Site::on_disk(&[]);
    let file = noise(2, 24 * MIB);
    let raw = format!("{}/raw", upload_by(&site, &site.owner(), &file, MIB)["url"].as_str().unwrap());
    assert!(download(&site, &raw) == (file.clone(), true));
    flip(&site, &file[20 * MIB..21 * MIB], 777);
    let (bytes, is_whole) = download(&site, &raw);
    // What was not sent when the error came, up to a buffer, is not sent any more.
    assert!(!is_whole && (20 * MIB - MIB / 2..21 * MIB).contains(&bytes.len()), "{} bytes", bytes.len());
    // Who was not fast has got the damaged chunk by pieces, but for its last.
    let sound = bytes.len().min(20 * MIB);
    assert!(bytes[..sound] == file[..sound]);
}

/// Whatever part of the chunk is asked for first, with the damage in it or not.
#[test]
fn a_part_of_a_damaged_chunk_is_never_given_as_if_it_were_sound() {
    let site = Site::on_disk(&[]);
    let owner = site.owner();
    for (round, range) in
        ["65536-65545", "66312-66314", "66400-66500", "131070-131071", "100-66000", "66400-"]
            .into_iter()
            .enumerate()
    {
        let file = noise(10 + round as u64, 3 * BLOCK);
        let raw = format!("{}/raw", upload(&site, &owner, &file)["url"].as_str().unwrap());
        flip(&site, &file[BLOCK..2 * BLOCK], 777);
        let asked =
            ureq::get(format!("http://{}{raw}", site.address)).header("Range", format!("bytes={range}"));
        let mut response = asked.config().http_status_as_error(false).build().call().unwrap();
        let ended = response.body_mut().as_reader().read_to_end(&mut Vec::new());
        assert!(response.status() == 503 || ended.is_err(), "{range}: {} {ended:?}", response.status());
    }
}

#[test]
fn a_lost_chunk_is_told_and_heals() {
    let site = Site::on_disk(&[]);
    let (owner, file) = (site.owner(), noise(1, 1_000));
    let finished = upload(&site, &owner, &file);
    let (path, _) = site.stored("chunks").into_iter().find(|(_, stored)| *stored == file).unwrap();
    std::fs::remove_file(path).unwrap();
    let raw = format!("{}/raw", finished["url"].as_str().unwrap());
    let answer = site.ask("GET", &raw).send();
    assert!(answer.headers.contains_key("retry-after"));
    answer.refused(ProblemCode::ContentDamaged);
    // A client that asks is told to send it.
    let fields = json!({"name": "a", "size": 1_000, "chunking": "fastcdc-2020/1"});
    let session = site.ask("POST", "/api/start").by(&owner).json(&fields).send().expect(201);
    let rows =
        json!({"revision": 0, "at": 0, "chunks": [{"digest": crate::site::hex(&file), "length": 1_000}]});
    let check = format!("/api/check/{}", session["session_id"].as_str().unwrap());
    assert_eq!(site.ask("POST", &check).by(&owner).json(&rows).send().expect(200)["chunks"], json!(["need"]));
    upload(&site, &owner, &file);
    assert_eq!(site.ask("GET", &raw).send().bytes, file);
    assert_eq!(site.ask("POST", &check).by(&owner).json(&rows).send().expect(200)["chunks"], json!(["have"]));
}

/// Whoever has the bytes need not wait for the folder that is away: they are taken again, and what was acknowledged can be read.
#[test]
fn what_is_away_is_asked_for_again() {
    let site = Site::on_disk(&[]);
    let (owner, file) = (site.owner(), noise(1, 3 * BLOCK));
    let first = upload(&site, &owner, &file);
    let raw = |finished: &Value| format!("{}/raw", finished["url"].as_str().unwrap());
    let (path, _) = site.stored("chunks").into_iter().find(|(_, stored)| *stored == file[..BLOCK]).unwrap();
    let folder = path.parent().unwrap();
    let away = folder.with_file_name("away");
    std::fs::rename(folder, &away).unwrap();
    site.ask("GET", &raw(&first)).send().refused(ProblemCode::Unavailable);
    // A client that asks is told to send it, and one that does not ask is taken.
    let fields = json!({"name": "a", "size": BLOCK, "chunking": "fastcdc-2020/1"});
    let session = site.ask("POST", "/api/start").by(&owner).json(&fields).send().expect(201);
    let digest = crate::site::hex(&file[..BLOCK]);
    let rows = json!({"revision": 0, "at": 0, "chunks": [{"digest": digest, "length": BLOCK}]});
    let check = format!("/api/check/{}", session["session_id"].as_str().unwrap());
    assert_eq!(site.ask("POST", &check).by(&owner).json(&rows).send().expect(200)["chunks"], json!(["need"]));
    let second = upload(&site, &owner, &file);
    for finished in [&first, &second] {
        assert_eq!(download(&site, &raw(finished)), (file.clone(), true));
    }
    std::fs::rename(&away, folder).unwrap();
    for finished in [&first, &second] {
        assert_eq!(download(&site, &raw(finished)), (file.clone(), true));
    }
}
