//! What one guest can cost everybody: rates, budgets, time.

use cairn_shared::ProblemCode;
use serde_json::{Value, json};

use crate::site::{Ask, Site};

/// A request that did not come from the server's own machine.
fn from_afar<'a>(site: &'a Site, method: &str, path: &str) -> Ask<'a> {
    site.ask(method, path).header("X-Forwarded-For", "192.0.2.7")
}

fn guest(site: &Site) -> String {
    let made = from_afar(site, "POST", "/api/owner").send().expect(201);
    made["owner_key"].as_str().unwrap().to_owned()
}

fn start(site: &Site, owner: &str) -> Value {
    from_afar(site, "POST", "/api/start").by(owner).json(&json!({"name": "a"})).send().expect(201)
}

/// Refused with a time to wait, in the header too.
fn too_often(ask: Ask<'_>) -> u64 {
    let answer = ask.send();
    let header: u64 = answer.headers["retry-after"].parse().unwrap();
    let problem = answer.refused(ProblemCode::TooManyRequests);
    assert_eq!(problem["retry_after"], header);
    header
}

#[test]
fn owner_keys_have_a_rate_and_this_machine_has_none() {
    let site = Site::with(&[("guests", "true"), ("owner_rate", "3")]);
    (0..3).for_each(|_| drop(guest(&site)));
    let wait = too_often(from_afar(&site, "POST", "/api/owner"));
    assert!((1..=20).contains(&wait), "{wait} s");
    (0..5).for_each(|_| drop(site.owner()));
}

#[test]
fn the_items_of_a_batch_count_and_are_refused_together() {
    let site = Site::with(&[("guests", "true"), ("start_rate", "10")]);
    let owner = guest(&site);
    let batch = |count: usize| {
        let items: Vec<Value> = (0..count).map(|n| json!({"name": format!("{n}")})).collect();
        from_afar(&site, "POST", "/api/batch/start").by(&owner).json(&json!({"items": items}))
    };
    batch(8).send().expect(200);
    let wait = too_often(batch(8));
    assert!((30..=36).contains(&wait), "{wait} s");
    batch(2).send().expect(200);
    too_often(from_afar(&site, "POST", "/api/start").by(&owner).json(&json!({"name": "a"})));
    too_often(from_afar(&site, "POST", "/api/folder").by(&owner).json(&json!({"name": "a"})));
}

#[test]
fn checks_and_looks_have_rates() {
    let site = Site::with(&[("guests", "true"), ("check_rate", "2"), ("status_rate", "2")]);
    let owner = guest(&site);
    let id = start(&site, &owner)["session_id"].as_str().unwrap().to_owned();
    let check = |at: u32| {
        let body = json!({"revision": 0, "at": at, "chunks": []});
        from_afar(&site, "POST", &format!("/api/check/{id}")).by(&owner).json(&body)
    };
    let status = || from_afar(&site, "GET", &format!("/api/status/{id}")).by(&owner);
    for _ in 0..2 {
        check(0).send().expect(200);
        status().send().expect(200);
    }
    too_often(check(0));
    too_often(status());
    // The owner's own machine looks as often as it wants.
    site.ask("GET", &format!("/api/status/{id}")).by(&owner).send().expect(200);
}

/// Bytes of paths that have 60 fresh folders of 63 characters each.
fn deep(number: usize) -> String {
    let folder = |level: usize| format!("{number:020}-{level:0>42}");
    (0..60).map(folder).collect::<Vec<_>>().join("/") + "/a"
}

fn folder(site: &Site, owner: &str) -> String {
    let made =
        from_afar(site, "POST", "/api/folder").by(owner).json(&json!({"name": "f"})).send().expect(201);
    made["folder"].as_str().unwrap().to_owned()
}

#[test]
fn long_paths_take_no_more_than_was_sent_for_them() {
    let site = Site::with(&[("guests", "true")]);
    let owner = guest(&site);
    let folder = folder(&site, &owner);
    let (mut taken, mut refused) = (0, None);
    // 4.1 MB in 1,000 files is what one guest once sent; 40 of them are a 25th.
    for number in 0..40 {
        let start = json!({"name": "a", "path": deep(number), "folder": folder, "size": 0});
        let started = from_afar(&site, "POST", "/api/start").by(&owner).json(&start).send().expect(201);
        let id = started["session_id"].as_str().unwrap();
        let answer = from_afar(&site, "POST", &format!("/api/finish/{id}")).by(&owner).send();
        if answer.status == 201 {
            taken += 1;
        } else {
            refused = Some(answer.refused(ProblemCode::GuestFull));
        }
    }
    assert!(taken < 5, "{taken} of 40 were taken");
    assert!(refused.unwrap()["detail"].as_str().unwrap().contains("shorter paths"));
    // Nobody else, and nothing else of his, is held up by it.
    let start = json!({"name": "b", "path": "x/y/b", "folder": folder, "size": 0});
    let started = from_afar(&site, "POST", "/api/start").by(&owner).json(&start).send().expect(201);
    let id = started["session_id"].as_str().unwrap();
    from_afar(&site, "POST", &format!("/api/finish/{id}")).by(&owner).send().expect(201);
}

#[test]
fn what_a_guest_keeps_is_bounded_and_comes_back_when_it_is_deleted() {
    let site = Site::with(&[("guests", "true"), ("guest_facts_bytes", "20000")]);
    let owner = guest(&site);
    let put = |number: usize| {
        let start = json!({"name": format!("{number}"), "size": 0});
        let answer = from_afar(&site, "POST", "/api/start").by(&owner).json(&start).send();
        if answer.status != 201 {
            return Err(answer.refused(ProblemCode::GuestFull));
        }
        let id = answer.expect(201)["session_id"].as_str().unwrap().to_owned();
        Ok(from_afar(&site, "POST", &format!("/api/finish/{id}")).by(&owner).send())
    };
    let refused = (0..100).find_map(|number| put(number).err()).unwrap();
    assert!(refused["detail"].as_str().unwrap().contains("CAIRN_GUEST_FACTS_BYTES"));
    // Another guest has his own, and this machine's owners have no limit.
    let other = guest(&site);
    start(&site, &other);
    let local = site.owner();
    for _ in 0..30 {
        site.ask("POST", "/api/start").by(&local).json(&json!({"name": "a"})).send().expect(201);
    }
}

#[test]
fn all_guests_together_are_bounded() {
    let site = Site::with(&[("guests", "true"), ("guests_facts_bytes", "10000")]);
    let mut full = None;
    for _ in 0..100 {
        let answer = from_afar(&site, "POST", "/api/owner").send();
        if answer.status != 201 {
            assert_eq!(answer.headers["retry-after"], "600");
            full = Some(answer.refused(ProblemCode::GuestsFull));
            break;
        }
    }
    assert!(full.unwrap()["detail"].as_str().unwrap().contains("CAIRN_GUESTS_FACTS_BYTES"));
    site.owner();
}

#[test]
fn rows_ahead_of_their_chunks_are_bounded() {
    let site = Site::with(&[("guests", "true"), ("guest_rows_ahead", "10")]);
    let owner = guest(&site);
    let check = |by: bool, id: &str, at: u32, count: u32| {
        let row = |n: u32| json!({"digest": crate::site::hex(&n.to_be_bytes()), "length": 4});
        let body = json!({"revision": 0, "at": at, "chunks": (at..at + count).map(row).collect::<Vec<_>>()});
        let ask = if by {
            site.ask("POST", &format!("/api/check/{id}"))
        } else {
            from_afar(&site, "POST", &format!("/api/check/{id}"))
        };
        ask.by(&owner).json(&body).send()
    };
    let begin = json!({"name": "a", "chunking": "fastcdc-2020/1"});
    let started = from_afar(&site, "POST", "/api/start").by(&owner).json(&begin).send().expect(201);
    let id = started["session_id"].as_str().unwrap().to_owned();
    check(false, &id, 0, 10).expect(200);
    check(false, &id, 10, 1).refused(ProblemCode::RowsAhead);
    let put = |index: u32| {
        let ask = from_afar(&site, "PUT", &format!("/api/upload/{id}/{index}")).by(&owner);
        ask.body(&index.to_be_bytes()).send().expect(204);
    };
    (0..3).for_each(put);
    check(false, &id, 10, 3).expect(200);
    check(false, &id, 13, 1).refused(ProblemCode::RowsAhead);
    // Another session of his: what is here already backs its rows.
    let second = from_afar(&site, "POST", "/api/start").by(&owner).json(&begin).send().expect(201);
    let second = second["session_id"].as_str().unwrap();
    check(false, second, 0, 3).expect(200);
    check(false, second, 3, 10).expect(200);
    check(false, second, 13, 1).refused(ProblemCode::RowsAhead);
    // What a session from this machine declares is its own affair.
    let started = site.ask("POST", "/api/start").by(&owner).json(&begin).send().expect(201);
    check(true, started["session_id"].as_str().unwrap(), 0, 30).expect(200);
}

#[test]
fn an_ordinary_guest_is_never_told_that_it_is_too_much() {
    let site = Site::with(&[("guests", "true")]);
    // With `curl` alone: no credential, an empty file, a short one, a few words.
    for bytes in [&b""[..], b"a", b"some words"] {
        for _ in 0..3 {
            let start = json!({"name": "a", "size": bytes.len()});
            let started = from_afar(&site, "POST", "/api/start").json(&start).send().expect(201);
            let id = started["session_id"].as_str().unwrap();
            if !bytes.is_empty() {
                from_afar(&site, "PUT", &format!("/api/upload/{id}/0")).body(bytes).send().expect(204);
            }
            from_afar(&site, "POST", &format!("/api/finish/{id}")).send().expect(201);
        }
    }
    // With an owner key, as the page does it: many small files, in batches, in folders.
    let owner = guest(&site);
    let folder = folder(&site, &owner);
    let ask = |path: &str, items: Vec<Value>| -> Vec<Value> {
        let answer =
            from_afar(&site, "POST", path).by(&owner).json(&json!({"items": items})).send().expect(200);
        let items = answer["items"].as_array().unwrap().clone();
        items.into_iter().inspect(|item| assert!(item["ok"].is_object(), "{item}")).collect()
    };
    let start = |n: usize| {
        let path = format!("pictures/summer {}/at the lake/IMG_{n}.jpg", n / 20);
        json!({
            "name": format!("IMG_{n}.jpg"), "path": path, "folder": folder, "size": 0, "mtime": 1_700_000_000_000_u64,
            "key": format!("{n:032x}"), "chunking": "fastcdc-2020/1", "media_type": "image/jpeg",
        })
    };
    let started = ask("/api/batch/start", (0..200).map(start).collect());
    let finish = |item: &Value| {
        let finish = json!({"revision": 0, "chunks": 0, "size": 0});
        json!({"session": item["ok"]["session_id"], "finish": finish})
    };
    ask("/api/batch/finish", started.iter().map(finish).collect());
}

#[test]
fn who_may_not_read_ahead_gets_the_same_bytes() {
    // None at all; for one download at a time; for all.
    for ahead in ["0", "1000000", "67108864"] {
        let site = Site::on_disk(&[("download_ahead_bytes", ahead)]);
        let owner = site.owner();
        let rows: Vec<Vec<u8>> = (0..4).map(|n| crate::site::noise(70 + n, 1_500_001)).collect();
        let id = crate::run::declared(&site, &owner, &rows);
        for (row, at) in rows.iter().zip(0..) {
            site.ask("PUT", &format!("/api/upload/{id}/{at}")).by(&owner).body(row).send().expect(204);
        }
        let finished = site.ask("POST", &format!("/api/finish/{id}")).by(&owner).send().expect(201);
        let url = format!("{}/raw", finished["url"].as_str().unwrap());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!(site.ask("GET", &url).send().bytes == rows.concat(), "{ahead}"));
            }
        });
        let part = site.ask("GET", &url).header("Range", "bytes=1400000-3100000").send();
        assert!(part.bytes == rows.concat()[1_400_000..=3_100_000], "{ahead}");
    }
}
