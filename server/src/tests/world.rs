//! The events of a simulation, and what must hold after each.
//!
//! `CAIRN_SEEDS` says how many seeds (500), `CAIRN_SEED` names one. A failure prints the command that runs it again.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::Method;
use cairn_engine::{Failure, Input, Reply, RequestId, State, UploadId};
use cairn_shared::FileId;
use cairn_store::model::ChunkState;
use sha2::{Digest, Sha256};

use super::client::Client;
use super::random::Random;
use super::site::{Asked, Body, ask, cairn, owner, routes, serve, set_now};
use crate::cairn::Cairn;
use crate::upkeep::sweep_once;

const CLIENTS: usize = 3;
const DEEDS: u64 = 80;
/// The time at which every simulation begins.
const BEGIN: u64 = 1_700_000_000_000;

enum Due {
    Arrive(usize, u64, RequestId, Asked),
    Answer(usize, u64, RequestId, Result<Reply, Failure>),
}

struct World {
    cairn: Arc<Cairn>,
    clients: Vec<Client>,
    /// How often a client came back: what was on its way to an earlier visit reaches nobody.
    visits: Vec<u64>,
    deleted: Vec<FileId>,
    due: BTreeMap<(u64, u64), Due>,
    random: Random,
    now: u64,
    order: u64,
    /// Losses, delays, doubles.
    is_stormy: bool,
}

/// Few contents that several clients have, in whole or in part.
fn content(random: &mut Random) -> Vec<u8> {
    let mut own = Random(random.below(5));
    let length = 20_000 + own.below(5) as usize * 60_000;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&own.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

impl World {
    fn later(&mut self, delay: u64, due: Due) {
        self.order += 1;
        self.due.insert((self.now + delay, self.order), due);
    }

    fn delay(&mut self) -> u64 {
        let most = if self.is_stormy { 300 } else { 20 };
        1 + self.random.below(most)
    }

    /// What the engines want to send leaves; some of it never arrives.
    fn depart(&mut self) {
        for number in 0..self.clients.len() {
            for (request, asked) in std::mem::take(&mut self.clients[number].leaving) {
                let (visit, delay) = (self.visits[number], self.delay());
                if self.is_stormy && self.random.percent(12) {
                    // Some losses are noticed, some never.
                    if self.random.percent(50) {
                        self.later(delay, Due::Answer(number, visit, request, Err(Failure::Network)));
                    }
                    continue;
                }
                self.later(delay, Due::Arrive(number, visit, request, asked));
            }
        }
    }

    fn hear(&mut self, number: usize, visit: u64, request: RequestId, reply: Result<Reply, Failure>) {
        if self.visits[number] == visit {
            self.clients[number].handle(Input::Reply { request, reply }, self.now);
        }
    }

    /// Answers travel; some are lost, some come twice.
    fn answer(&mut self, number: usize, visit: u64, request: RequestId, reply: &Result<Reply, Failure>) {
        if self.is_stormy && self.random.percent(10) {
            return;
        }
        let copies = 1 + u64::from(self.is_stormy && self.random.percent(15));
        for _ in 0..copies {
            let delay = self.delay();
            self.later(delay, Due::Answer(number, visit, request, reply.clone()));
        }
    }

    /// The next thing that happens by itself; false where nothing is left.
    fn next(&mut self) -> Option<Due> {
        loop {
            if (0..self.clients.len()).any(|number| self.clients[number].read(self.now)) {
                self.depart();
                continue;
            }
            let timeouts = self.clients.iter().enumerate();
            let timeout =
                timeouts.filter_map(|(number, client)| Some((client.engine.poll_timeout()?, number))).min();
            let first = self.due.keys().next().copied();
            match (first, timeout) {
                (Some(key), timeout) if timeout.is_none_or(|(at, _)| key.0 <= at) => {
                    self.now = self.now.max(key.0);
                    set_now(BEGIN + self.now);
                    return self.due.remove(&key);
                }
                (_, Some((at, number))) => {
                    self.now = self.now.max(at);
                    set_now(BEGIN + self.now);
                    self.clients[number].handle(Input::Tick, self.now);
                    self.depart();
                }
                (_, None) => return None,
            }
        }
    }

    /// What people do, and what the server does by itself.
    async fn deed(&mut self) {
        let number = self.random.below(CLIENTS as u64) as usize;
        let now = self.now;
        let pick = |client: &Client, random: &mut Random| {
            (!client.files.is_empty()).then(|| UploadId(random.below(client.files.len() as u64) as u32))
        };
        match self.random.below(14) {
            0..=3 if self.clients[number].files.len() < 4 => {
                let bytes = content(&mut self.random);
                self.clients[number].add_file(bytes, &mut self.random, now);
            }
            4 => self.edit(number, pick),
            5 => self.tell(number, pick, Input::Pause),
            6 => self.tell(number, pick, Input::Resume),
            7 => {
                self.visits[number] += 1;
                self.clients[number].come_back(&mut self.random, now);
            }
            8 => self.is_stormy = !self.is_stormy,
            9 => sweep_once(&self.cairn, Duration::ZERO, 0).await.unwrap(),
            10 => {
                // Long enough that sessions end.
                self.now += self.random.below(2) * 400_000;
                set_now(BEGIN + self.now);
            }
            11 => self.tell(number, pick, Input::Cancel),
            _ => {}
        }
        self.depart();
    }

    fn edit(&mut self, number: usize, pick: impl Fn(&Client, &mut Random) -> Option<UploadId>) {
        let client = &mut self.clients[number];
        if let Some(upload) = pick(client, &mut self.random)
            && client.state(upload).is_some_and(|state| state != State::Done)
        {
            let at = self.random.below(1_000_000) as usize;
            client.edit(upload, at);
        }
    }

    fn tell(
        &mut self,
        number: usize,
        pick: impl Fn(&Client, &mut Random) -> Option<UploadId>,
        input: impl Fn(UploadId) -> Input,
    ) {
        let client = &mut self.clients[number];
        if let Some(upload) = pick(client, &mut self.random).filter(|upload| client.state(*upload).is_some())
        {
            client.handle(input(upload), self.now);
        }
    }

    /// Every file that somebody was told of is there, and each of its chunks is held and has its bytes.
    async fn check(&self) {
        for client in &self.clients {
            for finished in client.finished.values().filter(|finished| !self.deleted.contains(&finished.file))
            {
                let file = self.cairn.meta.file(finished.file).await.unwrap();
                let file = file.unwrap_or_else(|| panic!("file {} is gone", finished.file));
                for row in self.cairn.meta.rows(file.session, 0, 100).await.unwrap() {
                    let record = self.cairn.meta.chunk(row.digest).await.unwrap().unwrap();
                    assert_eq!(record.state, ChunkState::Present, "a chunk of file {}", finished.file);
                    self.cairn.chunks.open(&record.locator, 0).await.unwrap();
                }
            }
        }
    }
}

async fn run(seed: u64) {
    set_now(BEGIN);
    let data = tempfile::tempdir().unwrap();
    let cairn = cairn(data.path());
    let routes = routes(&cairn).await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(Client::new(owner(&routes).await, seed ^ number as u64));
    }
    let mut world = World {
        cairn: cairn.clone(),
        clients,
        visits: vec![0; CLIENTS],
        deleted: Vec::new(),
        due: BTreeMap::new(),
        random: Random(seed),
        now: 0,
        order: 0,
        is_stormy: false,
    };
    let mut deeds = 0;
    for step in 0..40_000 {
        if deeds < DEEDS && (step % 3 == 0 || world.due.is_empty()) {
            deeds += 1;
            world.deed().await;
            world.check().await;
            if deeds == DEEDS {
                calm(&mut world);
            }
        }
        match world.next() {
            Some(Due::Arrive(number, visit, request, asked)) => {
                let owner = world.clients[number].owner.clone();
                let reply = serve(&routes, &owner, asked).await;
                world.answer(number, visit, request, &reply);
            }
            Some(Due::Answer(number, visit, request, reply)) => world.hear(number, visit, request, reply),
            None if deeds == DEEDS => break,
            None => {}
        }
        world.depart();
        if deeds == DEEDS {
            try_again(&mut world);
        }
    }
    look_at_everything(&mut world, &routes).await;
}

/// The storm is over, and everybody goes on with what he has.
fn calm(world: &mut World) {
    world.is_stormy = false;
    for client in &mut world.clients {
        for upload in client.engine.uploads().collect::<Vec<_>>() {
            client.handle(Input::Resume(upload), world.now);
        }
    }
    world.depart();
}

/// A file that was edited too often, or whose session ended too often, fails rightly; a person tries again.
fn try_again(world: &mut World) {
    for client in &mut world.clients {
        for upload in client.engine.uploads().collect::<Vec<_>>() {
            if client.state(upload) == Some(State::Failed) {
                client.handle(Input::Resume(upload), world.now);
            }
        }
    }
    world.depart();
}

async fn look_at_everything<S, B>(world: &mut World, routes: &S)
where
    S: actix_web::dev::Service<
            actix_http::Request,
            Response = actix_web::dev::ServiceResponse<B>,
            Error = actix_web::Error,
        >,
    B: actix_web::body::MessageBody,
{
    world.check().await;
    for client in &world.clients {
        for upload in client.engine.uploads() {
            assert_eq!(client.state(upload), Some(State::Done), "{:?}", client.engine.view(upload));
        }
        for (upload, finished) in &client.finished {
            let link = format!("{}/raw", finished.url.as_ref().unwrap());
            let bytes = ask(routes, "", Method::GET, &link, Body::None).await.unwrap();
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            assert!(client.files[upload].past.contains(&digest), "a file that never was");
        }
        // Some were published just before their client gave them up: the owner sees these too.
        let listed =
            ask(routes, &client.owner, Method::GET, "/api/files?limit=1000", Body::None).await.unwrap();
        let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
        for item in listed["items"].as_array().unwrap() {
            let file: FileId = item["file"].as_str().unwrap().parse().unwrap();
            ask(routes, &client.owner, Method::DELETE, &format!("/api/file/{file}"), Body::None)
                .await
                .unwrap();
            world.deleted.push(file);
        }
    }
    // Everything is deleted or over time: nothing is kept for ever.
    world.now += 100 * 24 * 3_600_000;
    set_now(BEGIN + world.now);
    sweep_once(&world.cairn, Duration::ZERO, 0).await.unwrap();
    assert_eq!(world.cairn.chunks.copies("").await.unwrap(), [], "copies that nobody holds");
}

#[test]
fn whatever_clients_and_line_do_the_files_are_right() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let seeds = match number("CAIRN_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CAIRN_SEEDS").unwrap_or(500),
    };
    let next = AtomicU64::new(seeds.start);
    let lane = || loop {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        if seed >= seeds.end {
            return;
        }
        let run = || actix_web::rt::System::new().block_on(run(seed));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            eprintln!("again: CAIRN_SEED={seed} cargo test -p cairn-server whatever");
            resume_unwind(panic);
        }
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..2).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().for_each(|lane| lane.join().unwrap());
    });
}
