//! What a row says: its state word, its figures, and what to know or do.

use cairn_engine::{Now, State, Trouble, View};
use cairn_shared::ProblemCode;

use crate::shell::FolderView;
use crate::state::figures;
use crate::state::words::{Plural, Words, fill};

/// The state word; `network` where the browser believes that there is one.
pub fn state<'a>(words: &'a Words, view: &View, network: bool) -> &'a str {
    match view.state {
        State::Waiting => &words.waiting,
        State::Reading => &words.reading,
        State::Sending => &words.sending,
        State::Verifying => &words.verifying,
        State::Done if was_here(view) => &words.already_here,
        State::Done => &words.done,
        State::Paused => &words.paused,
        State::Offline => waits_for(words, view.trouble.as_ref(), network),
        State::NeedsFile => &words.needs_file,
        State::Failed => &words.failed,
    }
}

fn waits_for<'a>(words: &'a Words, trouble: Option<&Trouble>, network: bool) -> &'a String {
    match trouble {
        Some(Trouble::Full { .. }) => &words.offline_full,
        Some(Trouble::Problem(_) | Trouble::Status(_)) => &words.offline_server,
        Some(Trouble::Network | Trouble::KeepsChanging) | None if network => &words.unreachable,
        Some(Trouble::Network | Trouble::KeepsChanging) | None => &words.offline,
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
    if is_under_way(view.state) {
        parts.extend(view.speed.map(|speed| figures::rate(words, speed)));
        parts.extend(view.left_seconds.map(|left| {
            let time = figures::time(words, left);
            fill(&words.left_about, &[("time", &time)])
        }));
    }
    parts.join(" · ")
}

/// Elsewhere there is no speed to tell, whatever was measured before.
pub(super) const fn is_under_way(state: State) -> bool {
    matches!(state, State::Reading | State::Sending)
}

/// What a person should know beside the state word.
pub fn hint(words: &Words, view: &View, now: Now) -> Option<String> {
    match view.state {
        State::Failed => view.trouble.as_ref().map(|trouble| why(words, trouble)),
        State::NeedsFile => Some(words.lost.clone()),
        State::Offline => Some(waits(words, view.trouble.as_ref(), view.retry_at, now)),
        State::Waiting | State::Reading | State::Sending | State::Verifying | State::Done | State::Paused => {
            let hints: Vec<_> = limited(words, view).into_iter().chain(reused(words, view)).collect();
            (!hints.is_empty()).then(|| hints.join(" · "))
        }
    }
}

fn was_here(view: &View) -> bool {
    view.sent == 0 && view.size > 0 && view.reused == view.size
}

fn limited(words: &Words, view: &View) -> Option<String> {
    view.limit.map(|limit| fill(&words.limited, &[("rate", &figures::rate(words, limit))]))
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
        Trouble::Full { needed: Some(needed), free: Some(free) } => {
            let (needed, free) = (figures::size(words, *needed), figures::size(words, *free));
            fill(&words.full, &[("needed", &needed), ("free", &free)])
        }
        Trouble::Full { .. } => words.full_somehow.clone(),
        Trouble::Problem(code) => problem(words, *code),
        Trouble::Status(429 | 503) => words.busy.clone(),
        Trouble::Status(..400) => words.stranger.clone(),
        Trouble::Status(status) => fill(&words.status, &[("status", &status.to_string())]),
        Trouble::KeepsChanging => words.keeps_changing.clone(),
    }
}

fn problem(words: &Words, code: ProblemCode) -> String {
    if matches!(code, ProblemCode::TooManyRequests | ProblemCode::Unavailable) {
        return words.busy.clone();
    }
    fill(&words.problem, &[("title", code.title()), ("code", code.as_str())])
}

fn waits(words: &Words, trouble: Option<&Trouble>, retry_at: Option<Now>, now: Now) -> String {
    let why = trouble.map_or_else(|| words.network.clone(), |trouble| why(words, trouble));
    let left = retry_at.map_or(0, |at| at.saturating_sub(now).div_ceil(1_000));
    if left < 2 {
        return why;
    }
    // Somebody who watches a countdown sees every second of it.
    let time = if left < 60 {
        fill(&words.seconds, &[("n", &left.to_string())])
    } else {
        figures::time(words, left)
    };
    format!("{why} · {}", fill(&words.retry_in, &[("time", &time)]))
}

/// A folder's state word, as of a file.
pub fn folder_state(words: &Words, view: &FolderView, network: bool) -> String {
    let text = match view.state {
        State::Reading if view.walking => &words.walking,
        State::Waiting => &words.waiting,
        State::Reading => &words.reading,
        State::Sending => &words.sending,
        State::Verifying => &words.verifying,
        State::Done if view.sent == 0 && view.size > 0 && view.reused == view.size => &words.already_here,
        State::Done => &words.done,
        State::Paused => &words.paused,
        State::Offline => waits_for(words, view.trouble.as_ref(), network),
        State::NeedsFile => &words.needs_files,
        State::Failed => &words.failed,
    };
    text.clone()
}

/// `120 of 300 files · 1.2 of 4.8 GB · 34 MB/s · about 2 min`.
pub fn folder_progress(words: &Words, view: &FolderView) -> String {
    let (done, count) = (figures::count(words, view.done), figures::count(words, view.files));
    let files = match (view.walking, view.state == State::Done) {
        (true, _) => &words.files_so_far,
        (false, true) => &words.files_all,
        (false, false) => &words.total_files,
    };
    let mut parts = vec![fill(files.of(view.files.into()), &[("done", &done), ("count", &count)])];
    if view.state == State::Done {
        parts.push(figures::size(words, view.size));
    } else if view.size > 0 {
        parts.push(figures::part(words, view.stored, view.size));
    }
    if let Some(speed) = view.speed.filter(|speed| *speed > 0 && is_under_way(view.state)) {
        parts.push(figures::rate(words, speed));
        if !view.walking {
            let left = view.size.saturating_sub(view.stored).div_ceil(speed);
            parts.push(fill(&words.left_about, &[("time", &figures::time(words, left))]));
        }
    }
    parts.join(" · ")
}

/// What a person should know of a folder beside the state word.
pub fn folder_hint(words: &Words, view: &FolderView, now: Now) -> Option<String> {
    let numbered = |text: &Plural, n: u32| {
        (n > 0).then(|| fill(text.of(n.into()), &[("count", &figures::count(words, n))]))
    };
    let mut parts = Vec::new();
    match view.state {
        State::Offline => parts.push(waits(words, view.trouble.as_ref(), view.retry_at, now)),
        State::Failed => parts.extend(view.trouble.as_ref().map(|trouble| why(words, trouble))),
        State::Waiting
        | State::Reading
        | State::Sending
        | State::Verifying
        | State::Done
        | State::Paused
        | State::NeedsFile => {}
    }
    let failed = view.failed;
    parts.extend((failed > 0).then(|| fill(&words.files_failed, &[("n", &figures::count(words, failed))])));
    parts.extend(numbered(&words.files_lost, view.lost));
    if view.reused > 0 && (view.sent > 0 || view.reused < view.size) {
        parts.push(fill(&words.saved, &[("size", &figures::size(words, view.reused))]));
    }
    parts.extend(numbered(&words.folders_empty, view.empty));
    (!parts.is_empty()).then(|| parts.join(" · "))
}
