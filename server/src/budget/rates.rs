//! How often guests may ask: one bucket for each owner and one for each address (IPv6 by /64), in the memory of this process.
//!
//! A bucket is no row: what is lost with the process is a minute's worth of requests, and a write for each request would cost more than
//! what it spares. So each node counts what comes to it, and N nodes let N times as much through.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cairn_shared::limits::BATCH_ITEMS_MAX;
use cairn_shared::{OwnerId, Problem, ProblemCode};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::access::ClientAddress;
use crate::config::GuestRates;
use crate::refusal::Answer;

/// The items of the largest batch.
const BATCH: NonZeroU32 = NonZeroU32::new(BATCH_ITEMS_MAX as u32).unwrap();
/// Requests between two looks at which buckets are full again and need not be kept. A bucket is full after a minute without a request,
/// so there are never more than a minute's addresses and owners, and these.
const FORGET_EVERY: u32 = 1_024;

/// Rows that are looked at for as much as one look costs.
pub(crate) const ROWS_A_LOOK: u32 = 1_000;

/// Rows that are declared for as much as one check costs: each is looked up, and written, by the one thread that writes.
pub(crate) const ROWS_A_CHECK: usize = 64;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rated {
    /// Owner keys.
    Owner,
    /// Sessions and folders that are started; each item of a batch is one.
    Start,
    /// Declarations of rows; each item of a batch is one, and so are some tens of rows.
    Check,
    /// Looks at a session; each thousand rows that are looked at are one more.
    Status,
}

/// The buckets of all guests.
pub(crate) struct Rates<C: Clock = DefaultClock> {
    owner: Rate<C>,
    start: Rate<C>,
    check: Rate<C>,
    status: Rate<C>,
}

impl Rates {
    /// Full buckets.
    pub(crate) fn new(rates: &GuestRates) -> Self {
        Self::with_clock(rates, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn with_clock(rates: &GuestRates, clock: &C) -> Self {
        let rate = |what, a_minute| Rate::new(what, a_minute, clock);
        Self {
            owner: rate("owner keys", rates.owner),
            start: rate("starts", rates.start),
            check: rate("checks", rates.check),
            status: rate("looks at sessions", rates.status),
        }
    }

    /// Takes `count` out of the buckets of a guest, or says when there will be as many.
    pub(crate) fn admit(
        &self,
        what: Rated,
        address: ClientAddress,
        owner: Option<OwnerId>,
        count: u32,
    ) -> Answer<()> {
        let rate = match what {
            Rated::Owner => &self.owner,
            Rated::Start => &self.start,
            Rated::Check => &self.check,
            Rated::Status => &self.status,
        };
        rate.admit(address.group(), owner, count)
    }
}

type Buckets<K, C> = RateLimiter<K, DashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The buckets of one kind of request; none where it has no limit.
struct Rate<C: Clock> {
    what: &'static str,
    limit: Option<Limit<C>>,
}

struct Limit<C: Clock> {
    a_minute: NonZeroU32,
    at_once: NonZeroU32,
    clock: C,
    addresses: Buckets<IpAddr, C>,
    owners: Buckets<OwnerId, C>,
    asked: AtomicU32,
}

impl<C: Clock + Clone> Rate<C> {
    fn new(what: &'static str, a_minute: u32, clock: &C) -> Self {
        let limit = NonZeroU32::new(a_minute).map(|a_minute| Limit {
            a_minute,
            at_once: at_once(a_minute),
            clock: clock.clone(),
            addresses: buckets(a_minute, clock),
            owners: buckets(a_minute, clock),
            asked: AtomicU32::new(0),
        });
        Self { what, limit }
    }

    fn admit(&self, address: IpAddr, owner: Option<OwnerId>, count: u32) -> Answer<()> {
        let (Some(limit), Some(count)) = (&self.limit, NonZeroU32::new(count)) else { return Ok(()) };
        limit.forget();
        let wait = limit.wait(&limit.addresses, &address, count);
        let wait = wait.or_else(|| owner.and_then(|owner| limit.wait(&limit.owners, &owner, count)));
        let Some(wait) = wait else { return Ok(()) };
        let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
        let detail = format!(
            "These are more {} than {} a minute, as many as one guest or address may ask for. Go on in {seconds} s.",
            self.what, limit.a_minute
        );
        Err(Problem::new(ProblemCode::TooManyRequests, detail).with_retry_after(seconds).into())
    }
}

impl<C: Clock> Limit<C> {
    /// How long until the bucket has so many; nothing where it had them. More than it ever has is a whole bucket.
    fn wait<K: Hash + Eq + Clone>(
        &self,
        buckets: &Buckets<K, C>,
        key: &K,
        count: NonZeroU32,
    ) -> Option<Duration> {
        let count = count.min(self.at_once);
        match buckets.check_key_n(key, count) {
            Ok(Err(not_until)) => Some(not_until.wait_time_from(self.clock.now())),
            // No more is asked for than a bucket holds.
            Ok(Ok(())) | Err(_) => None,
        }
    }

    /// Drops the buckets that are full.
    fn forget(&self) {
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.addresses.retain_recent();
            self.addresses.shrink_to_fit();
            self.owners.retain_recent();
            self.owners.shrink_to_fit();
        }
    }
}

/// What a bucket holds: a minute's worth of what is rare; of what is not as much as one batch has, or five seconds' worth.
fn at_once(a_minute: NonZeroU32) -> NonZeroU32 {
    NonZeroU32::new(a_minute.get() / 12).map_or(a_minute, |few| few.max(BATCH)).min(a_minute)
}

fn buckets<K: Hash + Eq + Clone, C: Clock + Clone>(a_minute: NonZeroU32, clock: &C) -> Buckets<K, C> {
    let quota = Quota::per_minute(a_minute).allow_burst(at_once(a_minute));
    RateLimiter::new(quota, DashMapStateStore::default(), clock.clone())
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rates(a_minute: u32) -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let rates = GuestRates { owner: a_minute, start: a_minute, check: a_minute, status: a_minute };
        (Rates::with_clock(&rates, &clock), clock)
    }

    fn address(text: &str) -> ClientAddress {
        text.parse::<IpAddr>().unwrap().into()
    }

    fn wait(answer: Answer<()>) -> Option<u32> {
        answer.err().map(|refusal| {
            assert_eq!(refusal.0.code, ProblemCode::TooManyRequests);
            refusal.0.retry_after.unwrap()
        })
    }

    #[test]
    fn a_minute_s_worth_at_once_and_then_as_it_comes_back() {
        let (rates, clock) = rates(60);
        let ask = |count| wait(rates.admit(Rated::Start, address("10.0.0.1"), None, count));
        assert_eq!(ask(50), None);
        assert_eq!(ask(20), Some(10));
        // What was refused took nothing.
        assert_eq!(ask(10), None);
        assert_eq!(ask(1), Some(1));
        clock.advance(Duration::from_secs(10));
        assert_eq!((ask(10), ask(1)), (None, Some(1)));
        // A batch of more than a bucket ever has comes through once that is full.
        assert_eq!(ask(1_000), Some(60));
        clock.advance(Duration::from_secs(60));
        assert_eq!((ask(1_000), ask(1)), (None, Some(1)));
    }

    #[test]
    fn of_many_a_batch_or_a_few_seconds_worth_come_at_once() {
        let held = |a_minute| at_once(NonZeroU32::new(a_minute).unwrap()).get();
        assert_eq!([1, 60, 1_000, 5_000, 60_000].map(held), [1, 60, 1_000, 1_000, 5_000]);
    }

    #[test]
    fn owners_and_addresses_have_buckets_of_their_own() {
        let (rates, _) = rates(10);
        let ask = |from: &str, owner: u8| {
            wait(rates.admit(Rated::Check, address(from), Some(OwnerId::new([owner; 16])), 10))
        };
        assert_eq!(ask("10.0.0.1", 1), None);
        assert!(ask("10.0.0.1", 2).is_some(), "the same address");
        assert!(ask("::ffff:10.0.0.1", 2).is_some(), "the same address, as IPv6 writes it");
        assert!(ask("10.0.0.2", 1).is_some(), "the same owner");
        assert_eq!(ask("2001:db8:1:1::1", 3), None);
        assert!(ask("2001:db8:1:1:ffff::2", 4).is_some(), "the same /64");
        assert_eq!(ask("2001:db8:1:2::1", 4), None);
        // Other requests have others.
        assert_eq!(wait(rates.admit(Rated::Status, address("10.0.0.1"), None, 10)), None);
    }

    #[test]
    fn no_limit_where_none_is_set() {
        let (rates, _) = rates(0);
        for _ in 0..10 {
            assert_eq!(wait(rates.admit(Rated::Owner, address("10.0.0.1"), None, u32::MAX)), None);
        }
    }

    #[test]
    fn buckets_that_are_full_again_are_forgotten() {
        let (rates, clock) = rates(60);
        let ask = |number: u32| rates.admit(Rated::Owner, IpAddr::from(number.to_be_bytes()).into(), None, 1);
        (0..5_000).for_each(|number| ask(number).unwrap());
        let kept = || rates.owner.limit.as_ref().unwrap().addresses.len();
        assert!(kept() >= 4_000, "nobody's bucket is forgotten before it is full");
        clock.advance(Duration::from_secs(61));
        (0..FORGET_EVERY).for_each(|_| ask(7).map_or((), |()| ()));
        assert!(kept() <= FORGET_EVERY as usize, "{} buckets", kept());
    }
}
