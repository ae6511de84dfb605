//! What the log leaves out: lines that anybody could have the server write without end.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::platform::Clock;

/// The library that reads requests. What it calls an error is what somebody sent.
const LIBRARY: &str = "actix_http";
/// Lines of it in a second at most.
const LINES: u64 = 5;

/// Lets the library's lines through where somebody looks for what strangers send (`CAIRN_LOG=debug`), and a few of them only.
pub(crate) struct Quiet {
    clock: Clock,
    /// The second, in the upper half, and how many lines there were in it.
    lines: AtomicU64,
}

impl Quiet {
    pub(crate) fn new() -> Self {
        Self { clock: Clock::start(), lines: AtomicU64::new(0) }
    }

    fn lets_through(&self, metadata: &Metadata<'_>, shown: LevelFilter, now_ms: u64) -> bool {
        if !metadata.target().starts_with(LIBRARY) {
            return true;
        }
        shown >= LevelFilter::DEBUG && self.count(now_ms) < LINES
    }

    /// How many there were in this second before.
    fn count(&self, now_ms: u64) -> u64 {
        let second = (now_ms / 1_000) << 32;
        let next = |lines: u64| if lines >> 32 << 32 == second { lines + 1 } else { second + 1 };
        let before = self.lines.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |lines| Some(next(lines)));
        before.map_or(LINES, |lines| next(lines) - second - 1)
    }
}

impl<S: Subscriber> Layer<S> for Quiet {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.lets_through(event.metadata(), LevelFilter::current(), self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! metadata {
        ($target:literal) => {{
            struct Site;
            impl tracing::Callsite for Site {
                fn set_interest(&self, _: tracing::subscriber::Interest) {}
                fn metadata(&self) -> &Metadata<'_> {
                    panic!("nobody asks for it")
                }
            }
            static SITE: Site = Site;
            let fields = tracing::field::FieldSet::new(&[], tracing::callsite::Identifier(&SITE));
            Metadata::new(
                "event",
                $target,
                tracing::Level::ERROR,
                None,
                None,
                None,
                fields,
                tracing::metadata::Kind::EVENT,
            )
        }};
    }

    #[test]
    fn what_strangers_send_is_told_to_whoever_looks_for_it_and_not_without_end() {
        let quiet = Quiet::new();
        let (library, own) = (metadata!("actix_http::h1::dispatcher"), metadata!("cairn_server::app"));
        assert!(!quiet.lets_through(&library, LevelFilter::INFO, 0));
        let shown =
            |now_ms| (0..100).filter(|_| quiet.lets_through(&library, LevelFilter::DEBUG, now_ms)).count();
        assert_eq!((shown(0), shown(999), shown(1_000), shown(7_500)), (5, 0, 5, 5));
        assert!((0..100).all(|_| quiet.lets_through(&own, LevelFilter::INFO, 7_500)));
    }
}
