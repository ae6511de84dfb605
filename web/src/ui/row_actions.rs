//! Pause, resume, choose again and cancel.

use cairn_engine::{State, UploadId, View};
use leptos::prelude::*;

use crate::state::page::Page;
use crate::ui::icon::{Icon, Sign};

/// The buttons at a row's end; none once it is done.
#[component]
pub fn RowActions(page: Page, id: UploadId, name: String, view: ArcRwSignal<View>) -> impl IntoView {
    let state = Memo::new(move |_| view.with(|view| view.state));
    let name = StoredValue::new(name);
    let wanted = move || name.get_value();
    view! {
        <div class="row-actions">
            <Show when=move || state.get() == State::NeedsFile>
                <button
                    type="button"
                    class="button button-main"
                    data-testid="row-choose"
                    aria-label=name.with_value(|name| page.named(|words| &words.choose_label, name))
                    on:click=move |_| page.choose_again(wanted())
                >
                    {page.word(|words| &words.choose)}
                </button>
            </Show>
            <Show when=move || goes_on(state.get()) || rests(state.get())>
                <GoButton page id name state />
            </Show>
            <Show when=move || state.get() != State::Done>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="row-cancel"
                    aria-label=name.with_value(|name| page.named(|words| &words.cancel_label, name))
                    title=name.with_value(|name| page.named(|words| &words.cancel_label, name))
                    on:click=move |_| page.cancel(id)
                >
                    <Icon sign=Sign::Cancel />
                </button>
            </Show>
        </div>
    }
}

/// One button for pause and resume, so that pressing it does not take the focus away from it.
#[component]
fn GoButton(page: Page, id: UploadId, name: StoredValue<String>, state: Memo<State>) -> impl IntoView {
    let resting = move || rests(state.get());
    let label = move || {
        name.with_value(|name| {
            page.named(
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
    let press = move |_| if rests(state.get_untracked()) { page.resume(id) } else { page.pause(id) };
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

fn goes_on(state: State) -> bool {
    match state {
        State::Waiting | State::Reading | State::Sending | State::Verifying | State::Offline => true,
        State::Done | State::Paused | State::NeedsFile | State::Failed => false,
    }
}

fn rests(state: State) -> bool {
    matches!(state, State::Paused | State::Failed)
}
