//! What a row says: its state word, its figures, and what to know or do.

use cairn_engine::{Now, State, Trouble, View};
use cairn_shared::ProblemCode;

use crate::state::figures;
use crate::state::words::{Words, fill};

/// The state word.
pub fn state<'a>(words: &'a Words, view: &View) -> &'a str {
    match view.state {
        State::Waiting => &words.waiting,
        State::Reading => &words.reading,
        State::Sending => &words.sending,
        State::Verifying => &words.verifying,
        State::Done if was_here(view) => &words.already_here,
        State::Done => &words.done,
        State::Paused => &words.paused,
        State::Offline => match &view.trouble {
            Some(Trouble::Problem(_) | Trouble::Status(_)) => &words.offline_server,
            Some(Trouble::Network | Trouble::KeepsChanging) | None => &words.offline,
        },
        State::NeedsFile => &words.needs_file,
        State::Failed => &words.failed,
    }
}

/// `1.2 of 4.8 GB · 34 MB/s · about 2 min`; the size alone once it is done.
pub fn progress(words: &Words, view: &View) -> String {
    let mut parts = Vec::with_capacity(3);
    if view.state == State::Done || view.size == 0 {
        parts.push(figures::size(words, view.size));
    } else {
        parts.push(figures::part(words, view.stored, view.size));
    }
    if matches!(view.state, State::Reading | State::Sending) {
        parts.extend(view.speed.map(|speed| figures::rate(words, speed)));
        parts.extend(view.left_seconds.map(|left| {
            let time = figures::time(words, left);
            fill(&words.left_about, &[("time", &time)])
        }));
    }
    parts.join(" · ")
}

/// What a person should know beside the state word.
pub fn hint(words: &Words, view: &View, now: Now) -> Option<String> {
    match view.state {
        State::Failed => view.trouble.as_ref().map(|trouble| why(words, trouble)),
        State::NeedsFile => Some(words.lost.clone()),
        State::Offline => {
            let why = view.trouble.as_ref().map(|trouble| why(words, trouble));
            Some(why.unwrap_or_else(|| words.network.clone()) + &retry(words, view, now))
        }
        State::Waiting | State::Reading | State::Sending | State::Verifying | State::Done | State::Paused => {
            reused(words, view)
        }
    }
}

fn was_here(view: &View) -> bool {
    view.sent == 0 && view.size > 0 && view.reused == view.size
}

fn reused(words: &Words, view: &View) -> Option<String> {
    if view.reused == 0 || was_here(view) {
        return None;
    }
    let percent = figures::percent_text(figures::percent(view.reused, view.size));
    Some(if view.changed {
        fill(&words.changed, &[("percent", &percent)])
    } else {
        fill(&words.saved, &[("size", &figures::size(words, view.reused))])
    })
}

fn why(words: &Words, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Network => words.network.clone(),
        Trouble::Problem(code) => problem(words, *code),
        Trouble::Status(status) => fill(&words.status, &[("status", &status.to_string())]),
        Trouble::KeepsChanging => words.keeps_changing.clone(),
    }
}

fn problem(words: &Words, code: ProblemCode) -> String {
    fill(&words.problem, &[("title", code.title()), ("code", code.as_str())])
}

fn retry(words: &Words, view: &View, now: Now) -> String {
    let seconds =
        view.retry_at.map(|at| at.saturating_sub(now).div_ceil(1_000)).filter(|seconds| *seconds > 1);
    seconds.map_or_else(String::new, |seconds| {
        let time = figures::time(words, seconds);
        format!(" · {}", fill(&words.retry_in, &[("time", &time)]))
    })
}
