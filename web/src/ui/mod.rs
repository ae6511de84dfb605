//! The page's components, one per file. They show state and pass on what people do; they decide nothing.

pub mod app;
pub mod bar;
pub mod copy_button;
pub mod delete_button;
pub mod drop_zone;
pub mod file_name;
pub mod files;
pub mod folder_row;
pub mod footer;
pub mod go_button;
pub mod hand_over;
pub mod header;
pub mod icon;
pub mod icon_button;
pub mod limit_field;
pub mod my_files;
pub mod picker;
pub mod row;
pub mod row_actions;
pub mod row_link;
pub mod row_list;
pub mod toolbar;
pub mod unfinished;

use leptos::prelude::*;

pub use self::row::RowView;

use crate::platform::{document, drop};
use crate::state::page::Page;
use crate::state::words::Words;

/// Puts the page into the document and starts its shell.
pub fn mount() {
    document::remove("loading");
    mount_to_body(|| {
        let words = Words::of(&document::language());
        document::set_language(&words.language);
        let page = Page::new(words);
        let choosing = page.choosing;
        drop::on_drop(move |hovered| choosing.hovered.set(hovered), move |dropped| choosing.dropped(dropped));
        page.provide();
        page.start();
        view! { <app::App /> }
    });
}
