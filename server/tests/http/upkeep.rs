//! Expiry, and the clean-up behind it.

use std::time::{Duration, UNIX_EPOCH};

use cairn_shared::ProblemCode;
use serde_json::json;

use crate::site::Site;

#[test]
fn a_session_over_time_is_gone_and_a_chunk_keeps_it() {
    let site = Site::with(&[("session_ttl", "1200ms"), ("sweep_every", "100ms"), ("delete_after", "100ms")]);
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
    while now() + 200 < expires_at {
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
