//! Servers that never agree, and uploads that stand in each other's way: seen from outside, through the public API.

#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a failing test panics")]

use cairn_engine::*;
use cairn_shared::message::*;
use cairn_shared::problem::*;
use cairn_shared::*;

fn src(size: u64, mtime: u64) -> Source {
    Source {
        name: "f".parse().unwrap(),
        path: None,
        folder: None,
        size,
        mtime: Some(mtime),
        media_type: None,
    }
}
fn key(n: u8) -> ClientKey {
    ClientKey::new([n; 16])
}
fn drain(e: &mut Engine) -> Vec<Effect> {
    std::iter::from_fn(|| e.poll_effect()).collect()
}
fn started() -> Reply {
    Reply::Start(StartResponse {
        session_id: SessionId::new([1; 16]),
        session_key: Bearer::Session([2; 32]),
        expires_at: 0,
        chunking: ChunkRule::Fixed(65_536),
        chunk_size: None,
        chunks: None,
        limits: Limits { chunk_bytes: 8 << 20, check_rows: 4096, session_rows: 1 << 20 },
        proof_key: ProofKey::of_session(&Bearer::Session([1; 32])),
    })
}
fn status(n: u32) -> Reply {
    let mut r = Ranges::default();
    r.push_range(0, n);
    Reply::Status(StatusResponse {
        state: SessionState::Open,
        revision: 0,
        received: Ranges::default(),
        missing: r,
        size: Some(65_536),
        expires_at: 0,
        next: None,
        finished: None,
    })
}
/// Feeds one 1-row file; `answer` decides on checks, sends and finishes. Requests made within ten minutes of virtual time.
fn run(answer: impl Fn(&Effect) -> Result<Reply, Failure>) -> (usize, State, Now) {
    let mut e = Engine::new(Config { rule: ChunkRule::Fixed(65_536), ..Config::default() }, 1);
    let (mut now, mut asked) = (0, 0);
    e.handle(Input::Add { upload: UploadId(1), source: src(65_536, 1), key: key(1), entry: None }, now);
    let mut steps = 0;
    let mut last_pass = None;
    while now < 600_000 && steps < 5_000 {
        steps += 1;
        let mut inputs = vec![];
        for f in drain(&mut e) {
            match &f {
                Effect::Request { request, .. } | Effect::Send { request, .. } => {
                    asked += 1;
                    inputs.push(Input::Reply { request: *request, reply: answer(&f) });
                }
                Effect::Read { upload, pass, .. } if last_pass != Some(*pass) => {
                    last_pass = Some(*pass);
                    let c = ChunkRef { pass: *pass, offset: 0, length: 65_536 };
                    inputs.push(Input::Chunks {
                        upload: *upload,
                        pass: *pass,
                        chunks: vec![(c, ChunkDigest::new([7; 32]))],
                    });
                    inputs.push(Input::PassEnd {
                        upload: *upload,
                        pass: *pass,
                        size: 65_536,
                        mtime: Some(1),
                    });
                }
                _ => {}
            }
        }
        if inputs.is_empty() {
            match e.poll_timeout() {
                Some(at) => {
                    now = at.max(now + 1);
                    e.handle(Input::Tick, now);
                }
                None => break,
            }
        }
        for i in inputs {
            e.handle(i, now);
        }
    }
    (asked, e.view(UploadId(1)).unwrap().state, now)
}
fn problem(code: ProblemCode) -> Result<Reply, Failure> {
    Err(Failure::Problem(Box::new(Problem::new(code, "x"))))
}
fn need() -> Result<Reply, Failure> {
    Ok(Reply::Check(CheckResponse { revision: 0, chunks: vec![RowState::Need] }))
}
fn usual(f: &Effect) -> Result<Reply, Failure> {
    match f {
        Effect::Request { call: Call::Start(_), .. } => Ok(started()),
        Effect::Request { call: Call::Status(..), .. } => Ok(status(1)),
        Effect::Request { call: Call::Check(..), .. } => need(),
        Effect::Send { .. } => Ok(Reply::Stored),
        _ => problem(ProblemCode::Internal),
    }
}

#[test]
fn not_found_on_check() {
    let r = run(|f| match f {
        Effect::Request { call: Call::Check(..), .. } => problem(ProblemCode::NotFound),
        _ => usual(f),
    });
    assert_eq!(r.1, State::Failed, "{r:?}");
}
#[test]
fn digest_mismatch_on_send() {
    let r = run(|f| match f {
        Effect::Send { .. } => problem(ProblemCode::DigestMismatch),
        _ => usual(f),
    });
    assert_eq!(r.1, State::Failed, "{r:?}");
}
#[test]
fn chunks_missing_on_finish() {
    let r = run(|f| match f {
        Effect::Request { call: Call::Finish(..), .. } => {
            let mut m = Ranges::default();
            m.push(0);
            Err(Failure::Problem(Box::new(Problem::new(ProblemCode::ChunksMissing, "x").with_ranges(m))))
        }
        _ => usual(f),
    });
    assert_eq!(r.1, State::Failed, "{r:?}");
}
#[test]
fn manifest_differs_on_finish() {
    let r = run(|f| match f {
        Effect::Request { call: Call::Finish(..), .. } => problem(ProblemCode::ManifestDiffers),
        _ => usual(f),
    });
    assert_eq!(r.1, State::Failed, "{r:?}");
}
#[test]
fn row_differs_without_a_revision() {
    let r = run(|f| match f {
        Effect::Request { call: Call::Check(..), .. } => problem(ProblemCode::RowDiffers),
        _ => usual(f),
    });
    assert_eq!(r.1, State::Failed, "{r:?}");
}
#[test]
fn status_413_on_send() {
    let r = run(|f| match f {
        Effect::Send { .. } => Err(Failure::Status { status: 413, retry_after_seconds: None }),
        _ => usual(f),
    });
    assert_eq!(r.1, State::Failed, "{r:?}");
}
#[test]
fn a_paused_upload_does_not_starve_the_next() {
    let mut e = Engine::new(Config::default(), 1);
    e.handle(Input::Add { upload: UploadId(1), source: src(1 << 40, 1), key: key(1), entry: None }, 0);
    drain(&mut e);
    e.handle(Input::Pause(UploadId(1)), 1);
    e.handle(Input::Add { upload: UploadId(2), source: src(1 << 30, 1), key: key(2), entry: None }, 2);
    let reads =
        drain(&mut e).into_iter().filter(|f| matches!(f, Effect::Read { upload: UploadId(2), .. })).count();
    assert!(reads > 0, "no grant for the second upload, timeout {:?}", e.poll_timeout());
}
#[test]
fn an_upload_published_unheard_then_edited_is_not_called_done() {
    let entry = JournalEntry {
        key: key(1),
        name: "f".parse().unwrap(),
        path: None,
        folder: None,
        rule: None,
        size: 65_536,
        mtime: Some(1),
        media_type: None,
        start_size: 65_536,
        start_mtime: Some(1),
        session: Some(journal::SessionHandle { id: SessionId::new([1; 16]), key: Bearer::Session([2; 32]) }),
        stored: 65_536,
    };
    // Visit 2: the file was edited; the tab dies before status is answered.
    let mut e = Engine::new(Config::default(), 1);
    e.handle(
        Input::Add { upload: UploadId(1), source: src(65_536, 2), key: key(2), entry: Some(entry.clone()) },
        0,
    );
    let saved = drain(&mut e)
        .into_iter()
        .filter_map(|f| if let Effect::Save { entry, .. } = f { Some(entry) } else { None })
        .next_back()
        .unwrap_or(entry);
    // Visit 3: the same edited file.
    let mut e = Engine::new(Config::default(), 1);
    e.handle(Input::Add { upload: UploadId(1), source: src(65_536, 2), key: key(3), entry: Some(saved) }, 0);
    for f in drain(&mut e) {
        if let Effect::Request { request, call: Call::Status(..), .. } = f {
            let Reply::Status(mut s) = status(0) else { unreachable!() };
            s.state = SessionState::Finished;
            s.finished = Some(FinishResponse {
                file: FileId::new([1; 16]),
                manifest_digest: ManifestDigest::new([9; 32]),
                blob: None,
                url: None,
            });
            e.handle(Input::Reply { request, reply: Ok(Reply::Status(s)) }, 1);
        }
    }
    assert_ne!(e.view(UploadId(1)).unwrap().state, State::Done);
}
#[test]
fn resumed_uploads_do_not_displace_one_that_holds_everything() {
    let mut e = Engine::new(Config::default(), 1);
    for n in 1..=3 {
        e.handle(
            Input::Add { upload: UploadId(n), source: src(1 << 40, 1), key: key(n as u8), entry: None },
            0,
        );
        e.handle(Input::Pause(UploadId(n)), 0);
        // The reader was granted something: it is ended so that only the fourth holds bytes.
        for f in drain(&mut e) {
            if let Effect::Read { upload, pass, .. } = f {
                e.handle(Input::PassFailed { upload, pass, failure: PassFailure::Changed }, 0);
            }
        }
    }
    e.handle(Input::Add { upload: UploadId(4), source: src(1 << 40, 1), key: key(4), entry: None }, 10);
    let fourth: u64 = drain(&mut e)
        .into_iter()
        .filter_map(
            |f| if let Effect::Read { upload: UploadId(4), bytes, .. } = f { Some(bytes) } else { None },
        )
        .sum();
    for n in 1..=3 {
        e.handle(Input::Resume(UploadId(n)), 20);
    }
    e.handle(Input::Tick, 5_000);
    drop(drain(&mut e));
    assert!(fourth > 0);
    assert_ne!(
        e.view(UploadId(4)).unwrap().state,
        State::Waiting,
        "it keeps its turn, so it can send what it holds"
    );
}

#[test]
fn what_the_server_says_of_a_refusal_is_kept() {
    let mut e = Engine::new(Config::default(), 1);
    e.handle(Input::Add { upload: UploadId(1), source: src(65_536, 1), key: key(1), entry: None }, 0);
    assert_eq!(e.said(UploadId(1)), None);
    let request = drain(&mut e).into_iter().find_map(|effect| match effect {
        Effect::Request { request, .. } => Some(request),
        _ => None,
    });
    let refusal = Failure::Problem(Box::new(Problem::new(ProblemCode::GuestsOff, "There is a Via header.")));
    e.handle(Input::Reply { request: request.unwrap(), reply: Err(refusal) }, 1);
    let view = e.view(UploadId(1)).unwrap();
    assert_eq!(
        (view.state, view.trouble.map(|trouble| trouble.as_str())),
        (State::Failed, Some("guests_off"))
    );
    assert_eq!(e.said(UploadId(1)), Some("There is a Via header."));
    e.handle(Input::Resume(UploadId(1)), 2);
    assert_eq!(e.said(UploadId(1)), None, "it is tried again");
}
