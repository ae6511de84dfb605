//! Pause and resume.

use cairn_engine::State;
use leptos::prelude::*;

use crate::state::language::Language;
use crate::ui::icon::{Icon, Sign};

/// One button for pause and resume, so that pressing it does not take the focus away from it.
#[component]
pub fn GoButton(
    name: StoredValue<String>,
    state: Memo<State>,
    pause: impl Fn() + 'static,
    resume: impl Fn() + 'static,
) -> impl IntoView {
    let language = Language::here();
    let resting = move || rests(state.get());
    let label = move || {
        name.with_value(|name| {
            language.named(
                |words| match (resting(), state.get() == State::Failed) {
                    (true, true) => &words.retry_label,
                    (true, false) => &words.resume_label,
                    (false, _) => &words.pause_label,
                },
                name,
            )
        })
    };
    let sign = Signal::derive(move || match (resting(), state.get() == State::Failed) {
        (true, true) => Sign::Retry,
        (true, false) => Sign::Resume,
        (false, _) => Sign::Pause,
    });
    let press = move |_| if rests(state.get_untracked()) { resume() } else { pause() };
    view! {
        <button
            type="button"
            class="icon-button"
            data-testid=move || if resting() { "row-resume" } else { "row-pause" }
            aria-label=label
            title=label
            on:click=press
        >
            <Icon sign />
        </button>
    }
}

/// Whether a person can have it go on.
pub(super) fn rests(state: State) -> bool {
    matches!(state, State::Paused | State::Failed)
}
