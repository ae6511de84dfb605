//! Pause, resume, choose again and cancel.

use cairn_engine::{State, UploadId, View};
use leptos::prelude::*;

use crate::state::page::Page;
use crate::ui::go_button::{GoButton, rests};
use crate::ui::icon::{Icon, Sign};

/// The buttons at a row's end; none once it is done.
#[component]
pub fn RowActions(page: Page, id: UploadId, name: String, view: ArcRwSignal<View>) -> impl IntoView {
    let state = Memo::new(move |_| view.with(|view| view.state));
    let name = StoredValue::new(name);
    // What another tab is at can't be paused here.
    let elsewhere = move || page.elsewhere.with(|rows| rows.contains(&id));
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
            <Show when=move || (goes_on(state.get()) || rests(state.get())) && !elsewhere()>
                <GoButton page name state pause=move || page.pause(id) resume=move || page.resume(id) />
            </Show>
            <Show when=move || can_hand_over(state.get())>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="row-hand-over"
                    aria-label=name.with_value(|name| page.named(|words| &words.hand_over_label, name))
                    title=name.with_value(|name| page.named(|words| &words.hand_over_label, name))
                    on:click=move |_| page.hand_over(id)
                >
                    <Icon sign=Sign::HandOver />
                </button>
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
