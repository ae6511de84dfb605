//! What uploads wait for, in words: told once when it begins, and once when it has ended.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use cairn_engine::{State, Trouble, View};

/// Reasons, each with the words for its end.
#[derive(Default)]
pub(crate) struct Waits {
    now: BTreeMap<&'static str, String>,
    met: BTreeMap<&'static str, (String, String)>,
}

impl Waits {
    /// One upload, as it stands. A wait that is over for a moment, to see whether it has to go on, goes on.
    pub(crate) fn look_at(&mut self, server: &str, view: &View, said: Option<&str>) {
        let Some(trouble) = &view.trouble else { return };
        let reason = trouble.as_str();
        if view.state == State::Offline || self.now.contains_key(reason) {
            self.met.entry(reason).or_insert_with(|| (why(server, trouble, said), over(server, trouble)));
        }
    }

    /// This upload ends with what it waited for: that is not over.
    pub(crate) fn give_up(&mut self, view: &View) {
        if let Some(trouble) = view.trouble.as_ref().filter(|_| view.state == State::Failed) {
            self.now.remove(trouble.as_str());
        }
    }

    /// Every upload was looked at: what is to be told, a line for each reason that has begun or ended.
    pub(crate) fn news(&mut self) -> Vec<String> {
        let met = std::mem::take(&mut self.met);
        let ended = self.now.extract_if(.., |reason, _| !met.contains_key(reason));
        let mut lines: Vec<_> = ended.map(|(_, over)| over).collect();
        for (reason, (why, over)) in met {
            if self.now.insert(reason, over).is_none() {
                lines.push(format!("waiting: {why}; tried again until it is over"));
            }
        }
        lines
    }
}

/// Why an upload waits, or has failed; `said` is what the server says of it.
pub(crate) fn why(server: &str, trouble: &Trouble, said: Option<&str>) -> String {
    match trouble {
        Trouble::Network => format!("{server} can't be reached, or answers as no Cairn server does"),
        Trouble::Full { needed: Some(needed), free: Some(free) } => {
            format!("the server's disk is full: needs {}, {} free", size(*needed), size(*free))
        }
        Trouble::Full { .. } => "the server's disk is full".to_owned(),
        Trouble::Problem(code) => {
            format!("the server says: {} ({code})", said.unwrap_or_else(|| code.title()))
        }
        Trouble::Status(..400) => stranger(server),
        Trouble::Status(status) => format!("{server}, or something before it, answers with {status}"),
        Trouble::KeepsChanging => "the file keeps changing while it is read".to_owned(),
    }
}

/// What answers at the server's address is not Cairn.
pub(super) fn stranger(server: &str) -> String {
    format!(
        "something else than Cairn answers at {server} (a login page?): let this machine through there, and run it again; what was sent is kept"
    )
}

fn over(server: &str, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Network | Trouble::Status(_) => format!("going on: {server} answers again"),
        Trouble::Full { .. } => "going on: the server's disk has room again".to_owned(),
        Trouble::Problem(code) => format!("going on: \"{}\" is over", code.title()),
        Trouble::KeepsChanging => "going on: the file rests".to_owned(),
    }
}

fn size(bytes: u64) -> impl std::fmt::Display {
    ByteSize::b(bytes).display().si()
}

#[cfg(test)]
mod tests {
    use cairn_shared::ProblemCode;

    use super::*;

    const SERVER: &str = "http://cairn.test";

    fn view(state: State, trouble: Option<Trouble>) -> View {
        View { trouble, ..View::of("a".parse().unwrap(), 1, state) }
    }

    #[test]
    fn each_reason_is_told_once_when_it_begins_and_once_when_it_ends() {
        let mut waits = Waits::default();
        let mut news = |views: &[View]| {
            views.iter().for_each(|view| waits.look_at(SERVER, view, Some("It is being mended.")));
            waits.news()
        };
        let full = |free| Some(Trouble::Full { needed: Some(1_200_000_000), free: Some(free) });
        let (away, fits) = (Some(Trouble::Network), view(State::Sending, None));
        // One failure is no wait yet.
        assert_eq!(news(&[view(State::Sending, away.clone())]), Vec::<String>::new());
        let begun =
            news(&[view(State::Offline, full(300_000_000)), view(State::Offline, full(2)), fits.clone()]);
        assert_eq!(
            begun,
            ["waiting: the server's disk is full: needs 1.2 GB, 300.0 MB free; tried again until it is over"]
        );
        // It tries again for a moment, and another one waits for something else.
        let other = news(&[view(State::Sending, full(4)), view(State::Offline, away)]);
        assert!(other.len() == 1 && other[0].starts_with("waiting: http://cairn.test can't be"), "{other:?}");
        assert_eq!(
            news(&[fits.clone(), view(State::Offline, full(5))]),
            ["going on: http://cairn.test answers again"]
        );
        assert_eq!(news(&[fits]), ["going on: the server's disk has room again"]);
        assert_eq!(news(&[]), Vec::<String>::new());
        let (page, waiting) = (Some(Trouble::Status(302)), "waiting: something else than Cairn answers");
        assert!(news(&[view(State::Offline, page.clone())])[0].starts_with(waiting));
        waits.give_up(&view(State::Failed, page));
        let mut news = |views: &[View]| {
            views.iter().for_each(|view| waits.look_at(SERVER, view, Some("It is being mended.")));
            waits.news()
        };
        assert_eq!(news(&[]), Vec::<String>::new(), "it is told as a failure");
        let busy = Trouble::Problem(ProblemCode::Unavailable);
        assert_eq!(
            news(&[view(State::Offline, Some(busy.clone()))]),
            ["waiting: the server says: It is being mended. (unavailable); tried again until it is over"]
        );
        assert!(why(SERVER, &busy, None).contains(ProblemCode::Unavailable.title()));
    }
}
