//! Deletes a file or a folder after asking once more.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::own::OwnId;
use crate::platform::clock;
use crate::state::language::Language;
use crate::state::library::Library;

/// How long the question stands, in milliseconds.
const ASKED_MS: u32 = 4_000;

/// What the button says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Offer,
    Ask,
    Failed,
}

/// A button that has to be pressed twice.
#[component]
pub fn DeleteButton(name: String, id: OwnId) -> impl IntoView {
    let (language, library) = (Language::here(), Library::here());
    let step = RwSignal::new(Step::Offer);
    let press = move |_| {
        let asked = step.get_untracked() == Step::Ask;
        step.set(Step::Ask);
        spawn_local(async move {
            if asked {
                let gone = library.delete(id).await;
                step.try_set(if gone { Step::Offer } else { Step::Failed });
            }
            clock::sleep(ASKED_MS).await;
            step.try_set(Step::Offer);
        });
    };
    let text = move || {
        language.word(|words| match step.get() {
            Step::Offer => &words.delete,
            Step::Ask => &words.delete_sure,
            Step::Failed => &words.delete_failed,
        })
    };
    let label = move || match step.get() {
        Step::Offer => Some(language.named(|words| &words.delete_label, &name)),
        Step::Ask | Step::Failed => None,
    };
    view! {
        <button
            type="button"
            class="button button-quiet"
            class:button-grave=move || step.get() != Step::Offer
            data-testid="row-delete"
            aria-label=label
            on:click=press
        >
            {text}
        </button>
    }
}
