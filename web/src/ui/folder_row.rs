//! One folder: how far all of its files are, and what can be done about it.

use cairn_engine::State;
use leptos::prelude::*;

use crate::platform::clock;
use crate::shell::FolderView;
use crate::state::focus::folder_row_id;
use crate::state::language::Language;
use crate::state::phrases;
use crate::state::rows::FolderRow;
use crate::state::uploads::Uploads;
use crate::ui::bar::{Bar, Shares};
use crate::ui::file_name::FileName;
use crate::ui::go_button::GoButton;
use crate::ui::icon::{Icon, Sign};
use crate::ui::icon_button::IconButton;
use crate::ui::row_link::FolderLink;

/// One row for a folder, with the attributes of a file's row.
#[component]
pub fn FolderRowView(row: FolderRow) -> impl IntoView {
    let (language, uploads) = (Language::here(), Uploads::here());
    let view: Signal<FolderView> = row.view.clone().into();
    let id = row.id;
    let (name, raw_name) = view.with_untracked(|view| (view.name.visible(), view.name.as_str().to_owned()));
    let state = Memo::new(move |_| view.with(|view| view.state));
    let say = move |say: fn(&crate::state::words::Words, &FolderView) -> String| {
        move || language.with(|words| view.with(|view| say(words, view)))
    };
    let phrase = move || {
        let network = uploads.network.get();
        language.with(|words| view.with(|view| phrases::folder_state(words, view, network)))
    };
    let hint = move || {
        uploads.second.track();
        language.with(|words| view.with(|view| phrases::folder_hint(words, view, clock::now())))
    };
    let shares = Signal::derive(move || view.with(Shares::of_folder));
    let link = Memo::new(move |_| view.with(|view| view.url.clone()));
    let named = name.clone();
    let lacks = Memo::new(move |_| view.with(|view| view.can_do_without));
    let without_label = language.named(|words| &words.without_label, &name);
    let cancel_label = language.named(|words| &words.cancel_label, &name);
    view! {
        <li
            class="row row-folder"
            id=folder_row_id(id)
            data-testid="row"
            data-kind="folder"
            data-name=raw_name
            data-state=move || state.get().as_str()
            data-files=move || view.with(|view| view.files.to_string())
            data-done=move || view.with(|view| view.done.to_string())
            data-stored=move || view.with(|view| view.stored.to_string())
            data-sent=move || view.with(|view| view.sent.to_string())
        >
            <span class="stone" aria-hidden="true"><Icon sign=Sign::Folder /></span>
            <div class="row-main">
                <div class="row-head">
                    <FileName name=name.clone() />
                    <span class="row-state">{phrase}</span>
                </div>
                <Bar name=name.clone() shares />
                <p class="row-figures">
                    <span>{say(phrases::folder_progress)}</span>
                    {move || hint().map(|hint| view! { <span class="row-hint">{hint}</span> })}
                </p>
                {move || link.get().map(|url| view! { <FolderLink name=named.clone() url /> })}
            </div>
            <div class="row-actions">
                <Show when=move || lacks.get()>
                    <button
                        type="button"
                        class="button button-soft"
                        data-testid="row-without"
                        aria-label=without_label.clone()
                        on:click=move |_| uploads.do_without(id)
                    >
                        {language.word(|words| &words.without)}
                    </button>
                </Show>
                <Show when=move || !matches!(state.get(), State::Done | State::NeedsFile)>
                    <GoButton
                        name=StoredValue::new(name.clone())
                        state
                        pause=move || uploads.pause_folder(id)
                        resume=move || uploads.resume_folder(id)
                    />
                </Show>
                <Show when=move || state.get() != State::Done>
                    <IconButton
                        testid="row-cancel"
                        label=cancel_label.clone()
                        sign=Sign::Cancel
                        press=move || uploads.cancel_folder(id)
                    />
                </Show>
            </div>
        </li>
    }
}
