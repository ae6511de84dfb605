//! Name and sign.

use leptos::prelude::*;

use crate::state::language::Language;

/// Name and sign.
#[component]
pub fn Header() -> impl IntoView {
    let language = Language::here();
    view! {
        <header class="header">
            <svg class="sign" viewBox="0 0 32 32" aria-hidden="true">
                <path class="stone-top" d="M12.4 6.4c.9-2.3 5.700-2.700 7.200-.8 1.100 1.500.3 3.400-1.900 3.900-2.200.5-4.300.4-5.200-.5-.6-.6-.5-1.700-.1-2.600Z" />
                <path class="stone-middle" d="M9.200 14.600c.6-2.500 3.700-3.500 7.300-3.400 3.500.1 6.300 1.200 6.500 3.500.2 2.200-2.400 3.300-6.900 3.300-4.600 0-7.400-1-6.900-3.400Z" />
                <path class="stone-bottom" d="M4.600 24.400c.3-3.200 4.700-4.700 11.300-4.700 6.800 0 11.600 1.500 11.600 4.700 0 3-4.600 4-11.500 4-7 0-11.700-.9-11.400-4Z" />
            </svg>
            <h1 class="name">{language.word(|words| &words.title)}</h1>
            <p class="tagline">{language.word(|words| &words.tagline)}</p>
        </header>
    }
}
