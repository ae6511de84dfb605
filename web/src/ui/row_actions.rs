//! Pause, resume, choose again and cancel.

use cairn_engine::{State, UploadId, View};
use leptos::prelude::*;

use crate::state::choosing::Choosing;
use crate::state::identity::Identity;
use crate::state::language::Language;
use crate::state::uploads::Uploads;
use crate::ui::go_button::{GoButton, rests};
use crate::ui::icon::Sign;
use crate::ui::icon_button::IconButton;

/// The buttons at a row's end; none once it is done.
#[component]
pub fn RowActions(id: UploadId, name: String, view: ArcRwSignal<View>) -> impl IntoView {
    let (language, uploads, identity, choosing) =
        (Language::here(), Uploads::here(), Identity::here(), Choosing::here());
    let state = Memo::new(move |_| view.with(|view| view.state));
    let name = StoredValue::new(name);
    // What another tab is at can't be paused here.
    let elsewhere = move || uploads.elsewhere.with(|rows| rows.contains(&id));
    let wanted = move || name.get_value();
    view! {
        <div class="row-actions">
            <Show when=move || state.get() == State::NeedsFile>
                <button
                    type="button"
                    class="button button-main"
                    data-testid="row-choose"
                    aria-label=name.with_value(|name| language.named(|words| &words.choose_label, name))
                    on:click=move |_| choosing.choose_again(wanted())
                >
                    {language.word(|words| &words.choose)}
                </button>
            </Show>
            <Show when=move || (goes_on(state.get()) || rests(state.get())) && !elsewhere()>
                <GoButton name state pause=move || uploads.pause(id) resume=move || uploads.resume(id) />
            </Show>
            <Show when=move || can_hand_over(state.get())>
                <IconButton
                    testid="row-hand-over"
                    label=name.with_value(|name| language.named(|words| &words.hand_over_label, name))
                    sign=Sign::HandOver
                    press=move || identity.hand_over(id)
                />
            </Show>
            <Show when=move || state.get() != State::Done>
                <IconButton
                    testid="row-cancel"
                    label=name.with_value(|name| language.named(|words| &words.cancel_label, name))
                    sign=Sign::Cancel
                    press=move || uploads.cancel(id)
                />
            </Show>
        </div>
    }
}

fn can_hand_over(state: State) -> bool {
    match state {
        State::Reading | State::Sending | State::Offline | State::Paused | State::NeedsFile => true,
        State::Waiting | State::Verifying | State::Done | State::Failed => false,
    }
}

fn goes_on(state: State) -> bool {
    match state {
        State::Waiting | State::Reading | State::Sending | State::Verifying | State::Offline => true,
        State::Done | State::Paused | State::NeedsFile | State::Failed => false,
    }
}
