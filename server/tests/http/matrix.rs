//! Every route, asked by every kind of sender, for what is his, foreign, ended and unknown.
//!
//! The expected statuses stand in one table. It is matched on the route, so a route without a row does not
//! compile.

use cairn_shared::route::{Method, Route};
use serde_json::json;

use crate::site::{Site, hex};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Nobody,
    Unknown,
    Other,
    OtherSession,
    Session,
    Owner,
}

const EVERYBODY: [Who; 6] =
    [Who::Nobody, Who::Unknown, Who::Other, Who::OtherSession, Who::Session, Who::Owner];

/// The expected status for each of `EVERYBODY`, in its order.
fn expected(route: Route) -> [u16; 6] {
    match route {
        Route::Health => [200, 200, 200, 200, 200, 200],
        Route::Owner => [201, 401, 201, 401, 401, 201],
        Route::Folder => [401, 401, 201, 401, 401, 201],
        Route::Start => [201, 401, 201, 401, 401, 201],
        Route::CheckHash => [404, 401, 404, 401, 401, 200],
        Route::Check => [404, 401, 404, 404, 200, 200],
        Route::Upload => [404, 401, 404, 404, 204, 204],
        // Not by a plain request; who may put what is told for each put.
        Route::Channel => [400, 401, 400, 400, 400, 400],
        Route::Status => [404, 401, 404, 404, 200, 200],
        Route::Finish => [404, 401, 404, 404, 201, 201],
        // A batch is an owner's; what is foreign in it is refused item by item.
        Route::BatchStart | Route::BatchCheck | Route::BatchUpload | Route::BatchFinish => {
            [401, 401, 200, 401, 401, 200]
        }
        Route::SessionDelete => [404, 401, 404, 404, 204, 204],
        Route::Share => [401, 401, 404, 401, 401, 201],
        Route::ShareDelete => [401, 401, 404, 401, 401, 204],
        Route::FolderList => [401, 401, 404, 401, 401, 200],
        Route::Folders => [401, 401, 200, 401, 401, 200],
        Route::FolderDelete => [401, 401, 404, 401, 401, 204],
        Route::Files => [401, 401, 200, 401, 401, 200],
        Route::FileDelete => [401, 401, 404, 404, 204, 204],
        // Whoever has the link has the file: that is what a link is.
        Route::SharePage => [200, 200, 200, 200, 200, 200],
        Route::LinkList => [200, 200, 200, 200, 200, 200],
        Route::Raw => [200, 200, 200, 200, 200, 200],
        Route::RawIn => [200, 200, 200, 200, 200, 200],
    }
}

/// What one owner has: an open session, a file, a link, the keys to them, and a folder with a file in it.
struct Things {
    owner: String,
    session_key: String,
    session: String,
    file_key: String,
    file: String,
    link: String,
    token: String,
    folder: String,
    folder_token: String,
}

fn things(site: &Site) -> Things {
    things_with(site, b"hello")
}

fn things_with(site: &Site, bytes: &[u8]) -> Things {
    let owner = site.owner();
    let folder = site.ask("POST", "/api/folder").by(&owner).json(&json!({"name": "f"})).send().expect(201);
    let start = |folder: Option<&serde_json::Value>| {
        let mut fields = json!({"name": "a", "size": 5});
        if let Some(folder) = folder {
            (fields["folder"], fields["path"]) = (folder.clone(), "b/a".into());
        }
        site.ask("POST", "/api/start").by(&owner).json(&fields).send().expect(201)
    };
    let (open, done, inside) = (start(None), start(None), start(Some(&folder["folder"])));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let id = text(&done["session_id"]);
    for id in [&id, &text(&open["session_id"]), &text(&inside["session_id"])] {
        site.ask("PUT", &format!("/api/upload/{id}/0")).by(&owner).body(bytes).send().expect(204);
    }
    let inside = text(&inside["session_id"]);
    site.ask("POST", &format!("/api/finish/{inside}")).by(&owner).send().expect(201);
    let finished = site.ask("POST", &format!("/api/finish/{id}")).by(&owner).send().expect(201);
    let link =
        site.ask("POST", &format!("/api/share/{}", text(&finished["file"]))).by(&owner).send().expect(201);
    Things {
        session_key: text(&open["session_key"]),
        session: text(&open["session_id"]),
        file_key: text(&done["session_key"]),
        file: text(&finished["file"]),
        link: text(&link["link"]),
        token: text(&finished["url"]).trim_start_matches("/d/").to_owned(),
        folder: text(&folder["folder"]),
        folder_token: text(&folder["url"]).trim_start_matches("/d/").to_owned(),
        owner,
    }
}

fn bearer(who: Who, route: Route, mine: &Things, other: &Things) -> String {
    let of_file = matches!(route, Route::FileDelete | Route::Share | Route::ShareDelete);
    match who {
        Who::Nobody => String::new(),
        Who::Unknown => format!("own_{}", "A".repeat(43)),
        Who::Other => other.owner.clone(),
        Who::OtherSession => {
            if of_file {
                other.file_key.clone()
            } else {
                other.session_key.clone()
            }
        }
        Who::Session => {
            if of_file {
                mine.file_key.clone()
            } else {
                mine.session_key.clone()
            }
        }
        Who::Owner => mine.owner.clone(),
    }
}

fn path(route: Route, things: &Things) -> String {
    let path = route
        .pattern()
        .replace("{session}", &things.session)
        .replace("{index}", "0")
        .replace("{file}", &things.file)
        .replace("{link}", &things.link)
        .replace("{folder}", &things.folder)
        .replace("{path}", "b/a")
        .replace("{token}", if route == Route::RawIn { &things.folder_token } else { &things.token });
    if route == Route::CheckHash { format!("{path}?h={}", hex(b"hello")) } else { path }
}

fn ask(site: &Site, route: Route, path: &str, bearer: &str) -> u16 {
    let ask = site.ask(route.method().as_str(), path).by(bearer);
    let ask = match route {
        Route::Folder => ask.json(&json!({"name": "c"})),
        Route::Start => ask.json(&json!({"name": "b"})),
        Route::Check => ask.json(&json!({"revision": 0, "at": 0, "chunks": []})),
        Route::Upload => ask.body(b"hello"),
        Route::BatchStart | Route::BatchCheck | Route::BatchFinish => ask.json(&json!({"items": []})),
        Route::BatchUpload => ask.body(b""),
        Route::Health
        | Route::Owner
        | Route::CheckHash
        | Route::Channel
        | Route::Status
        | Route::Finish
        | Route::SessionDelete
        | Route::Share
        | Route::ShareDelete
        | Route::FolderList
        | Route::Folders
        | Route::FolderDelete
        | Route::Files
        | Route::FileDelete
        | Route::SharePage
        | Route::LinkList
        | Route::Raw
        | Route::RawIn => ask,
    };
    ask.send().status
}

#[test]
fn every_route_answers_every_sender_as_the_table_says() {
    let site = Site::start();
    let other = things_with(&site, b"world");
    for route in Route::ALL {
        for (who, status) in EVERYBODY.into_iter().zip(expected(*route)) {
            // Fresh things each time: some answers end what they are asked about.
            let mine = things(&site);
            let found = ask(&site, *route, &path(*route, &mine), &bearer(who, *route, &mine, &other));
            assert_eq!(found, status, "{route:?} by {who:?}");
        }
    }
}

#[test]
fn unknown_ids_look_like_foreign_ones() {
    let site = Site::start();
    let (mine, other) = (things(&site), things(&site));
    let nothing = Things {
        session: "00112233445566778899aabbccddeeff".to_owned(),
        file: "00112233445566778899aabbccddeeff".to_owned(),
        link: "00112233445566778899aabbccddeeff".to_owned(),
        token: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        folder: "00112233445566778899aabbccddeeff".to_owned(),
        folder_token: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        ..things(&site)
    };
    for route in Route::ALL.iter().filter(|route| route.pattern().contains('{')) {
        if matches!(route, Route::SharePage | Route::LinkList | Route::Raw | Route::RawIn) {
            assert_eq!(ask(&site, *route, &path(*route, &nothing), &mine.owner), 404);
            continue;
        }
        let answer = |things: &Things| {
            let ask = site.ask(route.method().as_str(), &path(*route, things)).by(&mine.owner);
            let ask = if *route == Route::Upload { ask.body(b"hello") } else { ask };
            let answer = ask.send();
            (answer.status, answer.bytes)
        };
        assert_eq!(answer(&nothing), answer(&other), "{route:?}");
    }
}

#[test]
fn reading_changes_nothing() {
    let site = Site::start();
    let mine = things(&site);
    let list = |path: &str| site.ask("GET", path).by(&mine.owner).send().text();
    let listing = || [list("/api/files"), list("/api/folder"), list(&format!("/api/folder/{}", mine.folder))];
    let before = listing();
    for route in Route::ALL.iter().filter(|route| route.method() == Method::Get) {
        for method in ["GET", "HEAD"] {
            site.ask(method, &path(*route, &mine)).by(&mine.owner).send();
        }
    }
    assert_eq!(listing(), before);
}
