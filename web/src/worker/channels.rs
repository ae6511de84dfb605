//! The channels that large chunks are sent by, where server, browser and everything between them let them through.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;

use cairn_shared::UnixMs;
use cairn_shared::route::Route;
use futures_util::future::{Either, select};
use wasm_bindgen_futures::spawn_local;

use crate::platform::blob::Bytes;
use crate::platform::channel::Channel;
use crate::platform::clock;

/// After a reading began, in milliseconds.
const PREPARE_MS: u32 = 400;
/// One that is not open by then won't be, in milliseconds.
const OPEN_MS: u32 = 5_000;
/// One on trial that has not answered by then won't: what is sent by it takes seconds. In milliseconds.
const TRIAL_MS: u32 = 30_000;
/// After a trial that failed, requests take their place for so long, in milliseconds; twice as long each time.
const REST_MS: UnixMs = 60_000;
const REST_MS_MAX: UnixMs = 3_600_000;
/// One that was idle for longer is not used again, in milliseconds: the server closes it after a minute.
const IDLE_MS: UnixMs = 45_000;

/// Those of one worker, each with one run on it at a time.
#[derive(Clone, Default)]
pub(super) struct Channels(Rc<Inner>);

#[derive(Default)]
struct Inner {
    /// Since when, and which.
    idle: RefCell<Vec<(UnixMs, Channel)>>,
    /// The last one was answered: they get through. Otherwise one at a time is on trial.
    works: Cell<bool>,
    on_trial: Cell<bool>,
    rest_ms: Cell<UnixMs>,
    rests_until: Cell<UnixMs>,
}

impl Channels {
    /// Opens one, so that the first run need not wait for it; when the first row, which goes by PUT, no longer waits for anything.
    pub(super) fn prepare(&self) {
        let channels = self.clone();
        spawn_local(async move {
            clock::sleep(PREPARE_MS).await;
            if let Some(taken) = channels.take().await {
                taken.give_back();
            }
        });
    }

    /// One that nobody uses; nothing where requests are to be made instead.
    pub(super) async fn take(&self) -> Option<Taken> {
        let inner = &*self.0;
        let now = clock::unix_now();
        let works = inner.works.get();
        if !works && (inner.on_trial.get() || now < inner.rests_until.get()) {
            return None;
        }
        let idle = {
            let mut idle = inner.idle.borrow_mut();
            idle.retain(|(since, channel)| channel.is_open() && now < since + IDLE_MS);
            idle.pop().map(|(_, channel)| channel)
        };
        inner.on_trial.set(!works);
        let mut taken = Taken { channels: self.clone(), channel: None, is_trial: !works, is_owed: true };
        taken.channel = match idle {
            Some(channel) => Some(channel),
            None => {
                let channel = Channel::open(Route::Channel.pattern())?;
                opens(&channel).await.then_some(channel)
            }
        };
        taken.is_owed = taken.channel.is_none();
        taken.channel.is_some().then_some(taken)
    }

    fn succeed(&self) {
        self.0.works.set(true);
        self.0.rest_ms.set(0);
    }

    fn fail(&self, was_trial: bool) {
        let Inner { works, rest_ms, rests_until, .. } = &*self.0;
        if was_trial {
            rest_ms.set((rest_ms.get() * 2).clamp(REST_MS, REST_MS_MAX));
            rests_until.set(clock::unix_now() + rest_ms.get());
        }
        works.set(false);
    }
}

async fn opens(channel: &Channel) -> bool {
    match select(pin!(channel.opened()), pin!(clock::sleep(OPEN_MS))).await {
        Either::Left((is_open, _)) => is_open,
        Either::Right(_) => false,
    }
}

/// A channel in use; closed when it is dropped.
pub(super) struct Taken {
    channels: Channels,
    channel: Option<Channel>,
    is_trial: bool,
    /// It has to open, or to be answered. Something on the way may let it open and then swallow what is sent.
    is_owed: bool,
}

impl Taken {
    /// Sends a run, and waits for what the server says; nothing where the channel ends before.
    pub(super) async fn put(mut self, text: &str, parts: &[Bytes]) -> Option<String> {
        let channel = self.channel.as_ref()?;
        self.is_owed = true;
        if !channel.send(text, parts) {
            return None;
        }
        let answer = match self.is_trial {
            true => match select(pin!(channel.answer()), pin!(clock::sleep(TRIAL_MS))).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => None,
            },
            false => channel.answer().await,
        }?;
        self.is_owed = false;
        self.channels.succeed();
        self.give_back();
        Some(answer)
    }

    fn give_back(mut self) {
        let channel = self.channel.take().map(|channel| (clock::unix_now(), channel));
        self.channels.0.idle.borrow_mut().extend(channel);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.is_trial {
            self.channels.0.on_trial.set(false);
        }
        if self.is_owed {
            self.channels.fail(self.is_trial);
        }
    }
}
