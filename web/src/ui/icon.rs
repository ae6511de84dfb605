//! The signs on buttons.

use leptos::prelude::*;

/// A sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Two bars.
    Pause,
    /// A triangle.
    Resume,
    /// An arrow that turns back.
    Retry,
    /// A cross.
    Cancel,
    /// Two sheets.
    Copy,
    /// A tick.
    Tick,
    /// An arrow into a phone.
    HandOver,
    /// A folder.
    Folder,
}

impl Sign {
    const fn path(self) -> &'static str {
        match self {
            Self::Pause => "M7 4.500v11M13 4.500v11",
            Self::Resume => "M6.500 4.200v11.600l9-5.800z",
            Self::Retry => "M15.500 10a5.500 5.500 0 1 1-1.700-4M15.500 3.500v3h-3",
            Self::Cancel => "M5 5l10 10M15 5L5 15",
            Self::Copy => "M7.500 7.500h8v8h-8zM12.500 7.500v-3h-8v8h3",
            Self::HandOver => "M8.500 6V3.500h8v13h-8V14M2.500 10h8.500M8.300 7.300L11 10l-2.700 2.700",
            Self::Folder => "M2.500 6v9h15V7.500H9.500L8 5H3.500a1 1 0 0 0-1 1z",
            Self::Tick => "M4.500 10.500l3.800 3.800 7.200-8",
        }
    }
}

/// Draws a sign that may change.
#[component]
pub fn Icon(#[prop(into)] sign: Signal<Sign>) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
            <path d=move || sign.get().path() />
        </svg>
    }
}
