//! One tab owns a session: Web Locks, or where there are none a claim over a BroadcastChannel and a heartbeat.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use cairn_shared::ClientKey;
use futures_util::future::{Either, select};
use gloo_events::EventListener;
use js_sys::{Array, Function, Object, Promise, Reflect};
use std::pin::pin;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{BroadcastChannel, MessageEvent};

use crate::platform::idb::Db;
use crate::platform::{clock, document, random};

/// How long other tabs have to answer, where there are no Web Locks.
const ANSWER_MS: u32 = 200;
/// Between two signs of life. Browsers let tabs in the background run timers once a minute only.
const BEAT_MS: u32 = 10_000;
/// A tab that gave no sign for so long is gone.
const GONE_MS: u64 = 90_000;
/// How often a tab asks again for what it waits for.
const WAIT_MS: u32 = 2_000;
/// What a tab says when it is closed, with its number.
const BYE: &str = "bye ";
const PREFIX: &str = "cairn-session-";

#[wasm_bindgen]
extern "C" {
    /// web-sys has Web Locks behind a compiler flag only, so the two calls are bound here.
    type LockManager;
    #[wasm_bindgen(method)]
    fn request(this: &LockManager, name: &str, options: &JsValue, then: &Function) -> Promise;
    #[wasm_bindgen(method)]
    fn query(this: &LockManager) -> Promise;
}

/// What came of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is this tab's from now on. Who asked may begin, and gives it back.
    Fresh,
    /// Somebody else in this tab has it, or is about to: nothing may begin twice, or be given back by another.
    Ours,
    /// Another tab has it.
    Elsewhere,
}

/// The claims of this tab, and the way to know those of others.
#[derive(Clone)]
pub struct Claims(Rc<Inner>);

struct Inner {
    way: Way,
    /// What this tab owns; with Web Locks, the function that gives the lock back.
    owned: RefCell<HashMap<ClientKey, Option<Function>>>,
    /// What this tab asks for at the moment.
    asked: RefCell<HashSet<ClientKey>>,
}

enum Way {
    Locks(LockManager),
    Signs(Signs),
}

/// Signs of life between tabs: answers for those that run, the heartbeat for those that the browser has frozen.
struct Signs {
    tab: ClientKey,
    channel: Option<BroadcastChannel>,
    heard: RefCell<HashSet<ClientKey>>,
    db: Option<Db>,
}

impl Claims {
    /// Picks the best way that the browser has; `db` is where tabs find each other where there are no Web Locks.
    pub fn new(db: Option<Db>) -> Self {
        lock_manager().map_or_else(|| Self::by_signs(db), |locks| Self::by(Way::Locks(locks)))
    }

    /// Does without Web Locks.
    pub fn by_signs(db: Option<Db>) -> Self {
        let channel = BroadcastChannel::new("cairn-claims").ok();
        let claims =
            Self::by(Way::Signs(Signs { tab: random::client_key(), channel, heard: RefCell::default(), db }));
        if let Way::Signs(Signs { channel: Some(channel), .. }) = &claims.0.way {
            let answering = claims.clone();
            EventListener::new(channel, "message", move |event| answering.hear(event)).forget();
        }
        let beating = claims.clone();
        clock::every(BEAT_MS, move || beating.beat());
        let ending = claims.clone();
        document::on_leaving(move || {
            if let Way::Signs(Signs { tab, channel, db: Some(db), .. }) = &ending.0.way {
                db.end_beat(*tab);
                // A tab that is being closed may not get to write: the others do it for it. As for answers below.
                let bye = JsValue::from_str(&format!("{BYE}{tab}"));
                let _ = channel.as_ref().map(|channel| channel.post_message(&bye));
            }
        });
        claims
    }

    fn by(way: Way) -> Self {
        Self(Rc::new(Inner { way, owned: RefCell::default(), asked: RefCell::default() }))
    }

    /// Takes a session for this tab, where neither another tab has it nor anybody in this one.
    pub async fn claim(&self, key: ClientKey) -> Claim {
        if self.0.owned.borrow().contains_key(&key) || !self.0.asked.borrow_mut().insert(key) {
            return Claim::Ours;
        }
        let claim = self.ask_for(key).await;
        self.0.asked.borrow_mut().remove(&key);
        claim
    }

    async fn ask_for(&self, key: ClientKey) -> Claim {
        let release = match &self.0.way {
            Way::Locks(locks) => match lock(locks, key, Patience::None).await {
                Some(release) => Some(release),
                None => return Claim::Elsewhere,
            },
            Way::Signs(_) => {
                if self.held_elsewhere().await.contains(&key) {
                    return Claim::Elsewhere;
                }
                None
            }
        };
        self.own(key, release);
        Claim::Fresh
    }

    /// Waits until nobody has a session, in this tab or another one, and takes it.
    pub async fn wait(&self, key: ClientKey) {
        if let Way::Locks(locks) = &self.0.way
            && let Some(release) = lock(locks, key, Patience::Endless).await
        {
            self.own(key, Some(release));
            return;
        }
        while self.claim(key).await != Claim::Fresh {
            clock::sleep(WAIT_MS).await;
        }
    }

    fn own(&self, key: ClientKey, release: Option<Function>) {
        self.0.owned.borrow_mut().insert(key, release);
        self.beat();
    }

    /// Says that this tab lives and what it owns; with Web Locks the browser knows.
    fn beat(&self) {
        let Way::Signs(Signs { tab, db: Some(db), .. }) = &self.0.way else { return };
        let owns: Vec<ClientKey> = self.0.owned.borrow().keys().copied().collect();
        let (tab, db) = (*tab, db.clone());
        wasm_bindgen_futures::spawn_local(async move {
            // A sign that is not kept is missed by tabs that get no answer from this one, and by no others.
            let _ = db.beat(tab, clock::unix_now(), owns).await;
        });
    }

    /// Takes a session whose key was made this moment, so that no other tab can have it.
    pub fn claim_fresh(&self, key: ClientKey) {
        self.own(key, None);
        if let Way::Locks(_) = &self.0.way {
            let claims = self.clone();
            wasm_bindgen_futures::spawn_local(async move {
                let Way::Locks(locks) = &claims.0.way else { return };
                if let Some(release) = lock(locks, key, Patience::None).await {
                    match claims.0.owned.borrow_mut().get_mut(&key) {
                        Some(kept) => *kept = Some(release),
                        None => give_back(&release),
                    }
                }
            });
        }
    }

    /// Gives a session back.
    pub fn release(&self, key: ClientKey) {
        if let Some(Some(release)) = self.0.owned.borrow_mut().remove(&key) {
            give_back(&release);
        }
        self.beat();
    }

    /// What other tabs own.
    pub async fn held_elsewhere(&self) -> HashSet<ClientKey> {
        let mut held = match &self.0.way {
            Way::Locks(locks) => held_locks(locks).await.unwrap_or_default(),
            Way::Signs(signs) => signs.ask().await,
        };
        held.retain(|key| !self.0.owned.borrow().contains_key(key));
        held
    }

    fn hear(&self, event: &web_sys::Event) {
        let Way::Signs(Signs { channel: Some(channel), heard, db, .. }) = &self.0.way else { return };
        let text =
            event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string()).unwrap_or_default();
        if text == "who" {
            let owned: Vec<String> = self.0.owned.borrow().keys().map(ToString::to_string).collect();
            // It fails only on a closed channel, and this one is never closed.
            let _ = channel.post_message(&JsValue::from_str(&owned.join(" ")));
        } else if let Some(gone) = text.strip_prefix(BYE) {
            db.iter().zip(gone.parse()).for_each(|(db, gone)| db.end_beat(gone));
        } else {
            heard.borrow_mut().extend(text.split(' ').filter_map(|key| key.parse::<ClientKey>().ok()));
        }
    }
}

impl Signs {
    /// What other tabs own, by their answers and by their heartbeat.
    async fn ask(&self) -> HashSet<ClientKey> {
        self.heard.borrow_mut().clear();
        if let Some(channel) = &self.channel {
            // It fails only on a closed channel, and this one is never closed.
            let _ = channel.post_message(&JsValue::from_str("who"));
            clock::sleep(ANSWER_MS).await;
        }
        let mut owned = self.heard.borrow().clone();
        if let Some(db) = &self.db {
            let since = clock::unix_now().saturating_sub(GONE_MS);
            owned.extend(db.owned_by_others(self.tab, since).await.unwrap_or_default());
        }
        owned
    }
}

/// How long a lock is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    Endless,
}

fn lock_manager() -> Option<LockManager> {
    let navigator = web_sys::window()?.navigator();
    let locks = Reflect::get(&navigator, &JsValue::from_str("locks")).ok()?;
    locks.is_object().then(|| locks.unchecked_into())
}

/// Asks for the lock; the browser keeps it until the promise that we give it settles.
async fn lock(locks: &LockManager, key: ClientKey, patience: Patience) -> Option<Function> {
    let release: Rc<RefCell<Option<Function>>> = Rc::default();
    let mut settle = None;
    let answer = Promise::new(&mut |resolve, _| settle = Some(resolve));
    let settle = settle?;
    let kept = release.clone();
    let then = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        let got = !lock.is_null();
        // Calling a promise's own resolver can't fail.
        let _ = settle.call1(&JsValue::UNDEFINED, &JsValue::from_bool(got));
        if !got {
            return JsValue::UNDEFINED;
        }
        Promise::new(&mut |resolve, _| *kept.borrow_mut() = Some(resolve)).into()
    });
    let options = Object::new();
    Reflect::set(
        &options,
        &JsValue::from_str("ifAvailable"),
        &JsValue::from_bool(patience == Patience::None),
    )
    .ok()?;
    let request = locks.request(&format!("{PREFIX}{key}"), &options, then.unchecked_ref());
    // A browser that refuses locks altogether rejects the request and never calls back.
    match select(pin!(JsFuture::from(answer)), pin!(JsFuture::from(request))).await {
        Either::Left((Ok(got), _)) if got.is_truthy() => release.take(),
        Either::Left(_) | Either::Right(_) => None,
    }
}

fn give_back(release: &Function) {
    // Calling a promise's own resolver can't fail.
    let _ = release.call0(&JsValue::UNDEFINED);
}

async fn held_locks(locks: &LockManager) -> Option<HashSet<ClientKey>> {
    let snapshot = JsFuture::from(locks.query()).await.ok()?;
    let held: Array = Reflect::get(&snapshot, &JsValue::from_str("held")).ok()?.dyn_into().ok()?;
    let name = |lock: JsValue| Reflect::get(&lock, &JsValue::from_str("name")).ok()?.as_string();
    let keys = held.iter().filter_map(name);
    Some(keys.filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect())
}
