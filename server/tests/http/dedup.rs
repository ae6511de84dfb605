//! Nothing is sent twice, across people too, and a digest alone gives nothing.

use std::time::Duration;

use cairn_shared::proof::{Proof, ProofKey};
use cairn_shared::{ChunkRule, Manifest, ProblemCode, Row};
use serde_json::{Value, json};

use crate::site::{Answer, Site, hex, noise, wait_for};

/// Longer than the shortest chunk that is offered.
const LENGTH: usize = 300_000;

struct Client<'a> {
    site: &'a Site,
    bearer: String,
    id: String,
    key: ProofKey,
    /// A header that makes it a guest.
    is_guest: bool,
}

impl<'a> Client<'a> {
    fn start(site: &'a Site, bearer: &str, size: usize) -> Self {
        Self::start_as(site, bearer, size, false)
    }

    fn start_as(site: &'a Site, bearer: &str, size: usize, is_guest: bool) -> Self {
        let fields = json!({"name": "a.bin", "size": size, "chunking": "fastcdc-2020/1"});
        let mut ask = site.ask("POST", "/api/start").by(bearer).json(&fields);
        if is_guest {
            ask = ask.header("X-Forwarded-For", "192.0.2.1");
        }
        let started = ask.send().expect(201);
        let key: ProofKey = started["proof_key"].as_str().unwrap().parse().unwrap();
        let of_session = ProofKey::of_session(&started["session_key"].as_str().unwrap().parse().unwrap());
        assert_eq!(key, of_session, "whoever has the session's key can prove");
        let id = started["session_id"].as_str().unwrap().to_owned();
        Self { site, bearer: bearer.to_owned(), id, key, is_guest }
    }

    fn ask(&self, verb: &str, body: &Value) -> Answer {
        let ask = self.site.ask("POST", &format!("/api/{verb}/{}", self.id)).by(&self.bearer).json(body);
        if self.is_guest { ask.header("X-Forwarded-For", "192.0.2.1").send() } else { ask.send() }
    }

    /// Declares rows with what is said to be their proofs.
    fn check(&self, rows: &[(Row, Option<Proof>)]) -> Value {
        let rows: Vec<_> = rows
            .iter()
            .map(|(row, proof)| match proof {
                Some(proof) => json!({"digest": row.digest, "length": row.length, "proof": proof}),
                None => json!({"digest": row.digest, "length": row.length}),
            })
            .collect();
        let answer = self.ask("check", &json!({"revision": 0, "at": 0, "chunks": rows}));
        answer.expect(200)["chunks"].clone()
    }

    fn look(&self, chunks: &[Vec<u8>]) -> Value {
        self.check(&chunks.iter().map(|bytes| (row(bytes), None)).collect::<Vec<_>>())
    }

    fn prove(&self, chunks: &[Vec<u8>]) -> Value {
        let proven = |(index, bytes): (usize, &Vec<u8>)| (row(bytes), Some(self.proof(index, bytes)));
        self.check(&chunks.iter().enumerate().map(proven).collect::<Vec<_>>())
    }

    fn proof(&self, index: usize, bytes: &[u8]) -> Proof {
        Proof::of(&self.key.of_row(index as u32, row(bytes)), bytes)
    }

    fn put(&self, index: usize, bytes: &[u8]) -> Answer {
        self.site.ask("PUT", &format!("/api/upload/{}/{index}", self.id)).by(&self.bearer).body(bytes).send()
    }

    fn finish(&self, chunks: &[Vec<u8>]) -> Answer {
        let rows = chunks.iter().map(|bytes| row(bytes)).collect();
        let manifest = Manifest { rule: ChunkRule::FastCdc, rows }.digest().to_string();
        let size: usize = chunks.iter().map(Vec::len).sum();
        let finish =
            json!({"revision": 0, "chunks": chunks.len(), "size": size, "manifest_digest": manifest});
        self.ask("finish", &finish)
    }
}

fn row(bytes: &[u8]) -> Row {
    Row { digest: hex(bytes).parse().unwrap(), length: bytes.len() as u32 }
}

fn chunks(seed: u64, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|at| noise(seed + at as u64, LENGTH + at)).collect()
}

/// A file of these chunks, sent by that owner.
fn upload(site: &Site, owner: &str, chunks: &[Vec<u8>]) -> Value {
    let client = Client::start(site, owner, chunks.iter().map(Vec::len).sum());
    client.look(chunks);
    chunks.iter().enumerate().for_each(|(index, bytes)| drop(client.put(index, bytes).expect(204)));
    client.finish(chunks).expect(201)
}

#[test]
fn whoever_has_the_bytes_need_not_send_them() {
    let site = Site::start();
    let (first, second) = (site.owner(), site.owner());
    let chunks = chunks(1, 3);
    upload(&site, &first, &chunks);
    let client = Client::start(&site, &second, 3 * LENGTH + 3);
    assert_eq!(client.look(&chunks), json!(["prove", "prove", "prove"]));
    assert_eq!(client.look(&chunks), json!(["prove", "prove", "prove"]), "nothing was taken");
    let status = site.ask("GET", &format!("/api/status/{}", client.id)).by(&second).send().expect(200);
    assert_eq!(status["received"], json!([]));
    client.finish(&chunks).refused(ProblemCode::ChunksMissing);
    assert_eq!(client.prove(&chunks), json!(["have", "have", "have"]));
    assert_eq!(client.prove(&chunks), json!(["have", "have", "have"]), "a repetition is harmless");
    let finished = client.finish(&chunks).expect(201);
    assert_eq!(finished["blob"], hex(&chunks.concat()));
    let raw = format!("{}/raw", finished["url"].as_str().unwrap());
    assert!(site.ask("GET", &raw).send().bytes == chunks.concat());
    // From now on they are his own.
    assert_eq!(Client::start(&site, &second, 9).look(&chunks), json!(["have", "have", "have"]));
}

#[test]
fn the_same_chunk_at_several_places_is_proven_once() {
    let site = Site::start();
    let chunk = chunks(20, 1).remove(0);
    upload(&site, &site.owner(), std::slice::from_ref(&chunk));
    let twice = vec![chunk.clone(), chunk];
    let client = Client::start(&site, &site.owner(), 2 * LENGTH);
    assert_eq!(client.look(&twice), json!(["prove", "prove"]));
    let proof = client.proof(0, &twice[0]);
    assert_eq!(
        client.check(&[(row(&twice[0]), Some(proof)), (row(&twice[1]), None)]),
        json!(["have", "have"])
    );
    client.finish(&twice).expect(201);
}

#[test]
fn a_digest_without_its_bytes_gives_nothing() {
    let site = Site::start();
    let (victim, thief) = (site.owner(), site.owner());
    let chunks = chunks(30, 4);
    upload(&site, &victim, &chunks);
    let (mine, other) = (Client::start(&site, &thief, 9), Client::start(&site, &thief, 9));
    assert_eq!(mine.look(&chunks), json!(["prove", "prove", "prove", "prove"]));
    let key = |index: usize, bytes: &[u8]| mine.key.of_row(index as u32, row(bytes));
    let with = |proofs: [Proof; 4]| {
        let rows: Vec<_> =
            chunks.iter().zip(proofs).map(|(bytes, proof)| (row(bytes), Some(proof))).collect();
        mine.check(&rows)
    };
    let refused = with([
        // Another session's, another place's, another row's, and one made of the digest alone.
        other.proof(0, &chunks[0]),
        Proof::of(&key(2, &chunks[1]), &chunks[1]),
        Proof::of(&key(2, &chunks[1]), &chunks[2]),
        Proof::of(&key(3, &chunks[3]), row(&chunks[3]).digest.as_bytes()),
    ]);
    assert_eq!(refused, json!(["need", "need", "need", "need"]));
    mine.finish(&chunks).refused(ProblemCode::ChunksMissing);
    // Other bytes under that digest are refused, and change nothing.
    mine.put(0, &noise(99, LENGTH)).refused(ProblemCode::DigestMismatch);
    assert_eq!(Client::start(&site, &victim, 9).look(&chunks[..1]), json!(["have"]));
    // A right proof that nobody asked for is answered with the question first.
    let third = Client::start(&site, &thief, 9);
    assert_eq!(third.prove(&chunks[..1]), json!(["prove"]));
    assert_eq!(third.prove(&chunks[..1]), json!(["have"]));
}

#[test]
fn the_same_chunk_from_two_at_once_is_stored_once() {
    let site = Site::on_disk(&[]);
    for round in 0..10 {
        let chunks = chunks(500 + round * 10, 1);
        let clients = [site.owner(), site.owner()].map(|owner| Client::start(&site, &owner, LENGTH));
        clients.iter().for_each(|client| assert_eq!(client.look(&chunks), json!(["need"])));
        std::thread::scope(|scope| {
            for client in &clients {
                scope.spawn(|| client.put(0, &chunks[0]).expect(204));
            }
        });
        for client in &clients {
            let finished = client.finish(&chunks).expect(201);
            let raw = format!("{}/raw", finished["url"].as_str().unwrap());
            assert!(site.ask("GET", &raw).send().bytes == chunks[0]);
        }
    }
}

#[test]
fn forged_proofs_are_few_and_cost_little() {
    let site = Site::start();
    let chunks = chunks(40, 200);
    upload(&site, &site.owner(), &chunks);
    let thief = site.owner();
    let (mut read, mut offered) = (0, 0);
    for _ in 0..20 {
        let client = Client::start(&site, &thief, 9);
        let states = client.look(&chunks);
        let forged: Vec<_> = chunks.iter().map(|bytes| (row(bytes), Some(Proof::new([7; 32])))).collect();
        offered += states.as_array().unwrap().iter().filter(|state| **state == "prove").count();
        let answer = client.check(&forged);
        assert!(!answer.as_array().unwrap().contains(&json!("have")));
        read += answer.as_array().unwrap().iter().filter(|state| **state == "need").count();
        if states[0] == "need" {
            break;
        }
    }
    // 4,000 forged proofs: after the first request the owner is told of nothing but his own.
    assert!(offered <= 200 && read >= 200, "{offered} offers, {read} refusals");
    assert_eq!(Client::start(&site, &thief, 9).look(&chunks[..1]), json!(["need"]));
    let own = noise(999, LENGTH);
    upload(&site, &thief, std::slice::from_ref(&own));
    assert_eq!(Client::start(&site, &thief, 9).look(&[own]), json!(["have"]), "his own he still has");
}

#[test]
fn short_chunks_are_sent() {
    let site = Site::start();
    let chunks = vec![noise(50, LENGTH), noise(51, 255_000)];
    upload(&site, &site.owner(), &chunks);
    let owner = site.owner();
    assert_eq!(Client::start(&site, &owner, 9).look(&chunks), json!(["prove", "need"]));
}

#[test]
fn outside_the_scope_nothing_tells_what_others_have() {
    let known = chunks(60, 2);
    let unknown = chunks(70, 2);
    let guest = |site: &Site| (site.owner(), true);
    let local = |site: &Site| (site.owner(), false);
    type Who = fn(&Site) -> (String, bool);
    let cases: [(&str, Who); 3] = [("members", guest), ("owner", local), ("off", local)];
    for (dedup, who) in cases {
        let site = Site::with(&[("dedup", dedup), ("guests", "true")]);
        let first = site.owner();
        upload(&site, &first, &known);
        let (owner, is_guest) = who(&site);
        let [there, nowhere] = [&known, &unknown].map(|chunks| {
            let client = Client::start_as(&site, &owner, 2 * LENGTH + 1, is_guest);
            let states = client.look(chunks);
            let proven = client.prove(chunks);
            client.put(0, &chunks[0]).expect(204);
            let after = client.look(chunks);
            let blob = hex(&chunks.concat());
            let found = site.ask("POST", &format!("/api/check?h={blob}")).by(&owner);
            let found =
                if is_guest { found.header("X-Forwarded-For", "192.0.2.1").send() } else { found.send() };
            (states, proven, after, found.status, found.text())
        });
        assert_eq!(there, nowhere, "{dedup}");
        assert_eq!((there.0, there.3), (json!(["need", "need"]), 404), "{dedup}");
    }
}

#[test]
fn off_means_within_one_session_only() {
    let site = Site::with(&[("dedup", "off")]);
    let owner = site.owner();
    let chunks = chunks(80, 2);
    upload(&site, &owner, &chunks);
    let client = Client::start(&site, &owner, 9);
    assert_eq!(client.look(&chunks), json!(["need", "need"]));
    client.put(0, &chunks[0]).expect(204);
    assert_eq!(client.look(&chunks), json!(["have", "need"]));
    let found = site.ask("POST", &format!("/api/check?h={}", hex(&chunks.concat()))).by(&owner).send();
    assert_eq!(found.status, 404);
}

#[test]
fn a_file_is_known_to_be_here_and_its_link_is_not() {
    let site = Site::start();
    let (first, second) = (site.owner(), site.owner());
    let chunks = chunks(90, 2);
    let finished = upload(&site, &first, &chunks);
    let ask = |owner: &str| {
        site.ask("POST", &format!("/api/check?h={}", hex(&chunks.concat()))).by(owner).send().expect(200)
    };
    assert!(wait_for(|| finished["blob"].is_string()));
    assert_eq!(ask(&first)["url"], finished["url"]);
    assert_eq!(ask(&second), json!({"blob": finished["manifest_digest"], "size": 2 * LENGTH + 1}));
    let none = site.ask("POST", &format!("/api/check?h={}", hex(b"nothing"))).by(&second).send();
    none.refused(ProblemCode::NotFound);
}

#[test]
fn what_one_deletes_the_other_keeps_until_he_deletes_it_too() {
    let site = Site::on_disk(&[("sweep_every", "50ms"), ("delete_after", "50ms")]);
    let (first, second) = (site.owner(), site.owner());
    let chunks = chunks(100, 2);
    let one = upload(&site, &first, &chunks);
    let client = Client::start(&site, &second, 2 * LENGTH + 1);
    client.look(&chunks);
    client.prove(&chunks);
    let two = client.finish(&chunks).expect(201);
    let stored = || site.stored("chunks").len();
    assert_eq!(stored(), 2, "stored once");
    let delete = |owner: &str, file: &Value| {
        let file = file["file"].as_str().unwrap();
        site.ask("DELETE", &format!("/api/file/{file}")).by(owner).send().expect(204);
    };
    delete(&first, &one);
    // His own holds end by a job; then he has to prove like anybody else.
    assert!((0..60).any(|_| {
        // A look takes holds of its own where there are any, and they end by the same job.
        std::thread::sleep(Duration::from_millis(300));
        let client = Client::start(&site, &first, 9);
        let states = client.look(&chunks);
        site.ask("DELETE", &format!("/api/session/{}", client.id)).by(&first).send().expect(204);
        states == json!(["prove", "prove"])
    }));
    let raw = format!("{}/raw", two["url"].as_str().unwrap());
    assert!(site.ask("GET", &raw).send().bytes == chunks.concat());
    delete(&second, &two);
    assert!(wait_for(|| stored() == 0), "{} copies stay", stored());
    assert_eq!(Client::start(&site, &first, 9).look(&chunks), json!(["need", "need"]));
}

#[test]
fn a_chunk_that_is_damaged_meanwhile_is_asked_for_again() {
    let site = Site::on_disk(&[]);
    let chunks = chunks(110, 2);
    upload(&site, &site.owner(), &chunks);
    let second = site.owner();
    let client = Client::start(&site, &second, 2 * LENGTH + 1);
    assert_eq!(client.look(&chunks), json!(["prove", "prove"]));
    let (path, mut stored) =
        site.stored("chunks").into_iter().find(|(_, bytes)| *bytes == chunks[1]).unwrap();
    stored[1_000] ^= 1;
    std::fs::write(path, stored).unwrap();
    // It is read for the proof, and found out: nobody relies on it, and the prover is not blamed.
    assert_eq!(client.prove(&chunks), json!(["have", "need"]));
    client.finish(&chunks).refused(ProblemCode::ChunksMissing);
    client.put(1, &chunks[1]).expect(204);
    let finished = client.finish(&chunks).expect(201);
    let raw = format!("{}/raw", finished["url"].as_str().unwrap());
    assert!(site.ask("GET", &raw).send().bytes == chunks.concat());
}
